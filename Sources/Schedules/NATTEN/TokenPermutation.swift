import Attention
import HWModels
import Programs

/// A copy of a tensor into the order of a kernel's tiles, or of an output back: a phase bound by memory.
///
/// One group of four warps moves 128 rows; sixteen of them share a core, so that the loads of some overlap the stores of
/// others. Expected at head dim 128: 32 KB in and out per item, which is the time that device memory takes.
///
/// - Source: SHI-Labs/NATTEN src/natten/token_permute (CUTLASS copies). Versions before 0.21 copied with PyTorch's
///   elementwise kernels, whose index arithmetic for each element and not memory sets the pace: 2.4 to 2.7 ms for the
///   four copies of FLUX on an H100 where memory takes 1.1.
struct TokenPermutation {
  let shape: AttentionShape
  let tensor: Tensor
  let order: TokenOrder

  private static let rows = 128
  private var isBack: Bool { tensor == .o }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let name = isBack ? "unpermute_o" : "permute_\(tensor.rawValue)"
    var builder = KernelBuilder(schedule: GNAHopper.name, kernel: name)
    let columns = isBack || tensor == .v ? shape.headDimV : shape.headDim
    let bytes = Double(Self.rows * columns * shape.dataType.bytes)
    let rows = builder.buffer(
      "rows", .registers, rows: Self.rows, columns: columns, type: shape.dataType)
    // Padding is written; only tokens are read, and written back.
    let live = Double(neighborhoodTokens) / Double(order.rows)
    var operations = [
      move(rows, tensor, bytes: bytes, live: live, isLoad: true),
      move(rows, tensor, bytes: bytes, live: live, isLoad: false),
    ]
    if isBack {
      let statistic = builder.buffer("statistics", .registers, rows: Self.rows, columns: 1, type: .fp32)
      for isLoad in [true, false] {
        operations.append(
          move(statistic, .logSumExp, bytes: Double(Self.rows * 4), live: live, isLoad: isLoad))
      }
    }
    builder.actor(
      "copy", warps: 4, blocks: [Block(trips: .fixed(1), stepsPerTrip: 1, operations: operations)])
    let heads = tensor.isOfKeys ? shape.headsKV : shape.headsQ
    let count = (order.rows + Self.rows - 1) / Self.rows
    return try builder.build(
      items: ItemSpace(
        classes: [ItemClass(walk: .ascending(0..<1))],
        groups: [.init(count: shape.batch * heads, runs: [.init(itemClass: 0, count: count)])]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 128, registersPerThread: 32, sharedBytes: 0), on: device)
  }

  private var neighborhoodTokens: Int { order.shape.reduce(1, *) }

  private func move(_ buffer: BufferID, _ tensor: Tensor, bytes: Double, live: Double, isLoad: Bool)
    -> Operation
  {
    let isPlain = isLoad == isBack
    let coordinate = TileCoordinate(
      rows: Self.rows, index: .item(scale: 1, offset: 0), order: isPlain ? nil : order)
    let place = isPlain ? tensor.permuted : tensor
    let moved = bytes * (isPlain && !isLoad ? 1 : live)
    return Operation(
      "\(isLoad ? "load" : "store") \(tensor.rawValue)", .loadStore,
      work: .of {
        if isLoad { $0.streamRead = moved } else { $0.globalWrite = moved }
        // Sixteen bytes a lane; quotients and remainders of a token's coordinates once for each row and lane.
        $0.otherInstructions = bytes / 16
        $0.alu = bytes / 16 * 10
      }, chain: Chain(alu: 10),
      action: isLoad
        ? .load(place, coordinate, into: TileRef(buffer)) : .store(TileRef(buffer), place, coordinate))
  }
}

extension Tensor {
  /// One part for each key-value head.
  fileprivate var isOfKeys: Bool { self == .k || self == .v }
}
