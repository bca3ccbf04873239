import HWModels
import Programs
import Results
import Spatial

/// What the memory system looks like to one core while a kernel runs.
struct MemoryConditions: Hashable {
  /// Cores that pull at the shared levels at the same time.
  var activeCores: Double
  /// Share of the bytes read through the shared cache that come from device memory.
  var missShare: Double
  /// The same for bytes that only one work item reads.
  var streamMissShare: Double
  /// Share of the reads whose first user waits for device memory.
  var coldShare: Double
  /// Bytes of others written back to make room, over the bytes read from device memory.
  var writeBackShare: Double
  /// Bytes moved to and from device memory for additions in the cache, over the bytes added.
  var additionMissShare = 0.0
  /// Core clock, which turns bytes per second into bytes per cycle.
  var clock: Frequency
}

/// A kernel as flat records: what the event loop reads. Built once per kernel, device and memory conditions.
struct LoweredKernel {
  struct Operation: BitwiseCopyable {
    var waitStart: Int32
    var waitCount: Int32
    var signalStart: Int32
    var signalCount: Int32
    var demandStart: Int32
    var demandCount: Int32
    /// Ticks that the actor itself needs: a blocking operation's shortest time, or the time to issue.
    var ownTicks: Int
    /// The same while the matrix unit is busy; equal where it makes no difference.
    var ownTicksBesideMatrix: Int
    /// Ticks from the last served demand to the completion signal (asynchronous) or the result (blocking).
    var latencyTicks: Int
    /// For matrix work with a register operand: ticks of earlier matrix work that may be left at issue.
    var leadTicks: Int
    var isAsynchronous: Bool
    var waitsForUnit: Bool
  }
  struct Block: BitwiseCopyable {
    var start: Int32
    var count: Int32
  }
  struct Actor: BitwiseCopyable {
    var blockStart: Int32
    var blockCount: Int32
  }
  struct Demand: BitwiseCopyable {
    var resource: Int32
    /// Whether the operation goes on without waiting for it.
    var isPosted: Bool
    var ticks: Int
    /// The same while the matrix unit is busy; equal where it makes no difference.
    var ticksBesideMatrix: Int
  }
  struct Wait: BitwiseCopyable {
    var barrier: Int32
    var latencyTicks: Int
  }

  var actors: [Actor] = []
  var blocks: [Block] = []
  /// Place of each operation among all operations of the kernel, those of blocks that are never entered included.
  private(set) var sources: [Int32] = []
  /// Trip counts, parallel to `blocks`.
  var trips: [TripCount] = []
  var operations: [Operation] = []
  var demands: [Demand] = []
  var waits: [Wait] = []
  var signals: [Int32] = []
  /// Arrivals per phase and phases complete at the start, by barrier.
  var arrivals: [Int] = []
  var initialPhases: [Int] = []
  /// Arrivals of each actor in a phase, by barrier; 0 where a phase does not divide evenly among the actors that arrive, so
  /// that any arrivals complete it.
  var shares: [Int] = []
  /// Actors that ever wait for each barrier, ascending: `waiterList[waiterStart[b]..<waiterStart[b + 1]]`.
  private var waiterStart: [Int] = [0]
  private var waiterList: [Int32] = []
  var isPersistent = false
  /// `Kernel.pacingActor`.
  var pacingActor = 0
  var itemLaunchTicks = 0

  /// What the event loop reads per operation, without reference counting. Made at the end of `init`.
  struct Flat {
    let operations: FlatArray<Operation>
    let demands: FlatArray<Demand>
    let waits: FlatArray<Wait>
    let signals: FlatArray<Int32>
    let arrivals: FlatArray<Int>
    let initialPhases: FlatArray<Int>
    let shares: FlatArray<Int>
  }
  private(set) var flat: Flat

  init(_ kernel: Kernel, on device: Device, conditions: MemoryConditions) {
    flat = Flat(
      operations: FlatArray([]), demands: FlatArray([]), waits: FlatArray([]), signals: FlatArray([]),
      arrivals: FlatArray([]), initialPhases: FlatArray([]), shares: FlatArray([]))
    let costs = CostModel(device: device, conditions: conditions)
    isPersistent = kernel.policy.isPersistent
    pacingActor = kernel.pacingActor
    if case .ranges = kernel.policy {
      itemLaunchTicks = 0
    } else {
      itemLaunchTicks = Tick.roundedUp(cycles: device.sync.workItemLaunch.value)
    }
    arrivals = kernel.barriers.map(\.arrivals)
    initialPhases = kernel.barriers.map(\.initialPhases)
    shares = kernel.barrierShares.map { $0.actors.isEmpty ? 0 : $0.arrivals }
    var sourceCount = 0
    operations.reserveCapacity(128)
    demands.reserveCapacity(256)
    waits.reserveCapacity(128)
    signals.reserveCapacity(128)
    for actor in kernel.actors {
      actors.append(Actor(blockStart: Int32(blocks.count), blockCount: Int32(actor.blocks.count)))
      for block in actor.blocks {
        // A block that no class of items enters has no costs.
        let isEntered = kernel.items.classes.contains { block.trips.count($0.values) > 0 }
        let count = isEntered ? block.operations.count : 0
        blocks.append(Block(start: Int32(operations.count), count: Int32(count)))
        trips.append(block.trips)
        block.operations.withUnsafeBufferPointer { list in
          for index in 0..<count {
            append(list, index, warps: actor.warps, costs: costs, kernel: kernel)
            sources.append(Int32(sourceCount + index))
          }
        }
        sourceCount += block.operations.count
      }
    }
    collectWaiters(kernel)
    flat = Flat(
      operations: FlatArray(operations), demands: FlatArray(demands), waits: FlatArray(waits),
      signals: FlatArray(signals), arrivals: FlatArray(arrivals), initialPhases: FlatArray(initialPhases),
      shares: FlatArray(shares))
  }

  private mutating func collectWaiters(_ kernel: Kernel) {
    var waits = [Bool](repeating: false, count: kernel.barriers.count * actors.count)
    for (actor, record) in actors.enumerated() {
      for block in Int(record.blockStart)..<Int(record.blockStart + record.blockCount) {
        for index in Int(blocks[block].start)..<Int(blocks[block].start + blocks[block].count) {
          let first = Int(operations[index].waitStart)
          for wait in first..<first + Int(operations[index].waitCount) {
            waits[Int(self.waits[wait].barrier) * actors.count + actor] = true
          }
        }
      }
    }
    for barrier in kernel.barriers.indices {
      for actor in actors.indices where waits[barrier * actors.count + actor] {
        waiterList.append(Int32(actor))
      }
      waiterStart.append(waiterList.count)
    }
  }

  func waiters(of barrier: Int) -> ArraySlice<Int32> {
    waiterList[waiterStart[barrier]..<waiterStart[barrier + 1]]
  }

  private mutating func append(
    _ list: UnsafeBufferPointer<Programs.Operation>, _ index: Int, warps: Int, costs: CostModel,
    kernel: Kernel
  ) {
    let cost = costs.cost(of: list[index], warps: warps)
    var record = Operation(
      waitStart: Int32(waits.count), waitCount: Int32(list[index].waits.count),
      signalStart: Int32(signals.count), signalCount: Int32(list[index].signals.count),
      demandStart: Int32(demands.count), demandCount: 0, ownTicks: Tick.roundedUp(cycles: cost.own),
      ownTicksBesideMatrix: Tick.roundedUp(cycles: cost.ownBesideMatrix),
      latencyTicks: Tick.roundedUp(cycles: cost.latency), leadTicks: Tick.roundedUp(cycles: cost.lead),
      isAsynchronous: list[index].unit.isAsynchronous, waitsForUnit: cost.waitsForUnit)
    for wait in list[index].waits {
      let latency = costs.wakeLatency(kernel.barriers[wait.index].mechanism)
      waits.append(Wait(barrier: Int32(wait.index), latencyTicks: Tick.roundedUp(cycles: latency)))
    }
    for signal in list[index].signals { signals.append(Int32(signal.index)) }
    for resource in 0..<Resource.count where cost.demand[resource] > 0 {
      let ticks = Tick.roundedUp(cycles: cost.demand[resource])
      let slowed = resource == Resource.exp.rawValue ? cost.expSlowdown : 1
      demands.append(
        Demand(
          resource: Int32(resource), isPosted: false, ticks: ticks,
          ticksBesideMatrix: slowed == 1 ? ticks : Tick.roundedUp(cycles: cost.demand[resource] * slowed)))
      record.demandCount += 1
    }
    for resource in 0..<Resource.count where cost.posted[resource] > 0 {
      let ticks = Tick.roundedUp(cycles: cost.posted[resource])
      demands.append(
        Demand(resource: Int32(resource), isPosted: true, ticks: ticks, ticksBesideMatrix: ticks))
      record.demandCount += 1
    }
    operations.append(record)
  }
}
