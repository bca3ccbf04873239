public import Attention
public import HWModels
public import Programs

/// LeanAttention: stream-K for decode. The key tiles of all heads and sequences are one line, and every work item takes an
/// equal run of it, across the borders of heads.
///
/// - Shapes: as `FlashDecoding`.
/// - Models: the run of each work item piece by piece, partial results in fp32, their merge by the work item that has the
///   first piece (`merge=host`) or by a kernel of its own (`merge=combine`), three rules for the number of work items.
/// - Leaves out: waits of a host for pieces that end later than its own; alternating order of causal row tiles.
/// - Source: Sanovar et al. 2024 (arXiv 2405.10480); microsoft/onnxruntime contrib_ops/cuda/bert/lean_attention
///   (`kernel=authors`); ROCm/aiter lean_atten.py (`kernel=aiter`); validation/measure/decode_kernels.py
///   (`kernel=triton`).
///
/// Expected: all work items end together, after the bytes of keys and values over the bandwidth, or after their tiles
/// x the chain of a step. Against Flash-Decoding it saves the last, partly filled wave and nothing else.
/// - Complexity: O(work items) to build.
public struct LeanAttention: Schedule {
  public static let name = "lean"
  public static let summary = "LeanAttention: equal runs of key tiles across heads (stream-K)"
  enum Maker: String, CaseIterable { case authors, aiter, triton }
  enum Merge: String, CaseIterable { case auto, host, combine }
  static let programs = Parameter(
    "programs",
    "work items: auto by the kernel's rule (authors: about two a core; aiter: factor x cores), or a number",
    in: 1...1_000_000, default: Auto.auto)
  static let kernel = Parameter(
    "kernel", "whose tiles and dealing: authors (CUDA), aiter (Triton, per XCD), triton (equal runs)",
    default: Maker.authors)
  static let merge = Parameter(
    "merge", "who merges: host, the work item with the first piece; combine, a kernel of its own",
    default: Merge.auto, dependsOn: kernel.isNot("triton"))
  static let factor = Parameter(
    "factor", "work items a core of AITER's rule", in: 1...32, default: 3,
    dependsOn: kernel.is("aiter") && programs.is("auto"))
  static let xcds = Parameter(
    "xcds", "dies with lines of their own in AITER's rule", in: 1...64, default: 1,
    dependsOn: kernel.is("aiter") && .equalLengths)
  public static let parameters: [any AnyParameter] = [
    programs, kernel, merge, factor, xcds, KVFormat.parameter, DecodePages.parameter,
  ]
  public static let needs = DeviceNeed.ampere
  public static let support = Support(
    .init(
      when: DecodePages.wholeTiles(unless: kernel.isNot("authors")) && aiterPages, masks: .bands,
      batches: BatchSupport(
        keyLengths: true, sharedPrefix: .wholePages("page-size") { $0[DecodePages.parameter].number }),
      mostQueries: DecodeLimits.mostQueries))
  /// AITER's kernel has a page for each tile.
  private static let aiterPages =
    kernel.isNot("aiter")
    || Condition("page-size off or the keys of a tile") { call in
      call.values[DecodePages.parameter].number.map { $0 == DecodeTile.aiter(call.shape).keyTile } ?? true
    }

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var maker: Maker { values[Self.kernel] }
  private var requestedPrograms: Int? { values[Self.programs].number }
  private var mergesInHost: Bool {
    switch maker {
    // Triton's kernel has none but the second kernel.
    case .triton: false
    case .aiter: values[Self.merge] != .combine
    case .authors: values[Self.merge] == .host
    }
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try DecodeLimits.check(shape, schedule: Self.name)
    let tile: DecodeTile =
      switch maker {
      case .authors: .authors(shape)
      case .aiter: .aiter(shape)
      case .triton: .triton(shape)
      }
    let items = DecodeItems(shape: shape, rows: tile.rows, keyTile: tile.keyTile)
    try DecodeLimits.check(items: items.sequences * items.rowTiles, schedule: Self.name)
    let (space, lengths, parts) = items.streamed(try lines(items, on: device), mergesAll: maker == .triton)
    try DecodeLimits.check(items: space.total, schedule: Self.name)
    var launches = [
      Launch(
        try DecodeKernel(
          schedule: Self.name, name: "lean_fwd", shape: shape, tile: tile, format: values[KVFormat.parameter],
          pages: values[DecodePages.parameter].number.map {
            DecodePages(tokens: $0, perRow: maker == .triton)
          }
        ).kernel(
          space, policy: .ranges(lengths: lengths), on: device))
    ]
    if maker == .triton || parts.contains(where: { $0 > 1 }) {
      if mergesInHost {
        launches.append(
          Launch(
            try LeanHostMerge(schedule: Self.name, shape: shape, tile: tile, parts: parts).kernel(on: device),
            start: .inside))
      } else {
        launches.append(
          Launch(
            try DecodeCombine(
              schedule: Self.name, shape: shape, tileRows: tile.rows, parts: parts,
              mergesSingles: maker == .triton
            ).kernel(on: device)))
      }
    }
    return Program(schedule: Self.name, shape: shape, body: .launches(launches))
  }

  /// The line, or one for each die, with the work items that share it.
  private func lines(_ items: DecodeItems, on device: Device) throws(ScheduleError) -> [StreamKRanges] {
    let cores = Int(device.cores.count.value)
    let outputs = items.line()
    let total = outputs.reduce(0) { $0 + $1.count * $1.tiles }
    guard total <= DecodeLimits.mostItems * 64 else {
      throw .unsupported(schedule: Self.name, field: "seq-kv", message: "takes at most 2^28 key tiles")
    }
    switch maker {
    case .triton:
      return [StreamKRanges(outputs: outputs, equalRuns: requestedPrograms ?? 2 * cores)]
    case .authors:
      let grid = StreamKRanges.authorsGrid(
        total: total, outputTiles: items.sequences * items.rowTiles, blocks: items.blocks, cores: cores)
      return [StreamKRanges(outputs: outputs, grid: requestedPrograms ?? grid)]
    case .aiter:
      let grid =
        requestedPrograms
        ?? StreamKRanges.aiterGrid(
          total: total, blocks: items.blocks, cores: cores, factor: values[Self.factor])
      let xcds = items.shape.lengths == nil ? values[Self.xcds] : 1
      guard xcds > 1 else { return [StreamKRanges(outputs: outputs, grid: grid)] }
      guard items.shape.headsKV % xcds == 0 else {
        throw .unsupported(
          schedule: Self.name, field: "kv-heads",
          message: "with \(xcds) XCDs takes a multiple of \(xcds) KV heads")
      }
      // Every die has the same share of the heads, and arithmetic of its own.
      let one = items.line(dies: xcds)
      return (0..<xcds).map { _ in StreamKRanges(outputs: one, grid: max(grid / xcds, 1)) }
    }
  }
}

/// The end of a stream-K kernel with host merge: the work item with an output's first piece adds the others' pieces.
///
/// Expected per piece (16 rows, head dimension 128): maximum, sum and 8 KiB of output from the shared cache past the first
/// level, 353 cycles of latency and 8192 / 107 of port, two exponentials a row, one multiply-add an element: about 500
/// cycles, one piece after another.
/// - Source: ROCm/aiter lean_atten.py, the spin on each lock in order and the merge behind it.
struct LeanHostMerge {
  let schedule: String
  let shape: AttentionShape
  let tile: DecodeTile
  /// Pieces of each output tile.
  let parts: [Int]

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let threads = 32 * tile.warps
    let elements = Double(tile.rows * shape.headDimV)
    let merge = Merge(
      schedule: schedule, name: "host merge", shape: shape, rows: tile.rows, mostParts: parts.max() ?? 1,
      fewestParts: 2,
      footprint: Footprint(threads: threads, registersPerThread: tile.registersPerThread, sharedBytes: 0),
      weights: .running(.init("load statistics") { $0.otherInstructions = Double(4 * threads) }),
      wait: .init("spin on the lock", chain: Chain(alu: 1, global: 1)) {
        $0.otherInstructions = Double(4 * threads)
      },
      add: { _ in
        .init("add output", chain: Chain(alu: 3, exp: 1)) {
          $0.exp = Double(2 * tile.rows)
          $0.fma = 2 * elements
          $0.otherInstructions = elements / 4 + Double(8 * threads)
        }
      },
      store: .init("store O", chain: Chain(alu: 4)) { $0.fma = elements },
      storedRows: min(tile.rows, shape.seqQ * shape.group))
    // One item for each output tile.
    let rowTiles = (shape.seqQ * shape.group + tile.rows - 1) / tile.rows
    let sequences = (0..<shape.batch * shape.headsKV).map { sequence in
      (
        1,
        parts[sequence * rowTiles..<(sequence + 1) * rowTiles].map {
          Merge.Run(parts: .ascending(0..<$0), count: 1)
        }
      )
    }
    return try merge.kernel(merge.items(sequences, packedHeads: shape.group), on: device)
  }
}
