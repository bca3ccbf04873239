import HWModels
import Programs

/// Cycles of one operation on one core: where work meets rates. The only place that does this division.
struct OperationCost {
  /// Cycles of each resource, by `Resource.rawValue`.
  var demand = ResourceVector.zero
  /// Cycles of each resource that the operation occupies without waiting for them; later operations queue behind them.
  var posted = ResourceVector.zero
  /// Cycles that the actor needs without contention: issue and dependent chains.
  var own = 0.0
  /// The same while the matrix unit is busy.
  var ownBesideMatrix = 0.0
  /// Factor on the demand of the exponential unit while the matrix unit is busy.
  var expSlowdown = 1.0
  /// Cycles after the last demand until the result is visible.
  var latency = 0.0
  /// Matrix cycles that may be outstanding when an instruction with a register operand issues.
  var lead = 0.0
  var waitsForUnit = false
}

/// One number per resource, without allocation; lanes beyond `Resource.count` stay zero.
typealias ResourceVector = SIMD16<Double>

extension SIMD16<Double> {
  subscript(resource: Resource) -> Double {
    get { self[resource.rawValue] }
    set { self[resource.rawValue] = newValue }
  }
}

/// Turns work into cycles on a core of `device` under given memory conditions.
struct CostModel {
  let device: Device
  private let l2BytesPerCycle: Double
  private let dramBytesPerCycle: Double
  private let storeBytesPerCycle: Double
  private let readLatency: Double
  /// Bytes that cross to or from device memory for each byte read.
  private let missShare: Double
  private let streamMissShare: Double
  private let additionMissShare: Double
  /// Rate of additions. They come in bursts at different times on different cores, so that a burst waits for the port of its
  /// core only. The throughput of all cores bounds the kernel (`KernelSimulation`).
  private let additionBytesPerCycle: Double

  init(device: Device, conditions: MemoryConditions) {
    self.device = device
    let cores = max(conditions.activeCores, 1)
    let clock = conditions.clock
    l2BytesPerCycle = min(device.l2.corePort.value, (device.l2.bandwidth / clock).value / cores)
    dramBytesPerCycle = (device.dram.bandwidth / clock).value * device.dram.efficiency.value / cores
    storeBytesPerCycle = (device.l2.storeBandwidth / clock).value / cores
    let hit = (device.l2.latencyNear.value + device.l2.latencyFar.value) / 2
    readLatency = hit + conditions.coldShare * (device.dram.latency.value - hit)
    let perMiss = 1 + conditions.writeBackShare
    missShare = conditions.missShare * perMiss
    streamMissShare = conditions.streamMissShare * perMiss
    additionMissShare = conditions.additionMissShare
    additionBytesPerCycle = device.additions?.corePort.value ?? storeBytesPerCycle
  }

  /// From the completion of a barrier's phase to a waiter running on.
  func wakeLatency(_ mechanism: Barrier.Mechanism) -> Double {
    switch mechanism {
    case .memory: device.sync.memoryBarrier.value
    case .named: device.sync.namedBarrier.value
    case .completion: 0
    }
  }

  func cost(of operation: Programs.Operation, warps: Int) -> OperationCost {
    let (work, unit) = (operation.work, operation.unit)
    var cost = OperationCost()
    let isInterleaved = operation.isInterleaved || unit == .tensorSync
    addVector(work, warps: warps, isInterleaved: isInterleaved, to: &cost)
    addMemory(work, byCopyEngine: unit == .copyAsync, to: &cost)
    let slowed = isInterleaved ? 0 : cost.own * (device.vector.matrixSlowdown.value - 1)
    let chain = chainLatency(operation.chain)
    switch unit {
    case .vector:
      cost.own += chain
    case .tensorSync:
      let rate = device.tensor.rate16.value
      cost.demand[.tensor] = work.matrixFlops / rate
      let alone = Double(warps) <= device.cores.subCores.value ? device.tensor.rate16OneWarp.value : rate
      // A warp issues products and operand loads one after the other. Small tiles have few accumulators: products that
      // add to the same one wait for each other.
      let dependent = Double(operation.chain.matrix) * device.tensor.latency.value
      cost.own += Swift.max(work.matrixFlops / alone, dependent) + device.tensor.latency.value + chain
      cost.demand[.issue] += cost.demand[.tensor] * device.tensor.issueShare.value
    case .tensorAsync, .tensorAsyncRegisters:
      let matrix = device.asyncTensor ?? .init()
      cost.demand[.tensor] = work.matrixFlops / matrix.rate16.value
      cost.latency = matrix.completionLatency.value
      cost.own = work.matrixInstructions * matrix.issueInterval.value
      cost.lead = matrix.registerOperandLead.value
      cost.waitsForUnit = unit == .tensorAsyncRegisters
    case .copyAsync:
      cost.latency = readLatency + (device.copyEngine?.latency.value ?? 0)
    case .loadAsync:
      cost.latency = readLatency
      // Copies leave the warps' load and store unit no faster than the core's port takes them.
      cost.own = Swift.max(cost.own, work.bytesRead / device.l2.corePort.value) + chain
    case .loadStore:
      cost.latency = work.bytesRead > 0 ? readLatency : 0
      cost.own += chain
    case .sync: break
    }
    if unit == .vector, !isInterleaved, let matrix = device.asyncTensor {
      cost.expSlowdown = matrix.expSlowdown.value
    }
    cost.ownBesideMatrix = unit == .vector ? cost.own + slowed : cost.own
    return cost
  }

  private func addVector(_ work: Work, warps: Int, isInterleaved: Bool, to cost: inout OperationCost) {
    let vector = device.vector
    let convertInstructions = work.convert / 2
    let instructions =
      work.exp + work.fma + work.max + work.alu + convertInstructions + work.shuffle + work.otherInstructions
    guard instructions > 0 else { return }
    cost.demand[.exp] = work.exp / vector.exp.value
    cost.demand[.fma] = work.fma / vector.fma.value
    cost.demand[.alu] =
      work.max / vector.max.value + work.alu / vector.alu.value + work.convert / vector.convert.value
    cost.demand[.shuffle] = work.shuffle / vector.shuffle.value
    cost.demand[.issue] = instructions / vector.issue.value
    // A warp issues in order, so the cycles of its pipes add up. It has the pipes of its own sub-core only. Warps of one
    // sub-core overlap, and the demands bound them together.
    let subCores = device.cores.subCores.value
    if isInterleaved {
      let slots = instructions * vector.interleavedInterval.value
      cost.own = slots / (device.cores.lanes.value * Double(warps))
      return
    }
    let pipes = cost.demand[.exp] + cost.demand[.fma] + cost.demand[.alu] + cost.demand[.shuffle]
    let others = work.otherInstructions * vector.otherInterval.value / (device.cores.lanes.value * subCores)
    cost.own = (pipes + others) * subCores / Double(warps)
  }

  /// The copy engine writes shared memory beside the reads of the matrix unit (200 B a cycle together on Hopper, against
  /// 128 of the load path), so its writes do not count against the port; copies by warps do.
  private func addMemory(_ work: Work, byCopyEngine: Bool, to cost: inout OperationCost) {
    cost.demand[.shared] =
      (work.sharedRead + (byCopyEngine ? 0 : work.sharedWrite)) / device.shared.bandwidth.value
    cost.demand[.l2] = (work.globalRead + work.streamRead + work.globalWrite) / l2BytesPerCycle
    cost.demand[.dram] =
      (work.globalRead * missShare + work.streamRead * streamMissShare) / dramBytesPerCycle
    // Stores have left the core when its port has taken them; later reads queue behind them.
    cost.posted[.dram] = work.globalWrite / storeBytesPerCycle
    if let memory = device.tensorMemory {
      cost.demand[.tensorMemory] =
        work.tensorMemoryRead / memory.readBandwidth.value + work.tensorMemoryWrite
        / memory.writeBandwidth.value
    }
    cost.posted[.l2] = work.tableRead / l2BytesPerCycle
    cost.posted[.dram] += work.tableRead * streamMissShare / dramBytesPerCycle
    guard work.atomics > 0 else { return }
    let added = work.atomics * Work.additionBytes
    cost.demand[.atomic] = added / additionBytesPerCycle
    cost.posted[.dram] += added * additionMissShare / dramBytesPerCycle
  }

  private func chainLatency(_ chain: Chain) -> Double {
    Double(chain.alu) * device.vector.aluLatency.value + Double(chain.exp) * device.vector.expLatency.value
      + Double(chain.shuffle) * device.vector.shuffleLatency.value
      + Double(chain.shared) * device.shared.latency.value + Double(chain.global) * readLatency
  }
}
