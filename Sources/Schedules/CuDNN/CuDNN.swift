public import Attention
public import HWModels
public import Programs

/// cuDNN's fused attention on Hopper, forward and backward: a closed kernel, modelled as the closest open schedule.
///
/// Nobody outside NVIDIA has published its schedule. What is taken from where:
/// - Kernels are called `flash_fprop_wgmma_f16_64x128x128_4x1x1` and `flash_bprop_wgmma_f16_64x64x128_1x4x1` at head dim
///   128: a warpgroup has 64 queries and 128 keys forward, 64 keys with queries as columns backward.
/// - The launch says 132 work items of 384 threads with 168 registers: persistent, a producer warpgroup and two that
///   compute (validation/counters_h100.csv).
/// - Shared-memory wavefronts of a step are those of FlashAttention-3 with tiles of 128 x 128 forward (678, 1313 and 2594 at
///   head dim 64, 128 and 256, of 640, 1280 and 2560 computed), P in registers, and of 64 x 128 backward with dQ through
///   shared memory (1624 and 2634 at 64 and 128) (validation/slopes3_h100.csv).
/// - Instructions and use of the multiply-add, integer and exponential pipes say how many of each a score takes.
/// - The makespan of causal calls is that of tiles taken one after another as cores become free, not longest first;
///   backward from the last key tile, the shortest walk: 1.275 and 1.285 of the mean at 2048 keys of 33 heads, 1.06 and 1.067
///   at 8192 (validation/slopes3_h100.csv), 1.28 and 1.07 computed so, 1.26 and 1.05 from the first.
/// - That warpgroups take turns, as in FlashAttention-3, is a guess from the time they wait at barriers.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim(V)]`.
/// - Leaves out: dropout, bias, FP8, paged keys, head dimensions over 128 backward, other kernels than those seen.
///
/// Expected per step of 128 x 128 at head dim 128 (H100): tensor 2048, shared memory 1280, exp 1024; the chain of a
/// warpgroup, longer than FlashAttention-3's by 64 multiplications and 45 other instructions a warp, sets the pace at 2643.
/// - Complexity: O(query tiles) to build.
public struct CuDNN: Schedule {
  public static let name = "cudnn"
  public static let summary =
    "cuDNN on Hopper, both passes: closed, modelled as a persistent FlashAttention-3"
  public static let needs = DeviceNeed.hopper
  public static let support = Support(
    .init(masks: .bands), .init(passes: [.backward], masks: .bands, heads: .upTo(128)))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  /// Stored with every result.
  static let warning = ModelLimit(
    code: "closed-kernel",
    message:
      "cuDNN's schedule is not published: modelled as a persistent FlashAttention-3 with tiles, instruction counts "
      + "and order of work read from hardware counters of an H100; other shapes and versions may run other kernels"
  )

  /// A free core takes the next tile of the same head.
  private static let policy = TilePolicy.dynamicPersistent(order: .tilesFastest)
  private static let keyTile = 128

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let kernels =
      shape.pass == .forward ? [try forward(shape, on: device)] : try backward(shape, on: device)
    return Program(schedule: Self.name, shape: shape, kernels: kernels, warnings: [Self.warning])
  }

  private func padded(_ dimension: Int) -> Int { (dimension + 63) / 64 * 64 }

  // MARK: Forward

  private func forward(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Kernel {
    let tile = FlashAttention3Tile(
      queryTile: 128, keyTile: Self.keyTile, headDim: padded(shape.headDim), headDimV: padded(shape.headDimV))
    let ring = Self.keyTile * (tile.headDim + tile.headDimV) * 2
    let queries = tile.queryTile * max(tile.headDim, tile.headDimV) * 2 + FlashAttention3Tile.barrierBytes
    // Where only one tile of K and of V fits, the parts of 64 columns are filled again one by one.
    let slots = queries + 2 * ring <= Int(device.shared.perWorkItem.value) ? 2 : 1
    let call = FlashAttention3Forward.Call(
      shape: shape, tile: tile, pingPong: tile.headDim <= 128, slots: slots, schedule: Self.name)
    var kernel = FlashAttention3Forward(
      call,
      keys: .init(tile: tile, parts: slots == 1 ? min(tile.headDim, tile.headDimV) / 64 : 1),
      items: FlashAttention3Forward.PlainItems(policy: Self.policy),
      walk: .band(.band(call.tiles), tile))
    (kernel.exponential, kernel.loopInstructions) = (.unfused, loopInstructions(tile.headDim))
    return try kernel.kernel(on: device)
  }

  /// Instructions of a step and warp that are neither softmax nor products nor the producer's: 520, 583 and 691 in all at
  /// head dim 64, 128 and 256, less those.
  private func loopInstructions(_ headDim: Int) -> Double {
    headDim <= 64 ? 90 : headDim <= 128 ? 115 : 150
  }

  // MARK: Backward

  private func backward(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> [Kernel] {
    let tile = FlashAttention3BackwardTile(
      queryTile: 64, keyTile: Self.keyTile, headDim: padded(shape.headDim), headDimV: padded(shape.headDimV))
    // Per score 6 multiply-adds and 4 integer instructions, per element of dQ 2 and 1: 583 and 707 instructions a step and
    // warp at head dim 64 and 128, 16 % of the multiply-add and 22 % of the integer cycles at 128.
    let main = FlashAttention3Backward(
      schedule: Self.name, shape: shape, tile: tile,
      vector: BackwardVectorWork(
        probabilityFma: 3, gradientFma: 3, alu: 4, maskAlu: 1, queryGradientFma: 2, queryGradientAlu: 1,
        loopInstructions: 65),
      alwaysMasks: false, policy: .dynamicPersistent(order: .tilesDescending), registersPerThread: 168,
      expandsKeyGradients: true)
    func streaming(elements: Int) -> BackwardElementwise {
      BackwardElementwise(
        schedule: Self.name, shape: shape, rows: elements / tile.headDim, headDim: tile.headDim, threads: 128)
    }
    let scale = 1 / Double(shape.headDim).squareRoot()
    var kernels = [
      try streaming(elements: 1024).preprocess(registers: 26, on: device), try main.kernel(on: device),
      try streaming(elements: 2048).postprocess(
        .gradQAccumulator, to: .gradQ, columns: shape.headDim, factor: scale, name: "convert_dq",
        registers: 30,
        sharedBytes: 0, on: device),
    ]
    guard shape.group > 1 else { return kernels }
    // dK and dV of every query head, in 16 bit.
    let read = Double(shape.group * shape.dataType.bytes)
    for (from, to, columns, factor) in [
      (Tensor.gradKAccumulator, Tensor.gradK, shape.headDim, scale),
      (.gradVAccumulator, .gradV, shape.headDimV, 1),
    ] {
      kernels.append(
        try streaming(elements: 2048).postprocess(
          from, to: to, columns: columns, factor: factor, name: to == .gradK ? "sum_dk" : "sum_dv",
          registers: 32,
          sharedBytes: 0, partsRead: read, on: device))
    }
    return kernels
  }
}
