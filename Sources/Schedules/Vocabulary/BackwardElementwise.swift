import Attention
import HWModels
import Programs

/// The kernels before and after the main one of a backward pass.
///
/// Before: delta = row sums of dO * O, and fp32 accumulators set to zero. After: an accumulator times a constant, as 16
/// bit. Both are bound by device memory: bytes over bandwidth is what to expect of them.
struct BackwardElementwise {
  let schedule: String
  let shape: AttentionShape
  /// Rows of a work item.
  let rows: Int
  /// Head dimension of the fp32 accumulators, as the kernel pads them.
  let headDim: Int
  let threads: Int

  private var element: Double { Double(shape.dataType.bytes) }
  private var own: TileCoordinate { TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0)) }

  /// Instructions of 16-byte accesses: each with its address and predicate.
  private func accesses(_ bytes: Double) -> (alu: Double, other: Double) { (0, 4 * bytes / 16) }

  private func stream(
    _ name: String, _ role: Kernel.Role, ofKeys: Bool = false, registers: Int = 32, sharedBytes: Int = 0
  ) -> Stream {
    var stream = Stream(
      "\(schedule)_bwd_\(name)", schedule: schedule, role: role, total: ofKeys ? shape.seqKV : shape.seqQ,
      each: rows, sequences: shape.batch * (ofKeys ? shape.headsKV : shape.headsQ))
    (stream.threads, stream.registersPerThread, stream.sharedBytes) = (threads, registers, sharedBytes)
    return stream
  }

  /// A framework's copy of a tensor from one order of heads and tokens into another (PyTorch, `elementwise_kernel<128, 4>`).
  ///
  /// Each lane copies four elements one by one, and works out two addresses for each by division: 54.5 instructions an
  /// element were counted (validation/slopes3_h100.csv). All but loads, stores and moves are taken for integer ones;
  /// they, and not device memory, bound it: 44 x 34.6e6 / (64 x 132) = 180,000 clk, of 178,000 measured.
  func rearrange(_ tensor: Tensor, on device: Device) throws(ScheduleError) -> Kernel {
    let elements = Double(rows * shape.headDimV)
    let divisions = (alu: 22 * elements, other: 5 * elements)
    return try stream("copy_\(tensor.rawValue)", .rearrange).build(on: device) { builder in
      let tile = builder.registers("tile", rows, shape.headDimV, shape.dataType)
      Stream.load(
        "load", bytes: elements * element, instructions: divisions, .load(tensor, own, into: tile))
      Stream.store(
        "store", bytes: elements * element, instructions: divisions, .store(tile, tensor, own))
    }
  }

  /// Row sums of dO * O; clears the accumulator of dQ.
  func preprocess(registers: Int, on device: Device) throws(ScheduleError) -> Kernel {
    let elements = Double(rows * shape.headDimV)
    let cleared = Double(rows * headDim * 4)
    return try stream("preprocess", .preprocess, registers: registers).build(on: device) { builder in
      let gradO = builder.registers("dO", rows, shape.headDimV, shape.dataType)
      let o = builder.registers("O", rows, shape.headDimV, shape.dataType)
      let delta = builder.registers("delta", rows, 1)
      Stream.load(
        "load dO and O", bytes: 2 * elements * element, instructions: accesses(2 * elements * element),
        .sequence([.load(.gradO, own, into: gradO), .load(.o, own, into: o)]))
      Operation(
        "delta = rowsum(dO O)", .vector,
        work: .of {
          $0.alu = 2 * elements
          $0.fma = elements
          $0.shuffle = Double(threads) * 4
        }, chain: Chain(alu: 8, shuffle: 4), action: .rowDot(a: gradO, b: o, into: delta))
      Stream.store(
        "store delta, clear dQ", bytes: cleared + Double(rows * 8), instructions: accesses(cleared),
        .store(delta, .delta, own))
    }
  }

  /// Sets the accumulators of dK and dV to zero, `columns` together.
  ///
  /// They are zero before the first kernel in the interpreter's memory, so it has nothing to compute.
  func clearKeyAccumulators(columns: Int, on device: Device) throws(ScheduleError) -> Kernel {
    let bytes = Double(rows * columns * 4)
    return try stream("clear", .preprocess, ofKeys: true).build(on: device) { builder in
      let zero = builder.registers("zero", 1, 1)
      Stream.store("store zeros", bytes: bytes, instructions: accesses(bytes), .fill(zero, 0))
    }
  }

  /// An accumulator, times a constant, to a tensor in 16 bit.
  ///
  /// - Parameter partsRead: bytes read for each element of the accumulator: 4, or those of all parts that are summed.
  func postprocess(
    _ from: Tensor, to: Tensor, columns: Int, factor: Double, name: String, registers: Int, sharedBytes: Int,
    partsRead: Double = 4, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let elements = Double(rows * columns)
    let crossing = sharedBytes > 0 ? elements * (4 + element) : 0
    return try stream(
      name, .postprocess, ofKeys: to != .gradQ, registers: registers, sharedBytes: sharedBytes
    ).build(on: device) { builder in
      let tile = builder.registers("tile", rows, columns)
      let rounded = builder.registers("rounded", rows, columns, shape.dataType)
      Stream.load(
        "load accumulator", bytes: elements * partsRead, instructions: accesses(elements * partsRead),
        .load(from, own, into: tile))
      Operation(
        "scale and round", .vector,
        work: .of {
          $0.fma = elements
          $0.convert = elements
          $0.sharedWrite = crossing
          $0.sharedRead = crossing
        }, chain: Chain(alu: 2, shared: sharedBytes > 0 ? 4 : 0),
        action: .sequence([.multiply(tile, by: factor), .convert(tile, into: rounded)]))
      Stream.store(
        "store", bytes: elements * element, instructions: accesses(elements * element),
        .store(rounded, to, own))
    }
  }
}
