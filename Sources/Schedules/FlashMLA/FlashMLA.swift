public import Attention
public import HWModels
public import Programs

/// FlashMLA: decode over the latent of multi-head latent attention, whose first 512 of 576 numbers are the values too.
///
/// - Shapes: Q `[batch, headsQ, seqQ, 576]`; K `[batch, 1, seqKV, 576]`, V its first 512 columns. Query heads and the
///   queries of a speculative step are the rows of a tile, 64 a work item; pages of 64 keys.
/// - Models: both kernels that have been released, the division of the batch by payload, partial results in fp32 and their
///   merge; requests of different lengths, which that division is made for; as a serving engine calls it (`engine=trtllm`), the kernel that turns and stores the new token before it.
/// - Leaves out: FP8 and sparse caches; the kernel that divides the batch (once a step, for all layers); the causal kernel's
///   shorter walk for the first of several tiles of rows.
/// - Source: deepseek-ai/FlashMLA@9241ae3 csrc/sm90/decode/dense/splitkv_mla.cuh, docs/20250422-new-kernel-deep-dive.md
///   (`kernel=seesaw`); @b31bfe7 and NVIDIA/TensorRT-LLM cpp/tensorrt_llm/kernels/flashMLA (`kernel=first`).
///
/// Expected per block of 64 keys (H100): both products of 64 rows take 2 x 64 x 64 x (576 + 512) / 4096 = 2176 cycles of the
/// matrix unit; 72 KiB of cache come in 950 cycles if one core had 1/132 of device memory at 1.7 GHz, which several tiles
/// of rows share. See `FlashMLAFirst` and `FlashMLASeesaw` for what is left uncovered: 3000 cycles for the first kernel
/// (580 TFLOP/s on an H800), 2700 for the second (660).
/// - Complexity: O(work items) to build.
public struct FlashMLA: Schedule {
  public static let name = "flashmla"
  public static let summary =
    "FlashMLA: latent attention, 64 rows, output halves in two warpgroups, equal payloads"
  public static let geometry: HeadGeometry? = .latent
  public static let takesLengths = true
  static let kernel = ParameterDescription(
    name: "kernel",
    summary: "seesaw: of April 2025, two blocks a step; first: of February 2025, as TensorRT-LLM has it",
    choices: ["seesaw", "first"], defaultValue: "seesaw")
  static let engine = ParameterDescription(
    name: "engine",
    summary: "who calls: none, attention alone; trtllm, with the kernel for positions and cache before it",
    choices: ["none", "trtllm"], defaultValue: "none")
  static let programs = ParameterDescription(
    name: "programs", summary: "work items of a tile of rows: auto fills the cores, or a number",
    defaultValue: "auto")
  static let cache = ParameterDescription(
    name: "cache",
    summary: "what the cache holds: values, or zeros as in memory that nobody wrote, which takes less energy",
    choices: ["values", "zeros"], defaultValue: "values")
  static let pageSize = ParameterDescription(
    name: "page-size", summary: "tokens of a page of the cache: both kernels take 64 only", choices: ["64"],
    defaultValue: "64")
  public static let parameters = [kernel, engine, programs, cache, pageSize]
  public static let takesSharedPrefix = true
  private static let page = 64

  private let isSeesaw: Bool
  private let hasEngine: Bool
  private let requestedParts: Int?
  private let cacheIsEmpty: Bool

  public init(parameters: ScheduleParameters) throws(ScheduleError) {
    try parameters.requireKnown(Self.parameters)
    isSeesaw = try parameters.value(Self.kernel) == "seesaw"
    _ = try parameters.value(Self.pageSize)
    cacheIsEmpty = try parameters.value(Self.cache) == "zeros"
    hasEngine = try parameters.value(Self.engine) == "trtllm"
    let text = try parameters.value(Self.programs)
    if text == "auto" {
      requestedParts = nil
    } else if let count = Int(text), (1...1_000_000).contains(count) {
      requestedParts = count
    } else {
      throw .parameter(
        name: Self.programs.name, message: "'\(text)' is neither auto nor a number from 1 to 1000000")
    }
  }

  public func program(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try check(shape)
    try SharedPages.check(shape, page: Self.page, schedule: Self.name)
    guard device.asyncTensor != nil else {
      throw .missingResource(schedule: Self.name, part: "asyncTensor", device: device.id)
    }
    guard !isSeesaw || device.copyEngine != nil else {
      throw .missingResource(schedule: Self.name, part: "copyEngine", device: device.id)
    }
    var latent = shape
    latent.valuesInKeys = true
    let items = LatentItems(
      shape: latent, cores: Int(device.cores.count.value), parts: requestedParts, isSeesaw: isSeesaw)
    try DecodeLimits.check(
      items: items.split.pieces.count * items.rowTiles, schedule: Self.name)
    var launches: [Launch] = []
    if hasEngine {
      launches.append(Launch(try LatentRotation(schedule: Self.name, shape: latent).kernel(on: device)))
    }
    var main =
      isSeesaw
      ? try FlashMLASeesaw(shape: latent).kernel(items, on: device)
      : try FlashMLAFirst(shape: latent).kernel(items, on: device)
    main.operandsAreZero = cacheIsEmpty
    launches.append(Launch(main))
    launches.append(
      Launch(
        try FlashMLACombine(shape: latent, splits: items.split.splits, isSeesaw: isSeesaw).kernel(on: device),
        start: isSeesaw ? .inside : .afterEnd))
    return Program(schedule: Self.name, shape: latent, body: .launches(launches))
  }

  private func check(_ shape: AttentionShape) throws(ScheduleError) {
    func refuse(_ field: String, _ message: String) -> ScheduleError {
      .unsupported(schedule: Self.name, field: field, message: message)
    }
    guard shape.pass == .forward else { throw refuse("pass", "is a forward kernel") }
    guard shape.headDim == HeadGeometry.latent.headDim else {
      throw refuse(
        "head-dim", "takes head dimension 576 (512 of latent and 64 of position), not \(shape.headDim)")
    }
    guard shape.headDimV == HeadGeometry.latent.headDimV else {
      throw refuse("head-dim-v", "takes values of 512, the first part of the keys, not \(shape.headDimV)")
    }
    guard shape.headsKV == 1 else {
      throw refuse(
        "kv-heads", "takes one key-value head, the latent that all heads share, not \(shape.headsKV)")
    }
    guard shape.mask == .none || shape.mask == .causal else {
      throw refuse("mask", "takes the masks none and causal, not \(shape.mask)")
    }
    guard shape.dataType == .bf16 || shape.dataType == .fp16 else {
      throw refuse("dtype", "takes bf16 and fp16")
    }
    guard shape.seqQ <= DecodeLimits.mostQueries else {
      throw refuse("seq", "is a decode kernel and takes at most \(DecodeLimits.mostQueries) queries")
    }
    let rows = Double(shape.batch * shape.headsQ) * Double(shape.seqQ)
    guard rows <= Double(DecodeLimits.mostItems) else {
      throw refuse("batch", "takes at most \(DecodeLimits.mostItems) query rows in all")
    }
  }
}

/// Work items of FlashMLA's main kernels: for each tile of 64 rows the pieces of all requests, in the order of the payloads.
struct LatentItems {
  let shape: AttentionShape
  let split: PayloadSplit
  private let isSeesaw: Bool
  static let rows = 64
  static let keyTile = 64
  /// Tiles of rows of a request: queries of all heads.
  let rowTiles: Int

  init(shape: AttentionShape, cores: Int, parts: Int?, isSeesaw: Bool) {
    self.shape = shape
    self.isSeesaw = isSeesaw
    rowTiles = (shape.seqQ * shape.group + Self.rows - 1) / Self.rows
    split = PayloadSplit(
      blocks: shape.runs.flatMap { run in
        Array(repeating: (run.keys + Self.keyTile - 1) / Self.keyTile, count: run.count)
      },
      parts: parts ?? PayloadSplit.parts(cores: cores, headsKV: shape.headsKV, rowTiles: rowTiles))
  }

  /// Blocks at the end of the keys that are masked: the last, which may be ragged, and under a causal mask the one before.
  private var maskedBlocks: Int { shape.mask == .causal && shape.seqQ > 1 ? 2 : 1 }

  /// What makes pieces different.
  private struct Piece: Hashable {
    var blocks: Range<Int>
    var isPartial: Bool
  }

  private func itemClass(_ piece: Piece) -> ItemClass {
    let count = piece.blocks.count
    let (direct, partial) = piece.isPartial ? (0, 1) : (1, 0)
    guard isSeesaw else {
      let masked = min(count, maskedBlocks)
      return ItemClass(
        FlashMLAFirst.Steps(
          further: max(count - 1, 0), masked: masked, whole: count - masked, direct: direct,
          partial: partial),
        walk: .descending(piece.blocks))
    }
    let isEven = count % 2 == 0
    // Pairs before the last one, and of them those after which two more blocks come.
    let before = (count + 1) / 2 - 1
    let toSingle = !isEven && before > 0 ? 1 : 0
    return ItemClass(
      FlashMLASeesaw.Steps(
        full: before - toSingle, toSingle: toSingle, lastPair: isEven ? 1 : 0, lastSingle: isEven ? 0 : 1,
        second: min(count - 1, 1), direct: direct, partial: partial),
      walk: .ascending(piece.blocks))
  }

  /// Items, and how many of them each launch plays, launches of one tile of rows after another's.
  func make() -> (items: ItemSpace, lengths: [Int]) {
    var list = ItemList<Piece>()
    var perPart = [Int](repeating: 0, count: split.parts)
    var next = 0
    for splits in split.splits {
      let own = split.pieces[next..<next + splits].map { piece -> Int in
        perPart[piece.part] += 1
        let key = Piece(blocks: piece.blocks, isPartial: splits > 1)
        return list.place(of: key) { itemClass(key) }
      }
      next += splits
      list.append(
        .init(
          count: 1, tileClasses: Array(repeating: own, count: rowTiles).flatMap { $0 },
          tileSplits: Array(repeating: splits, count: rowTiles)))
    }
    let items = ItemSpace(
      classes: list.classes, groups: list.groups, packedHeads: shape.group,
      splits: max(split.splits.max() ?? 1, 1))
    let busy = perPart.filter { $0 > 0 }
    return (items, Array(repeating: busy, count: rowTiles).flatMap { $0 })
  }
}
