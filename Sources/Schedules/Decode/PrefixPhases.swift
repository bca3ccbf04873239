import Attention
import HWModels
import Programs

/// Decode of a batch that shares its first keys in two phases: all queries against the prefix, read once, then each sequence
/// against its own keys. Both leave partial results, which one kernel merges.
///
/// Seen from a key-value head, the prefix has batch x queries x heads of a group as rows, whose tiles are those of a kernel
/// for several queries; each phase is an ordinary decode call on a shape of its own.
///
/// Expected: phase one takes the bytes of the prefix over the bandwidth of device memory, once; or, with many rows, its
/// products. 128 rows x 64 keys at head dimension 128 are 4.2 Mflop, 1580 cycles of mma.sync on an H100; 128 sequences of 32
/// heads on as many key-value heads against 32,768 keys take 512 such tiles a head, 16,384 in all, 124 a core: 0.11 ms, and
/// 512 MiB, 0.17 ms; copies and products of one work item follow each other, and two share a core: up to the sum. In one
/// phase every sequence asks the shared cache for all of the prefix, 64 GiB: 7 ms and more.
/// - Source: flashinfer-ai/flashinfer flashinfer/cascade.py (`MultiLevelCascadeAttentionWrapper`); Juravsky et al. 2024,
///   "Hydragen" (arXiv 2402.05099); Ye et al. 2024, "ChunkAttention" (arXiv 2402.15220), two-phase partition.
/// - Leaves out: FlashInfer's merge of each level by a kernel of its own; here one kernel merges all parts.
struct PrefixPhases {
  let schedule: String
  /// All queries of a key-value head against the prefix, as one sequence.
  let prefix: AttentionShape
  /// Each sequence against its own keys.
  let suffix: AttentionShape
  private let batch: Int
  private let sharedKeys: Int

  /// - Throws: `ScheduleError.unsupported` where a query does not see the whole prefix, or a sequence has no keys of its own.
  init(_ shape: AttentionShape, schedule: String) throws(ScheduleError) {
    self.schedule = schedule
    batch = shape.batch
    sharedKeys = shape.sharedPrefix
    func refuse(_ message: String) -> ScheduleError {
      .unsupported(schedule: schedule, field: "shared-prefix", message: "with phases=2 " + message)
    }
    let shortest = shape.keyRuns.reduce(shape.seqKV) { min($0, $1.keys) }
    guard sharedKeys < shortest else {
      throw refuse("takes prefixes that leave each sequence keys of its own")
    }
    if shape.mask == .causal {
      guard sharedKeys <= shortest - shape.seqQ + 1 else {
        throw refuse("takes prefixes that all queries see: at most \(shortest - shape.seqQ + 1) keys here")
      }
    }
    do {
      prefix = try AttentionShape(
        batch: 1, headsQ: shape.headsQ, headsKV: shape.headsKV, seqQ: shape.batch * shape.seqQ,
        seqKV: sharedKeys, headDim: shape.headDim, headDimV: shape.headDimV, dataType: shape.dataType)
      suffix = try AttentionShape(
        batch: shape.batch, headsQ: shape.headsQ, headsKV: shape.headsKV, seqQ: shape.seqQ,
        seqKV: shape.seqKV - sharedKeys, headDim: shape.headDim, headDimV: shape.headDimV,
        dataType: shape.dataType, mask: shape.mask,
        lengths: try shape.lengths.map { [sharedKeys] lengths in
          try BatchLengths(keys: lengths.keys.map { $0 - sharedKeys })
        })
    } catch {
      throw .unsupported(schedule: schedule, field: "shared-prefix", message: "\(error)")
    }
  }

  /// The kernels of both phases, rows of a tile of the second, and the parts of each of its tiles, those of the prefix
  /// included.
  func kernels(
    suffixTile: DecodeTile, format: KVFormat, pages: DecodePages?, prefixCut: (DecodeItems) -> FixedSplit,
    suffixCut: (DecodeItems) -> FixedSplit, chunked: Bool, on device: Device
  ) throws(ScheduleError) -> (kernels: [Kernel], tileRows: Int, parts: [Int]) {
    let tile = DecodeTile.flashinfer(prefix, on: device)
    let first = DecodeItems(shape: prefix, rows: tile.rows, keyTile: tile.keyTile)
    var (firstSpace, firstParts) = first.fixed(splits: prefixCut(first).splits, isPartial: true)
    firstSpace.keys = 0..<sharedKeys
    firstSpace.stackedBatch = batch
    // Without a mask all tiles of rows are cut alike.
    let prefixParts = firstParts.first ?? 1
    let second = DecodeItems(shape: suffix, rows: suffixTile.rows, keyTile: suffixTile.keyTile)
    let cut = suffixCut(second)
    var (secondSpace, parts) = second.fixed(
      splits: cut.splits, chunk: chunked ? cut.longest : nil, isPartial: true)
    secondSpace.keys = sharedKeys..<sharedKeys + suffix.seqKV
    try DecodeLimits.check(items: max(firstSpace.total, secondSpace.total), schedule: schedule)
    let kernels = [
      try DecodeKernel(
        schedule: schedule, name: "prefix_fwd", shape: prefix, tile: tile, format: format, pages: pages
      ).kernel(firstSpace, policy: .grid(order: .tilesFastest), on: device),
      try DecodeKernel(
        schedule: schedule, name: "decode_split", shape: suffix, tile: suffixTile, format: format,
        pages: pages,
        firstSplit: prefixParts
      ).kernel(secondSpace, policy: .grid(order: .tilesFastest), on: device),
    ]
    return (kernels, suffixTile.rows, parts.map { $0 + prefixParts })
  }
}
