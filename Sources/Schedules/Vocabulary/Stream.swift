import HWModels
import Programs

/// A kernel before or after attention whose work items stream tensors through registers: a copy, a conversion, a row sum.
///
/// Device memory is what to expect of it, bytes over bandwidth; a launch, where it is small; or its index arithmetic, where
/// a framework copies element by element.
struct Stream {
  let schedule: String
  let kernel: String
  let role: Kernel.Role
  /// Parts of the tensor (heads of a batch) and work items of each.
  var sequences = 1
  let items: Int
  var threads = 128
  var registersPerThread = 32
  var sharedBytes = 0
  /// Tiles that results count as a work item's steps.
  var steps = 0

  /// - Parameters:
  ///   - total: rows, or elements, of a sequence.
  ///   - each: those of a work item.
  init(_ kernel: String, schedule: String, role: Kernel.Role, total: Int, each: Int, sequences: Int = 1) {
    self.kernel = kernel
    self.schedule = schedule
    self.role = role
    self.sequences = sequences
    items = (total + each - 1) / each
  }

  /// - Parameter operations: what a work item does.
  func build(
    on device: Device, @OperationList _ operations: (inout KernelBuilder<NoSteps>) -> [Operation]
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: kernel)
    let operations = operations(&builder)
    builder.actor("warps", warps: threads / 32) { $0.once { operations } }
    return try builder.build(
      items: ItemSpace(
        classes: [ItemClass(walk: .ascending(0..<steps))],
        groups: [.init(count: sequences, runs: [.init(itemClass: 0, count: items)])]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: threads, registersPerThread: registersPerThread, sharedBytes: sharedBytes), role: role,
      on: device)
  }

  /// A read that the threads wait for.
  ///
  /// - Parameter instructions: lane operations beside it: integer ones, and others.
  static func load(
    _ name: String, bytes: Double, instructions: (alu: Double, other: Double) = (0, 0),
    chain: Chain = Chain(), _ action: Action
  ) -> Operation {
    Operation(
      name, .loadStore,
      work: .of {
        $0.streamRead = bytes
        ($0.alu, $0.otherInstructions) = instructions
      }, chain: chain, action: action)
  }

  static func store(
    _ name: String, bytes: Double, instructions: (alu: Double, other: Double) = (0, 0),
    chain: Chain = Chain(), _ action: Action
  ) -> Operation {
    Operation(
      name, .loadStore,
      work: .of {
        $0.globalWrite = bytes
        ($0.alu, $0.otherInstructions) = instructions
      }, chain: chain, action: action)
  }
}

extension KernelBuilder {
  /// A tile in registers.
  mutating func registers(_ name: String, _ rows: Int, _ columns: Int, _ type: DataType = .fp32) -> TileRef {
    TileRef(buffer(name, .registers, rows: rows, columns: columns, type: type))
  }
}
