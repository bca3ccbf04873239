public import HWModels

/// Builds one kernel: rings, barriers and on-chip budgets live here, once.
///
/// `build` refuses a kernel that does not fit and prints the budget.
public struct KernelBuilder<Counts: StepCounts> {
  public let name: String
  private let schedule: String
  private var buffers: [Buffer] = []
  private var barriers: [Barrier] = []
  private var rings: [Ring] = []
  private var actors: [Actor] = []
  private var usesSynchronousProducts = false

  /// - Parameter counts: what work items say of the kernel's loops.
  public init(counting counts: Counts.Type = NoSteps.self, schedule: String, kernel name: String) {
    self.schedule = schedule
    self.name = name
  }

  /// Adds storage.
  public mutating func buffer(
    _ name: String, _ space: Buffer.Space, rows: Int, columns: Int, type: DataType, slots: Int = 1
  ) -> BufferID {
    buffers.append(
      Buffer(
        name: name, space: space, rows: rows, columns: columns, elementType: type, slots: slots))
    return BufferID(index: buffers.count - 1)
  }

  /// Adds a barrier whose phases take `arrivals` arrivals; the first `initialPhases` phases are complete at the start.
  public mutating func barrier(
    _ name: String, _ mechanism: Barrier.Mechanism, arrivals: Int = 1, initialPhases: Int = 0
  ) -> BarrierID {
    barriers.append(
      Barrier(name: name, mechanism: mechanism, arrivals: arrivals, initialPhases: initialPhases))
    return BarrierID(index: barriers.count - 1)
  }

  /// - Parameter producers: actors that each copy a share of a slot.
  public mutating func ring(
    _ name: String, _ space: Buffer.Space = .shared, rows: Int, columns: Int, type: DataType, slots: Int,
    producers: Int = 1, consumers: Int, mechanism: Barrier.Mechanism = .memory
  ) -> Ring {
    let storage = buffer(name, space, rows: rows, columns: columns, type: type, slots: slots)
    let full = barrier("\(name) full", mechanism, arrivals: producers)
    let empty = barrier(
      "\(name) empty", mechanism, arrivals: consumers, initialPhases: slots)
    let ring = Ring(buffer: storage, full: full, empty: empty)
    rings.append(ring)
    return ring
  }

  public mutating func actor(_ name: String, warps: Int, blocks: [Block]) {
    actors.append(Actor(name: name, warps: warps, blocks: blocks.filter { !$0.operations.isEmpty }))
    for block in blocks {
      for index in block.operations.indices where block.operations[index].unit == .tensorSync {
        usesSynchronousProducts = true
      }
    }
  }

  /// Adds an actor whose blocks `fill` puts together.
  public mutating func actor(_ name: String, warps: Int, _ fill: (inout ActorBuilder<Counts>) -> Void) {
    var actor = ActorBuilder<Counts>()
    fill(&actor)
    self.actor(name, warps: warps, blocks: actor.blocks)
  }

  /// - Throws: `ScheduleError.doesNotFit` with the budget; `missingResource` on a machine without cores.
  public func build(
    items: ItemSpace, policy: TilePolicy, footprint: Footprint, role: Kernel.Role = .main,
    sharedStream: Kernel.SharedStream? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    // Other kinds of machines have no cores to run kernels on.
    guard device.cores.count.value > 0 else {
      throw .missingResource(schedule: schedule, part: "cores", device: device.id)
    }
    let kernel = Kernel(
      name: name, buffers: buffers, barriers: barriers, rings: rings, actors: actors,
      stepNames: { Counts.names },
      items: items, policy: policy, footprint: footprint, usesSynchronousProducts: usesSynchronousProducts,
      role: role,
      sharedStream: sharedStream)
    let budget = kernel.budget(on: device)
    guard budget.fits else { throw .doesNotFit(schedule: schedule, budget: budget) }
    return kernel
  }
}

extension Kernel {
  /// Needs of one work item against what a core of `device` gives to one.
  public func budget(on device: Device) -> Budget {
    var lines: [Budget.Line] = []
    for buffer in buffers where buffer.space == .shared {
      lines.append(.init(item: "shared memory of \(buffer.name), bytes", needed: buffer.bytes))
    }
    lines.append(
      .init(
        item: "shared memory, bytes", needed: footprint.sharedBytes,
        available: Int(device.shared.perWorkItem.value)))
    lines.append(
      .init(
        item: "registers", needed: footprint.threads * footprint.registersPerThread,
        available: Int(device.cores.registerFile.value) / 4))
    lines.append(
      .init(
        item: "registers per thread", needed: footprint.registersPerThread,
        available: Int(device.cores.registersPerThreadMaximum.value)))
    lines.append(
      .init(item: "threads", needed: footprint.threads, available: Int(device.cores.threadsMaximum.value)))
    if footprint.tensorMemoryColumns > 0 {
      lines.append(
        .init(
          item: "tensor memory columns", needed: footprint.tensorMemoryColumns,
          available: Int(device.tensorMemory?.columns.value ?? 0)))
    }
    if footprint.clusterSize > 1 {
      lines.append(
        .init(
          item: "cluster size", needed: footprint.clusterSize,
          available: Int(device.cores.clusterMaximum.value)))
    }
    return Budget(lines: lines)
  }

  /// Work items of this kernel that one core holds at a time.
  public func residentItems(on device: Device) -> Int {
    let shared =
      Int(device.shared.capacity.value)
      / max(footprint.sharedBytes + Int(device.shared.reservedPerWorkItem.value), 1)
    let registers =
      Int(device.cores.registerFile.value) / 4 / max(footprint.threads * footprint.registersPerThread, 1)
    let threads = Int(device.cores.threadsMaximum.value) / max(footprint.threads, 1)
    return max(1, min(shared, registers, threads, Int(device.cores.workItemsMaximum.value)))
  }

  /// Work of all items, all actors together. Complexity: O(operations).
  public func totalWork(_ totals: TripTotals) -> Work {
    var total = Work()
    for actor in actors {
      for block in actor.blocks {
        let trips = Double(totals[block.trips])
        guard trips > 0 else { continue }
        for index in block.operations.indices { total.add(block.operations[index].work, times: trips) }
      }
    }
    return total
  }

  /// Bytes that only one item reads and that an earlier kernel of the call wrote. Complexity: O(operations).
  public func intermediateRead(_ totals: TripTotals) -> Double {
    var bytes = 0.0
    for actor in actors {
      for block in actor.blocks {
        for operation in block.operations
        where operation.work.streamRead > 0 && operation.action.readsIntermediate {
          bytes += operation.work.streamRead * Double(totals[block.trips])
        }
      }
    }
    return bytes
  }

  /// Work of one item of `itemClass`, all actors together. Complexity: O(operations).
  public func work(of itemClass: ItemClass) -> Work {
    var total = Work()
    for actor in actors {
      for block in actor.blocks {
        let trips = Double(block.trips.count(itemClass.values))
        guard trips > 0 else { continue }
        for index in block.operations.indices { total.add(block.operations[index].work, times: trips) }
      }
    }
    return total
  }
}
