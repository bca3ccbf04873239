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
  enum Version: String, CaseIterable { case seesaw, first }
  enum Engine: String, CaseIterable { case none, trtllm }
  enum Cache: String, CaseIterable { case values, zeros }
  static let kernel = Parameter(
    "kernel", "seesaw: of April 2025, two blocks a step; first: of February 2025, as TensorRT-LLM has it",
    default: Version.seesaw)
  static let engine = Parameter(
    "engine", "who calls: none, attention alone; trtllm, with the kernel for positions and cache before it",
    default: Engine.none)
  static let programs = Parameter(
    "programs", "work items of a tile of rows: auto fills the cores, or a number", in: 1...1_000_000,
    default: Auto.auto)
  static let cache = Parameter(
    "cache", "what the cache holds: values, or zeros as in memory that nobody wrote, which takes less energy",
    default: Cache.values)
  public static let parameters: [any AnyParameter] = [kernel, engine, programs, cache]
  /// Tokens of a page of the cache.
  private static let page = 64
  public static let needs: [DeviceNeed] = [.warps, .warpgroupProducts, .copyEngine.when(kernel.is("seesaw"))]
  public static let support = Support(
    .init(
      masks: .causal, heads: .only(.latent),
      batches: BatchSupport(
        keyLengths: true,
        sharedPrefix: Condition("whole pages of \(page) keys") { $0.shape.sharedPrefix % page == 0 }),
      mostQueries: DecodeLimits.mostQueries))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var isSeesaw: Bool { values[Self.kernel] == .seesaw }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let rows = Double(shape.batch * shape.headsQ) * Double(shape.seqQ)
    guard rows <= Double(DecodeLimits.mostItems) else {
      throw .unsupported(
        schedule: Self.name, field: "batch",
        message: "takes at most \(DecodeLimits.mostItems) query rows in all")
    }
    var latent = shape
    latent.valuesInKeys = true
    let items = LatentItems(
      shape: latent, cores: Int(device.cores.count.value), parts: values[Self.programs].number,
      isSeesaw: isSeesaw)
    try DecodeLimits.check(
      items: items.split.pieces.count * items.rowTiles, schedule: Self.name)
    var launches: [Launch] = []
    if values[Self.engine] == .trtllm {
      launches.append(Launch(try LatentRotation(schedule: Self.name, shape: latent).kernel(on: device)))
    }
    var main =
      isSeesaw
      ? try FlashMLASeesaw(shape: latent).kernel(items, on: device)
      : try FlashMLAFirst(shape: latent).kernel(items, on: device)
    main.operandsAreZero = values[Self.cache] == .zeros
    launches.append(Launch(main))
    launches.append(
      Launch(
        try FlashMLACombine(shape: latent, splits: items.split.splits, isSeesaw: isSeesaw).kernel(on: device),
        start: isSeesaw ? .inside : .afterEnd))
    return Program(schedule: Self.name, shape: latent, body: .launches(launches))
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
