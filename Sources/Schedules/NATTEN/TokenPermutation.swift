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

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let isBack = tensor == .o
    let isOfKeys = tensor == .k || tensor == .v
    let rows = 128
    let columns = isBack || tensor == .v ? shape.headDimV : shape.headDim
    // Padding is written; only tokens are read, and written back.
    let live = Double(order.shape.reduce(1, *)) / Double(order.rows)
    let plain = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    var ordered = plain
    ordered.order = order
    func move(_ tensor: Tensor, _ tile: TileRef, bytes: Double) -> [Operation] {
      // Sixteen bytes a lane; quotients and remainders of a token's coordinates once for each row and lane.
      let instructions = (alu: bytes / 16 * 10, other: bytes / 16)
      let (from, to) = isBack ? (tensor.permuted, tensor) : (tensor, tensor.permuted)
      return [
        Stream.load(
          "load \(tensor.rawValue)", bytes: bytes * live, instructions: instructions, chain: Chain(alu: 10),
          .load(from, isBack ? plain : ordered, into: tile)),
        Stream.store(
          "store \(tensor.rawValue)", bytes: bytes * (isBack ? live : 1), instructions: instructions,
          chain: Chain(alu: 10), .store(tile, to, isBack ? ordered : plain)),
      ]
    }
    var stream = Stream(
      isBack ? "unpermute_o" : "permute_\(tensor.rawValue)", schedule: GNAHopper.name, role: .main,
      total: order.rows, each: rows, sequences: shape.batch * (isOfKeys ? shape.headsKV : shape.headsQ))
    stream.steps = 1
    return try stream.build(on: device) { builder in
      move(
        tensor, builder.registers("rows", rows, columns, shape.dataType),
        bytes: Double(rows * columns * shape.dataType.bytes))
      if isBack {
        move(.logSumExp, builder.registers("statistics", rows, 1), bytes: Double(rows * 4))
      }
    }
  }
}
