public import Attention
public import HWModels
public import Programs

/// FlexAttention on the CuTe kernel of FlashAttention-3 (`BACKEND="FLASH"`), forward pass on Hopper, with block lists.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim(V)]`.
/// - Models: FlashAttention-3's producer, rings, warpgroups and ping-pong, walking the masked blocks and then the whole
///   ones, each list from its end; the mask rule evaluated for every score of a masked block; one launch per tile in
///   plain order, since the kernel does not know which tiles are long. Without a mask it is FlashAttention-3 itself. The
///   package's other tile schedulers (`scheduler`) are what-ifs: how much of the tail they would save.
/// - Leaves out: making the block mask, score modifications, blocks of other sizes than 128 x 128.
/// - Source: Dao-AILab/flash-attention@0251105 flash_attn/cute/block_sparse_utils.py, mask.py, interface.py,
///   flash_fwd_sm90.py; pytorch torch/_inductor/kernel/flex/flex_flash_attention.py.
///
/// Expected per whole block of 128 x 128 at head dim 128: as a step of FlashAttention-3 (about 2500 cycles on an H100). A
/// masked block adds the rule: 2 logic operations a comparison and score, which is 2 x 16384 / 64 = 512 cycles of the
/// logic pipe for a causal mask, beside the other warpgroup's products.
///
/// Expected of schedulers where tiles differ: `static` deals tiles blindly, so the time is that of the slot that drew most; a
/// grid and `dynamic` end within one long tile of the mean; `lpt` within one short tile where the last tiles are the longest.
/// - Complexity: about O(blocks visited) to build, O(query tiles) for bands.
public struct FlexFlash: Schedule {
  public static let name = "flex-flash"
  public static let summary =
    "FlexAttention forward on the CuTe kernel: FlashAttention-3 with block lists (Hopper)"
  enum Scheduler: String, CaseIterable { case grid, lpt, `static`, dynamic }
  static let scheduler = Parameter(
    "scheduler",
    "who takes which tile of a masked call: grid, one launch a tile in plain order, as shipped; lpt, last tiles first; "
      + "static and dynamic, persistent",
    default: Scheduler.grid, dependsOn: .anyMask)
  public static let parameters: [any AnyParameter] = [scheduler]
  public static let needs = DeviceNeed.hopper
  public static let support = Support(.init(masks: .any))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var policy: TilePolicy {
    switch values[Self.scheduler] {
    case .grid: .grid(order: .tilesFastest)
    case .lpt: .grid(order: .longestFirst(sequencesPerSection: AttentionShape.largestExtent))
    case .static: .staticPersistent(order: .tilesFastest)
    case .dynamic: .dynamicPersistent(order: .tilesFastest)
    }
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let kernel =
      try shape.mask == .none
      ? dense(shape).kernel(on: device)
      : FlashAttention3Forward.blockSparse(shape, schedule: Self.name, policy: policy).kernel(on: device)
    return Program(schedule: Self.name, shape: shape, kernels: [kernel])
  }

  private func dense(_ shape: AttentionShape) throws(ScheduleError) -> FlashAttention3Forward {
    let tile = FlashAttention3Tile(shape: shape, isCute: true)
    return try .cute(
      .init(
        shape: shape, tile: tile, packedHeads: shape.group, pingPong: tile.pingPong, schedule: Self.name))
  }
}

extension FlashAttention3Forward {
  /// The CuTe kernel under a mask that is no band: it walks lists of `BlockMaskItems.flexBlock` x `BlockMaskItems.flexBlock` blocks.
  ///
  /// - Parameters:
  ///   - packs: whether the query heads of a group share tiles; heads with lists of their own never do.
  ///   - pingPong: nil where the kernel's tiles decide.
  static func blockSparse(
    _ shape: AttentionShape, schedule: String, packs: Bool = true, pingPong: Bool? = nil, ringSlots: Int = 2,
    policy: TilePolicy = .grid(order: .tilesFastest)
  ) throws(ScheduleError) -> FlashAttention3Forward {
    let block = BlockMaskItems.flexBlock
    guard let tile = FlashAttention3Tile(shape: shape, block: block) else {
      throw .unsupported(
        schedule: schedule, field: "head-dim",
        message:
          "takes a mask only where key tiles divide its blocks of \(block) keys: head dimensions up to 192,"
          + " values up to 128 of them above 128")
    }
    var packedHeads = packs ? shape.group : 1
    if case .perHead = shape.mask { packedHeads = 1 }
    let items: BlockMaskItems
    do {
      items = try BlockMaskItems(
        shape: shape, block: block, queryTile: tile.queryTile, keyTile: tile.keyTile, isDescending: true,
        packedHeads: packedHeads)
    } catch {
      throw .unsupported(schedule: schedule, field: "mask", message: error.message)
    }
    let call = Call(
      shape: shape, tile: tile, packedHeads: packedHeads, pingPong: pingPong ?? tile.pingPong,
      slots: ringSlots, schedule: schedule)
    return FlashAttention3Forward(
      call, items: policy.isPersistent ? PlainItems(policy: policy) : LaunchedItems(policy: policy),
      walk: .blocks(items, tile, shape.mask))
  }
}
