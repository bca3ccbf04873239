import HWModels
import Schedules

/// One kernel, timed at the core and device levels at a given clock.
struct KernelSimulation {
  let kernel: Kernel
  let shape: AttentionShape
  let device: Device
  let clock: Frequency

  struct Outcome {
    var result: SimulationResult.KernelResult
    /// Core cycles from first launch to last end.
    var cycles: Double
    /// Parts of `cycles`, in cycles.
    var prologue: Double
    var epilogue: Double
    var tail: Double
    /// Work of all items.
    var work: Work
    /// Busy cycles of each resource, all cores together.
    var busy: ResourceVector
    var dramRead: Double
    var dramWrite: Double
    var events: Int
    var jumpedEvents: Int
  }

  /// - Throws: `SimulationError.deadlock` naming who waits for what.
  func run() throws(SimulationError) -> Outcome {
    let cores = Int(device.cores.count.value)
    let total = kernel.items.total
    // A small grid spreads over the cores before it shares them.
    let resident = min(kernel.residentItems(on: device), max((total + cores - 1) / cores, 1))
    let usableCores = cores / kernel.footprint.clusterSize * kernel.footprint.clusterSize
    let slots = usableCores * resident
    let counts = kernel.items.counts

    var work = Work()
    for (index, itemClass) in kernel.items.classes.enumerated() where counts[index] > 0 {
      work.add(kernel.work(of: itemClass), times: Double(counts[index]))
    }
    let cache = CacheModel(device: device).evaluate(
      kernel: kernel, shape: shape, slots: slots, totalRead: work.globalRead, streamRead: work.streamRead,
      totalWrite: work.globalWrite)
    let conditions = MemoryConditions(
      activeCores: Double(min(usableCores, (total + resident - 1) / resident)), missShare: cache.missShare,
      coldShare: cache.coldShare, clock: clock)
    let lowered = LoweredKernel(kernel, on: device, conditions: conditions)

    var timer = ItemTimer(lowered: lowered, kernel: kernel, resident: resident)
    var durations: [DeviceSchedule.Duration] = []
    for (index, itemClass) in kernel.items.classes.enumerated() {
      durations.append(
        counts[index] > 0
          ? try timer.duration(of: itemClass, repeated: total > slots)
          : DeviceSchedule.Duration(first: 0, later: 0))
    }
    let schedule = DeviceSchedule(
      slots: slots, durations: durations,
      launchInterval: Double(Tick.perCycle) / device.sync.workItemRate.value)
    let played = schedule.play(
      ItemRuns.make(kernel.items, order: kernel.policy.order), policy: kernel.policy)

    var busy = CostModel(device: device, conditions: conditions).busy(work, kernel: kernel)
    // The shared levels serve the chip as one: their busy time counts against all cores.
    let chip = MemoryConditions(activeCores: Double(cores), missShare: cache.missShare, coldShare: 0, clock: clock)
    let shared = CostModel(device: device, conditions: chip).busy(work, kernel: kernel)
    busy[Resource.l2] = shared[Resource.l2]
    busy[Resource.dram] = shared[Resource.dram]
    let cycles = Tick.cycles(played.makespan)
    let slotMean = Tick.cycles(played.busy) / Double(max(slots, 1))
    let classes = kernel.items.classes.indices.filter { counts[$0] > 0 }.map { index in
      SimulationResult.ClassResult(
        count: counts[index], trips: kernel.items.classes[index].walk.count,
        cycles: Cycles(Tick.cycles(durations[index].first)), period: timer.periods[index])
    }
    return Outcome(
      result: .init(
        name: kernel.name, cycles: Cycles(cycles), workItems: total, residentItems: resident,
        coresUsed: min(usableCores, (total + resident - 1) / resident),
        waves: Double(total) / Double(slots), classes: classes,
        occupancy: cycles > 0 ? slotMean / cycles : 0),
      cycles: cycles, prologue: Tick.cycles(timer.prologue), epilogue: Tick.cycles(timer.epilogue),
      tail: max(cycles - slotMean, 0), work: work, busy: busy,
      dramRead: cache.dramReadBytes, dramWrite: cache.dramWriteBytes, events: timer.events,
      jumpedEvents: timer.jumpedEvents)
  }
}

/// Durations of work items by class, from the core level, each class simulated once.
struct ItemTimer {
  let lowered: LoweredKernel
  let kernel: Kernel
  let resident: Int
  private(set) var periods: [SimulationResult.PeriodResult?] = []
  private(set) var events = 0
  private(set) var jumpedEvents = 0
  /// Of the longest class so far: ticks before its first loop trip and after its last.
  private(set) var prologue = 0
  private(set) var epilogue = 0
  private var longest = -1

  init(lowered: LoweredKernel, kernel: Kernel, resident: Int) {
    self.lowered = lowered
    self.kernel = kernel
    self.resident = resident
  }

  /// Plays `resident` items of the class side by side, and, where slots play more than one round, two rounds of them:
  /// the second round's length is that of every later one.
  mutating func duration(
    of itemClass: ItemClass, repeated: Bool
  ) throws(SimulationError) -> DeviceSchedule.Duration {
    let item = CoreSimulation.Item(trips: lowered.blocks.map { $0.trips.count(itemClass.values) })
    let rounds = repeated ? 2 : 1
    var simulation = CoreSimulation(
      lowered, queues: Array(repeating: Array(repeating: item, count: rounds), count: resident))
    let outcome = simulation.run()
    guard outcome.stuck.isEmpty else {
      throw .deadlock(
        kernel: kernel.name,
        waiting: outcome.stuck.map { "\(kernel.actors[$0.actor].name) waits for \(kernel.barriers[$0.barrier].name)" })
    }
    events += outcome.events
    jumpedEvents += outcome.jumpedEvents
    periods.append(
      outcome.period.map { .init(trips: $0.trips, ticks: $0.ticks, jumpedTrips: $0.jumped) })
    func roundEnd(_ round: Int) -> Int { outcome.items.reduce(0) { max($0, $1[round].end) } }
    let first = roundEnd(0)
    if first > longest, let item = outcome.items.first?.first {
      longest = first
      prologue = item.loopStart < 0 ? 0 : item.loopStart - item.start
      epilogue = item.loopEnd < 0 ? 0 : item.end - item.loopEnd
    }
    return DeviceSchedule.Duration(first: first, later: repeated ? roundEnd(1) - first : first)
  }
}

extension CostModel {
  /// Busy cycles of every resource for a kernel's total work.
  func busy(_ work: Work, kernel: Kernel) -> ResourceVector {
    var whole = Schedules.Operation("all", .vector, work: work)
    if kernel.actors.contains(where: { $0.blocks.contains { $0.operations.contains { $0.unit == .tensorSync } } }) {
      whole.unit = .tensorSync
    } else if work.matrixFlops > 0 {
      whole.unit = .tensorAsync
    }
    return cost(of: whole, warps: Int(device.cores.subCores.value)).demand
  }
}
