import Attention
import HWModels
import Programs
import Results

/// One kernel on a device: how its grid lies there and what its memory traffic is, and its time at any clock.
struct KernelSimulation {
  let kernel: Kernel
  let shape: AttentionShape
  let device: Device
  /// Work items that one core holds at a time, that the device holds, and cores that have any.
  let resident: Int
  let slots: Int
  let activeCores: Int
  let grid: KernelGrid
  let cache: CacheModel.Outcome

  /// - Parameters:
  ///   - cacheBefore: what the shared cache holds when the call begins.
  ///   - earlier: the kernel before in the same call.
  ///   - grid: of the same kernel on a device that differs in no number that kernels are built for.
  init(
    _ kernel: Kernel, _ shape: AttentionShape, on device: Device, cacheBefore: CacheModel.Before,
    earlier: KernelSimulation? = nil, grid: KernelGrid? = nil
  ) {
    self.kernel = kernel
    self.shape = shape
    self.device = device
    let cores = Int(device.cores.count.value)
    let total = kernel.policy.launches(items: kernel.items.total)
    // A small grid spreads over the cores before it shares them.
    resident = min(kernel.residentItems(on: device), max((total + cores - 1) / cores, 1))
    let usableCores = cores / kernel.footprint.clusterSize * kernel.footprint.clusterSize
    slots = usableCores * resident
    activeCores = min(usableCores, (total + resident - 1) / resident)
    self.grid = grid ?? KernelGrid(kernel, slots: slots)
    let (totals, work) = (self.grid.totals, self.grid.work)
    cache = CacheModel(
      device: device, before: cacheBefore, earlier: earlier.map { ($0.waves, $0.cache.dramReadBytes) }
    ).evaluate(
      kernel: kernel, shape: shape, slots: slots, totalRead: work.globalRead,
      streamRead: work.streamRead + work.tableRead,
      intermediateRead: kernel.intermediateRead(totals), totalWrite: work.globalWrite,
      accumulated: work.atomics * Work.additionBytes)
  }

  /// Work of all items.
  var work: Work { grid.work }
  /// Rounds of work items that the grid takes.
  var waves: Double { Double(kernel.items.total) / Double(slots) }
  /// Bytes to and from device memory.
  var dramBytes: Double { cache.dramReadBytes + cache.dramWriteBytes }

  /// What a core sees of the memory at a core clock.
  func conditions(at clock: Frequency) -> MemoryConditions {
    MemoryConditions(
      activeCores: Double(activeCores), missShare: cache.missShare,
      streamMissShare: cache.streamMissShare, coldShare: cache.coldShare,
      writeBackShare: cache.writeBackShare, additionMissShare: cache.additionMissShare, clock: clock)
  }

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
      let rate = device.dramBytesPerCycle(at: clock)
      let least = rate > 0 ? (dramRead + dramWrite) / rate : 0
      guard least > cycles else { return }
      tail += least - cycles
      cycles = least
      result.cycles = Cycles(least)
    }
  }

  /// Share of the mean slot's time for which device memory is busy, from which on its sharing is looked at.
  private static let memoryBound = 0.4

  /// Whether an item gets faster by half of what it would, were memory all it waits for, when half of the cores are idle.
  private func isPaced(
    byMemory conditions: MemoryConditions, _ itemClass: Int, _ duration: DeviceSchedule.Duration
  ) throws(SimulationError) -> Bool {
    var half = conditions
    half.activeCores = max(half.activeCores / 2, 1)
    var timer = ItemTimer(
      lowered: LoweredKernel(kernel, on: device, conditions: half), kernel: kernel, resident: resident,
      repeated: false)
    let faster = try timer.timing(of: kernel.items.classes[itemClass]).duration.first
    return 4 * faster < 3 * duration.first
  }

  /// Plays the launches with bandwidth that moves between cores.
  private func playSharing(
    _ conditions: MemoryConditions, _ runs: [ItemRuns.Run], shares: [DeviceSchedule.Duration]? = nil,
    events: inout Int
  ) throws(SimulationError) -> DeviceSchedule.Outcome {
    let paces = ItemPaces(
      kernel, on: device, conditions: conditions, repeated: kernel.items.total > slots, slots: slots,
      shares: shares)
    let schedule = SharedBandwidthSchedule(
      cores: slots / resident, resident: resident,
      ticks: { paces.ticks($0, resident: $1, active: $2, isFirst: $3) })
    let outcome = schedule.play(ItemRuns.launches(runs, policy: kernel.policy))
    if let failure = paces.failure { throw failure }
    events += paces.events
    return outcome
  }

  /// The device level. Where many sequences repeat the same tiles, a part of them is played, and half of that: what is
  /// left goes on at the pace between the two.
  private func play(
    _ durations: [DeviceSchedule.Duration], _ conditions: MemoryConditions, dramCycles: Double,
    events: inout Int
  ) throws(SimulationError) -> DeviceSchedule.Outcome {
    let factor = grid.repeats
    guard factor > 1,
      let part = ItemRuns.part(kernel.items, order: kernel.policy.order, slots: slots, factor),
      let half = ItemRuns.part(kernel.items, order: kernel.policy.order, slots: slots, 2 * factor)
    else {
      return try play(
        grid.runs ?? KernelGrid.runs(kernel, kernel.items), durations, conditions, dramCycles: dramCycles,
        events: &events)
    }
    func share(_ items: ItemSpace) -> Double { Double(items.total) / Double(kernel.items.total) }
    let longer = try play(
      KernelGrid.runs(kernel, part), durations, conditions, dramCycles: dramCycles * share(part),
      events: &events)
    let shorter = try play(
      KernelGrid.runs(kernel, half), durations, conditions, dramCycles: dramCycles * share(half),
      events: &events)
    let items = Double(part.total - half.total)
    guard items > 0 else { return longer }
    let left = Double(kernel.items.total - part.total) / items
    var outcome = longer
    outcome.makespan += Int(Double(longer.makespan - shorter.makespan) * left)
    outcome.busy += Int(Double(longer.busy - shorter.busy) * left)
    outcome.rounds += Int(Double(longer.rounds - shorter.rounds) * left)
    return outcome
  }

  /// All items of `runs`. Where memory sets the pace, bandwidth moves between cores as they finish.
  private func play(
    _ runs: [ItemRuns.Run], _ durations: [DeviceSchedule.Duration], _ conditions: MemoryConditions,
    dramCycles: Double, events: inout Int
  ) throws(SimulationError) -> DeviceSchedule.Outcome {
    if case .ranges = kernel.policy {
      return try playSharing(conditions, runs, events: &events)
    }
    let played = DeviceSchedule(
      slots: slots, durations: durations,
      launchInterval: Double(Tick.perCycle) / device.sync.workItemRate.value
    ).play(runs, policy: kernel.policy)
    // The class that takes most of the time speaks for the kernel.
    func weight(_ itemClass: Int) -> Double {
      Double(durations[itemClass].first) * Double(grid.counts[itemClass])
    }
    guard dramCycles > Self.memoryBound * Tick.cycles(played.busy) / Double(slots),
      let heaviest = durations.indices.max(by: { weight($0) < weight($1) }),
      try isPaced(byMemory: conditions, heaviest, durations[heaviest])
    else { return played }
    return try playSharing(conditions, runs, shares: durations, events: &events)
  }

  /// - Throws: `SimulationError.deadlock` naming who waits for what.
  func run(at clock: Frequency) throws(SimulationError) -> Outcome {
    let conditions = conditions(at: clock)
    let cores = Int(device.cores.count.value)
    let total = kernel.items.total
    let counts = grid.counts
    let lowered = LoweredKernel(kernel, on: device, conditions: conditions)

    // Items of ranges are played by their paces: here only what one takes among others is asked.
    var timer = ItemTimer(
      lowered: lowered, kernel: kernel, resident: resident,
      repeated: total > slots && !kernel.policy.isRanges)
    try timer.prepare(kernel.items.classes)
    var timings: [ItemTimer.Timing?] = []
    for (index, itemClass) in kernel.items.classes.enumerated() {
      timings.append(counts[index] > 0 ? try timer.timing(of: itemClass) : nil)
    }
    let durations = timings.map { $0?.duration ?? DeviceSchedule.Duration(first: 0, later: 0) }
    let ticks = zip(durations, counts).reduce(0.0) { $0 + Double(max($1.0.first, $1.0.later)) * Double($1.1) }
    guard ticks < Double(Int.max) / 4 else { throw .tooLong(kernel: kernel.name) }
    let dramCycles = dramBytes / device.dramBytesPerCycle(at: clock)
    var events = timer.events
    let played = try play(durations, conditions, dramCycles: dramCycles, events: &events)

    var busy = lowered.busyCycles(grid.totals)
    // The shared levels serve the chip as one: their busy time counts against all cores.
    let perCycle = device.l2.bandwidth / clock
    let l2Bytes = work.bytesRead + work.globalWrite
    busy[Resource.l2] = l2Bytes / min(perCycle.value / Double(cores), device.l2.corePort.value)
    busy[Resource.dram] = dramCycles * Double(cores)
    // What all cores do together cannot be faster than the memory that they share, whenever each of them does it.
    let additionRate = (device.additions?.throughput ?? device.l2.storeBandwidth) / clock
    // Work items of a grid come from one launcher, one after the other.
    let launched =
      if case .grid = kernel.policy { Double(total) / device.sync.workItemRate.value } else { 0.0 }
    let cycles = max(
      Tick.cycles(played.makespan), launched, work.atomics * Work.additionBytes / additionRate.value,
      dramCycles)
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
        coresUsed: activeCores, waves: waves, classes: classes,
        occupancy: cycles > 0 ? slotMean / cycles : 0),
      cycles: cycles, prologue: Tick.cycles(timer.prologue), epilogue: Tick.cycles(timer.epilogue),
      tail: max(cycles - slotMean, 0), work: work, busy: busy,
      dramRead: cache.dramReadBytes, dramWrite: cache.dramWriteBytes,
      memoryShare: max(busy[Resource.l2], busy[Resource.dram]) / max(cycles * Double(cores), 1),
      events: events,
      jumpedEvents: timer.jumpedEvents)
  }
}

extension Device {
  /// Bytes that device memory moves in one core cycle, refresh and row changes taken off.
  func dramBytesPerCycle(at clock: Frequency) -> Double {
    (dram.bandwidth / clock).value * dram.efficiency.value
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
