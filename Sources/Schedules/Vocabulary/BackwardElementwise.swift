import Attention
import HWModels
import Programs

/// The kernels before and after the main one of a backward pass: each streams rows of a tensor through registers.
///
/// Before: delta = row sums of dO * O, and fp32 accumulators set to zero. After: an accumulator times a constant, as 16
/// bit. Both are bound by device memory: bytes over bandwidth is what to expect of them.
struct BackwardElementwise {
  let schedule: String
  let shape: AttentionShape
  let rows: Int
  /// Head dimension of the fp32 accumulators, as the kernel pads them.
  let headDim: Int
  let threads: Int

  private var element: Double { Double(shape.dataType.bytes) }
  /// Lane operations of a 16-byte access beside it: address and predicate.
  private static let instructionsPerAccess = 4.0

  /// A framework's copy of a tensor from one order of heads and tokens into another (PyTorch, `elementwise_kernel<128, 4>`).
  ///
  /// Each lane copies four elements one by one, and works out two addresses for each by division: 54.5 instructions an
  /// element were counted (validation/slopes3_h100.csv). All but loads, stores and moves are taken for integer ones;
  /// they, and not device memory, bound it: 44 x 34.6e6 / (64 x 132) = 180,000 clk, of 178,000 measured.
  func rearrange(_ tensor: Tensor, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "\(schedule)_bwd_copy_\(tensor.rawValue)")
    let own = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    let tile = TileRef(
      builder.buffer("tile", .registers, rows: rows, columns: shape.headDimV, type: shape.dataType))
    let elements = Double(rows * shape.headDimV)
    builder.actor(
      "warps", warps: threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load", .loadStore,
              work: .of {
                $0.streamRead = elements * element
                $0.alu = 22 * elements
                $0.otherInstructions = 5 * elements
              }, action: .load(tensor, own, into: tile)),
            Operation(
              "store", .loadStore,
              work: .of {
                $0.globalWrite = elements * element
                $0.alu = 22 * elements
                $0.otherInstructions = 5 * elements
              }, action: .store(tile, tensor, own)),
          ])
      ])
    return try builder.build(
      items: items(sequenceRows: shape.seqQ, sequences: shape.batch * shape.headsQ),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: threads, registersPerThread: 32, sharedBytes: 0), role: .rearrange,
      on: device)
  }

  /// Row sums of dO * O; clears the accumulator of dQ.
  func preprocess(registers: Int, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "\(schedule)_bwd_preprocess")
    let own = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    let gradO = TileRef(
      builder.buffer("dO", .registers, rows: rows, columns: shape.headDimV, type: shape.dataType))
    let o = TileRef(
      builder.buffer("O", .registers, rows: rows, columns: shape.headDimV, type: shape.dataType))
    let delta = TileRef(builder.buffer("delta", .registers, rows: rows, columns: 1, type: .fp32))
    let bytes = Double(rows * shape.headDimV) * element
    let cleared = Double(rows * headDim * 4)
    let elements = Double(rows * shape.headDimV)
    builder.actor(
      "warps", warps: threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load dO and O", .loadStore,
              work: .of {
                $0.streamRead = 2 * bytes
                $0.otherInstructions = Self.instructionsPerAccess * 2 * bytes / 16
              }, action: .sequence([.load(.gradO, own, into: gradO), .load(.o, own, into: o)])),
            Operation(
              "delta = rowsum(dO O)", .vector,
              work: .of {
                $0.alu = 2 * elements
                $0.fma = elements
                $0.shuffle = Double(threads) * 4
              }, chain: Chain(alu: 8, shuffle: 4), action: .rowDot(a: gradO, b: o, into: delta)),
            Operation(
              "store delta, clear dQ", .loadStore,
              work: .of {
                $0.globalWrite = cleared + Double(rows * 8)
                $0.otherInstructions = Self.instructionsPerAccess * cleared / 16
              }, action: .store(delta, .delta, own)),
          ])
      ])
    return try builder.build(
      items: items(sequenceRows: shape.seqQ, sequences: shape.batch * shape.headsQ),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: threads, registersPerThread: registers, sharedBytes: 0),
      role: .preprocess, on: device)
  }

  /// Sets the accumulators of dK and dV to zero, `columns` together.
  ///
  /// They are zero before the first kernel in the interpreter's memory, so it has nothing to compute.
  func clearKeyAccumulators(columns: Int, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "\(schedule)_bwd_clear")
    let zero = TileRef(builder.buffer("zero", .registers, rows: 1, columns: 1, type: .fp32))
    let bytes = Double(rows * columns * 4)
    builder.actor(
      "warps", warps: threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "store zeros", .loadStore,
              work: .of {
                $0.globalWrite = bytes
                $0.otherInstructions = Self.instructionsPerAccess * bytes / 16
              }, action: .fill(zero, 0))
          ])
      ])
    return try builder.build(
      items: items(sequenceRows: shape.seqKV, sequences: shape.batch * shape.headsKV),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: threads, registersPerThread: 32, sharedBytes: 0), role: .preprocess,
      on: device)
  }

  /// An accumulator, times a constant, to a tensor in 16 bit.
  ///
  /// - Parameter partsRead: bytes read for each element of the accumulator: 4, or those of all parts that are summed.
  func postprocess(
    _ from: Tensor, to: Tensor, columns: Int, factor: Double, name: String, registers: Int, sharedBytes: Int,
    partsRead: Double = 4, on device: Device
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "\(schedule)_bwd_\(name)")
    let own = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    let tile = TileRef(builder.buffer("tile", .registers, rows: rows, columns: columns, type: .fp32))
    let rounded = TileRef(
      builder.buffer("rounded", .registers, rows: rows, columns: columns, type: shape.dataType))
    let elements = Double(rows * columns)
    let isQuery = to == .gradQ
    builder.actor(
      "warps", warps: threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load accumulator", .loadStore,
              work: .of {
                $0.streamRead = elements * partsRead
                $0.otherInstructions = Self.instructionsPerAccess * elements * partsRead / 16
              }, action: .load(from, own, into: tile)),
            Operation(
              "scale and round", .vector,
              work: .of {
                $0.fma = elements
                $0.convert = elements
                $0.sharedWrite = sharedBytes > 0 ? elements * (4 + element) : 0
                $0.sharedRead = sharedBytes > 0 ? elements * (4 + element) : 0
              }, chain: Chain(alu: 2, shared: sharedBytes > 0 ? 4 : 0),
              action: .sequence([.multiply(tile, by: factor), .convert(tile, into: rounded)])),
            Operation(
              "store", .loadStore,
              work: .of {
                $0.globalWrite = elements * element
                $0.otherInstructions = Self.instructionsPerAccess * elements * element / 16
              }, action: .store(rounded, to, own)),
          ])
      ])
    return try builder.build(
      items: items(
        sequenceRows: isQuery ? shape.seqQ : shape.seqKV,
        sequences: shape.batch * (isQuery ? shape.headsQ : shape.headsKV)),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: threads, registersPerThread: registers, sharedBytes: sharedBytes),
      role: .postprocess, on: device)
  }

  private func items(sequenceRows: Int, sequences: Int) -> ItemSpace {
    ItemSpace(
      classes: [ItemClass()],
      groups: [
        .init(count: sequences, runs: [.init(itemClass: 0, count: (sequenceRows + rows - 1) / rows)])
      ])
  }
}
