public import Attention
public import HWModels
public import Programs

/// Flash-Decoding: the keys of each sequence in parts of equal length, one work item each, and a kernel that merges them.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`, seqQ mostly 1; the query heads of a group share the rows of a tile.
/// - Models: asynchronous copies by the warps, synchronous products, statistics across warps where they share rows, partial
///   results in fp32, the merge part after part, split rules by the name of the kernel that has them.
///   With lengths of their own each sequence is cut into as many parts, shorter ones into shorter parts; a prefill beside
///   decode has row tiles of its own, as in FlashInfer's plan.
///   A batch that shares its first keys reads them through the page list of each sequence (`phases=1`), or with a kernel of
///   its own for all queries before (`phases=2`, `PrefixPhases`).
/// - Leaves out: more than one shared prefix, and prefixes of prefixes.
/// - Source: Dao et al. 2023, "Flash-Decoding"; validation/measure/decode_kernels.py (`kernel=triton`);
///   Dao-AILab/flash-attention flash_api.cpp, hopper/heuristics.h, flash_attn/cute/interface.py; CUTLASS example 77; FlashInfer's plan (`FlashInferPlan`).
///
/// Expected: see `DecodeKernel` for a step and `DecodeCombine` for a part. Long calls take the bytes of keys and values
/// over the bandwidth of device memory; few work items take steps x 1480 cycles.
/// - Complexity: O(work items) to build.
public struct FlashDecoding: Schedule {
  public static let name = "flash-decoding"
  public static let summary = "Flash-Decoding: keys in parts of equal length, then a merging kernel"
  enum Tile: String, CaseIterable { case triton, authors }
  enum Phases: String, CaseIterable {
    case one = "1"
    case two = "2"
  }
  static let splits = Parameter(
    "splits", "parts of each sequence; auto applies the rule", in: 1...DecodeLimits.mostSplits,
    default: Auto.auto)
  static let rule = Parameter(
    "rule", "whose rule chooses the parts", default: SplitRule.fa2,
    dependsOn: splits.is("auto") || (twoPhases && prefixSplits.is("auto")))
  static let kernel = Parameter(
    "kernel", "tile of a work item: triton 16 rows x 64 keys, always merged; authors 64 rows, 128 keys",
    default: Tile.triton)
  static let phases = Parameter(
    "phases",
    "how a shared prefix is read: 1, by every sequence through its own pages; 2, once for all queries, then the rest",
    default: Phases.one, dependsOn: .sharedPrefix)
  static let prefixSplits = Parameter(
    "prefix-splits", "parts of the prefix; auto applies the rule", in: 1...DecodeLimits.mostSplits,
    default: Auto.auto, dependsOn: twoPhases)
  private static let twoPhases = phases.is("2") && .sharedPrefix
  public static let parameters: [any AnyParameter] = [
    splits, rule, kernel, KVFormat.parameter, DecodePages.parameter, phases, prefixSplits,
  ]
  public static let needs = DeviceNeed.ampere
  public static let support = Support(
    .init(
      when: phases.is("1") && authorsPages, masks: .bands,
      batches: BatchSupport(
        keyLengths: true, queryLengths: .always,
        sharedPrefix: .wholePages("page-size, or phases=2") { $0[DecodePages.parameter].number }),
      mostQueries: DecodeLimits.mostQueries),
    .init(
      when: phases.is("2") && authorsPages, masks: .causal,
      batches: BatchSupport(keyLengths: true, sharedPrefix: .always), mostQueries: DecodeLimits.mostQueries))
  private static let authorsPages = DecodePages.wholeTiles(unless: kernel.is("triton"))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var requestedSplits: Int? { values[Self.splits].number }
  private var requestedPrefixSplits: Int? { values[Self.prefixSplits].number }
  private var rule: SplitRule { values[Self.rule] }
  private var isTriton: Bool { values[Self.kernel] == .triton }
  private var format: KVFormat { values[KVFormat.parameter] }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try DecodeLimits.check(shape, schedule: Self.name)
    let pages = values[DecodePages.parameter].number.map { DecodePages(tokens: $0, perRow: isTriton) }
    if values[Self.phases] == .two, shape.sharedPrefix > 0 { return try twoPhases(shape, pages, on: device) }
    let tile = isTriton ? DecodeTile.triton(shape) : DecodeTile.authors(shape)
    let items = DecodeItems(shape: shape, rows: tile.rows, keyTile: tile.keyTile)
    let cut = items.cut(requestedSplits, by: rule, on: device)
    let isPartial = isTriton || cut.splits > 1
    let chunk = requestedSplits == nil && rule == .flashinfer ? cut.longest : nil
    let (space, parts) = items.fixed(splits: cut.splits, chunk: chunk, isPartial: isPartial)
    try DecodeLimits.check(items: space.total, schedule: Self.name)
    var kernels = [
      try DecodeKernel(
        schedule: Self.name, name: "decode_split", shape: shape, tile: tile, format: format, pages: pages
      ).kernel(
        space, policy: .grid(order: .tilesFastest), on: device)
    ]
    if isPartial {
      kernels.append(
        try DecodeCombine(
          schedule: Self.name, shape: shape, tileRows: tile.rows, parts: parts, mergesSingles: true
        ).kernel(on: device))
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }
}

extension FlashDecoding {
  private func twoPhases(
    _ shape: AttentionShape, _ pages: DecodePages?, on device: Device
  ) throws(ScheduleError) -> Program {
    let phases = try PrefixPhases(shape, schedule: Self.name)
    let tile = isTriton ? DecodeTile.triton(phases.suffix) : DecodeTile.authors(phases.suffix)
    let (kernels, tileRows, parts) = try phases.kernels(
      suffixTile: tile, format: format, pages: pages,
      prefixCut: { $0.cut(requestedPrefixSplits, by: rule, on: device) },
      suffixCut: { $0.cut(requestedSplits, by: rule, on: device) },
      chunked: requestedSplits == nil && rule == .flashinfer, on: device)
    let combine = try DecodeCombine(
      schedule: Self.name, shape: shape, tileRows: tileRows, parts: parts, mergesSingles: true
    ).kernel(on: device)
    return Program(schedule: Self.name, shape: shape, kernels: kernels + [combine])
  }
}

extension DecodeItems {
  /// Parts of each sequence: as many as asked for, or as `rule` has them.
  func cut(_ splits: Int?, by rule: SplitRule, on device: Device) -> FixedSplit {
    if let splits { return FixedSplit(blocks: blocks, splits: splits) }
    return rule.cut(
      SplitRule.Grid(
        rowTiles: allRowTiles, blocks: blocks, cores: Int(device.cores.count.value), batch: shape.batch,
        headBytes: headBytes, rowTilesPerHead: rowTiles, isCausal: shape.mask != .none,
        requests: shape.runs.map { run in
          .init(
            pages: (run.keys + keyTile - 1) / keyTile,
            count: run.count * shape.headsKV * rowTiles(queries: run.queries))
        }), keyTile: keyTile)
  }
}
