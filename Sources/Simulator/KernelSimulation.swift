import HWModels
import Schedules

/// One kernel, timed at the core and device levels at a given clock.
struct KernelSimulation {
  let kernel: Kernel
  let shape: AttentionShape
  let device: Device
  let clock: Frequency
  /// What the shared cache holds when the call begins.
  let cacheBefore: CacheModel.Before
  /// The kernel before in the same call: its waves, and what it read from device memory.
  var earlier: (waves: Double, readBytes: Double)?

  struct Outcome {
    var role: Kernel.Role
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
    /// Share of the cycles for which the shared cache or device memory is busy, whichever is more.
    var memoryShare: Double
    var events: Int
    var jumpedEvents: Int

    /// Restates cycles of memory, counted at the clock that the kernel was timed at, at the clock that it gets; the
    /// kernel is never shorter than its bytes of device memory over the bandwidth.
    mutating func keepAboveMemory(at clock: Frequency, timedAt timed: Frequency, device: Device) {
      let ratio = clock.value / timed.value
      guard ratio != 1 else { return }
      busy[.l2] *= ratio
      busy[.dram] *= ratio
      let rate = (device.dram.bandwidth / clock).value * device.dram.efficiency.value
      let least = rate > 0 ? (dramRead + dramWrite) / rate : 0
      guard least > cycles else { return }
      tail += least - cycles
      cycles = least
      result.cycles = Cycles(least)
    }
  }

  /// How the grid lies on the device, and what its cores see of the memory.
  struct Setting {
    var resident: Int
    var slots: Int
    var activeCores: Int
    /// How often each loop runs, over all items.
    var totals: TripTotals
    var work: Work
    var cache: CacheModel.Outcome
    var conditions: MemoryConditions
  }

  func setting() -> Setting {
    let cores = Int(device.cores.count.value)
    let total = kernel.policy.launches(items: kernel.items.total)
    // A small grid spreads over the cores before it shares them.
    let resident = min(kernel.residentItems(on: device), max((total + cores - 1) / cores, 1))
    let usableCores = cores / kernel.footprint.clusterSize * kernel.footprint.clusterSize
    let slots = usableCores * resident
    let totals = TripTotals(kernel)
    let work = kernel.totalWork(totals)
    let cache = CacheModel(device: device, before: cacheBefore, earlier: earlier).evaluate(
      kernel: kernel, shape: shape, slots: slots, totalRead: work.globalRead,
      streamRead: work.streamRead + work.tableRead,
      intermediateRead: kernel.intermediateRead(totals), totalWrite: work.globalWrite,
      accumulated: work.atomics * Work.additionBytes)
    let activeCores = min(usableCores, (total + resident - 1) / resident)
    return Setting(
      resident: resident, slots: slots, activeCores: activeCores, totals: totals, work: work, cache: cache,
      conditions: MemoryConditions(
        activeCores: Double(activeCores), missShare: cache.missShare,
        streamMissShare: cache.streamMissShare, coldShare: cache.coldShare,
        writeBackShare: cache.writeBackShare, additionMissShare: cache.additionMissShare, clock: clock
      ))
  }

  /// Share of the mean slot's time for which device memory is busy, from which on its sharing is looked at.
  private static let memoryBound = 0.4

  /// Whether an item gets faster by half of what it would, were memory all it waits for, when half of the cores are idle.
  private func isPaced(
    byMemory setting: Setting, _ itemClass: Int, _ duration: DeviceSchedule.Duration
  ) throws(SimulationError) -> Bool {
    var half = setting.conditions
    half.activeCores = max(half.activeCores / 2, 1)
    var timer = ItemTimer(
      lowered: LoweredKernel(kernel, on: device, conditions: half), kernel: kernel,
      resident: setting.resident,
      repeated: false)
    let faster = try timer.timing(of: kernel.items.classes[itemClass]).duration.first
    return 4 * faster < 3 * duration.first
  }

  /// Cycles for which device memory is busy.
  private func memoryBusy(_ setting: Setting) -> Double {
    (setting.cache.dramReadBytes + setting.cache.dramWriteBytes)
      / ((device.dram.bandwidth / clock).value * device.dram.efficiency.value)
  }

  /// Plays the launches with bandwidth that moves between cores.
  private func playSharing(
    _ setting: Setting, _ runs: [ItemRuns.Run], events: inout Int
  ) throws(SimulationError) -> DeviceSchedule.Outcome {
    let paces = ItemPaces(
      kernel, on: device, conditions: setting.conditions,
      repeated: kernel.items.total > setting.slots)
    let schedule = SharedBandwidthSchedule(
      cores: setting.slots / setting.resident, resident: setting.resident,
      ticks: { paces.ticks($0, resident: $1, active: $2, isFirst: $3) })
    let outcome = schedule.play(ItemRuns.launches(runs, policy: kernel.policy))
    if let failure = paces.failure { throw failure }
    events += paces.events
    return outcome
  }

  /// - Throws: `SimulationError.deadlock` naming who waits for what.
  func run() throws(SimulationError) -> Outcome {
    let setting = setting()
    let (resident, slots, work, cache) = (setting.resident, setting.slots, setting.work, setting.cache)
    let conditions = setting.conditions
    let cores = Int(device.cores.count.value)
    let total = kernel.items.total
    let counts = kernel.items.counts
    let lowered = LoweredKernel(kernel, on: device, conditions: conditions)

    var timer = ItemTimer(lowered: lowered, kernel: kernel, resident: resident, repeated: total > slots)
    var timings: [ItemTimer.Timing?] = []
    for (index, itemClass) in kernel.items.classes.enumerated() {
      timings.append(counts[index] > 0 ? try timer.timing(of: itemClass) : nil)
    }
    let durations = timings.map { $0?.duration ?? DeviceSchedule.Duration(first: 0, later: 0) }
    let schedule = DeviceSchedule(
      slots: slots, durations: durations,
      launchInterval: Double(Tick.perCycle) / device.sync.workItemRate.value)
    let runs = ItemRuns.make(kernel.items, order: kernel.policy.order).sameTimes(kernel.items.classes)
    // Where memory sets the pace, bandwidth moves between cores as they finish.
    var played: DeviceSchedule.Outcome
    var events = timer.events
    if case .ranges = kernel.policy {
      played = try playSharing(setting, runs, events: &events)
    } else {
      played = schedule.play(runs, policy: kernel.policy)
      if memoryBusy(setting) > Self.memoryBound * Tick.cycles(played.busy) / Double(slots),
        let longest = durations.indices.max(by: { durations[$0].first < durations[$1].first }),
        try isPaced(byMemory: setting, longest, durations[longest])
      {
        played = try playSharing(setting, runs, events: &events)
      }
    }

    var busy = lowered.busyCycles(setting.totals)
    // The shared levels serve the chip as one: their busy time counts against all cores.
    let perCycle = device.l2.bandwidth / clock
    let l2Bytes = work.bytesRead + work.globalWrite
    busy[Resource.l2] = l2Bytes / min(perCycle.value / Double(cores), device.l2.corePort.value)
    busy[Resource.dram] =
      (cache.dramReadBytes + cache.dramWriteBytes) * Double(cores)
      / ((device.dram.bandwidth / clock).value * device.dram.efficiency.value)
    // What all cores do together cannot be faster than the memory that they share, whenever each of them does it.
    let additionRate = (device.additions?.throughput ?? device.l2.storeBandwidth) / clock
    let dramRate = (device.dram.bandwidth / clock).value * device.dram.efficiency.value
    let cycles = max(
      Tick.cycles(played.makespan), work.atomics * Work.additionBytes / additionRate.value,
      (cache.dramReadBytes + cache.dramWriteBytes) / dramRate)
    let slotMean = Tick.cycles(played.busy) / Double(max(slots, 1))
    let classes = kernel.items.classes.indices.filter { counts[$0] > 0 }.map { index in
      SimulationResult.ClassResult(
        count: counts[index], trips: kernel.items.classes[index].walk.count,
        cycles: Cycles(Tick.cycles(durations[index].first)), period: timings[index]?.period)
    }
    return Outcome(
      role: kernel.role,
      result: .init(
        name: kernel.name, cycles: Cycles(cycles), workItems: total, residentItems: resident,
        coresUsed: setting.activeCores,
        waves: Double(total) / Double(slots), classes: classes,
        occupancy: cycles > 0 ? slotMean / cycles : 0),
      cycles: cycles, prologue: Tick.cycles(timer.prologue), epilogue: Tick.cycles(timer.epilogue),
      tail: max(cycles - slotMean, 0), work: work, busy: busy,
      dramRead: cache.dramReadBytes, dramWrite: cache.dramWriteBytes,
      memoryShare: max(busy[Resource.l2], busy[Resource.dram]) / max(cycles * Double(cores), 1),
      events: events,
      jumpedEvents: timer.jumpedEvents)
  }
}

extension LoweredKernel {
  /// Busy cycles of every resource over all items. Complexity: O(operations + classes x different trip counts).
  func busyCycles(_ totals: TripTotals) -> ResourceVector {
    var busy = ResourceVector.zero
    for (index, block) in blocks.enumerated() {
      let total = totals[trips[index]]
      guard total > 0 else { continue }
      for position in Int(block.start)..<Int(block.start + block.count) {
        let record = operations[position]
        for demand in demands[Int(record.demandStart)..<Int(record.demandStart + record.demandCount)] {
          busy[Int(demand.resource)] += Double(total) * Tick.cycles(demand.ticks)
        }
      }
    }
    return busy
  }
}
