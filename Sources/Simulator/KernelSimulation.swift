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
    /// Share of the cycles for which the shared cache or device memory is busy, whichever is more.
    var memoryShare: Double
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

    let work = kernel.totalWork()
    let cache = CacheModel(device: device).evaluate(
      kernel: kernel, shape: shape, slots: slots, totalRead: work.globalRead, streamRead: work.streamRead,
      totalWrite: work.globalWrite)
    let conditions = MemoryConditions(
      activeCores: Double(min(usableCores, (total + resident - 1) / resident)), missShare: cache.missShare,
      coldShare: cache.coldShare, clock: clock)
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
    let played = schedule.play(
      ItemRuns.make(kernel.items, order: kernel.policy.order), policy: kernel.policy)

    var busy = CostModel(device: device, conditions: conditions).busy(work, kernel: kernel)
    // The shared levels serve the chip as one: their busy time counts against all cores.
    let chip = MemoryConditions(
      activeCores: Double(cores), missShare: cache.missShare, coldShare: 0, clock: clock)
    let shared = CostModel(device: device, conditions: chip).busy(work, kernel: kernel)
    busy[Resource.l2] = shared[Resource.l2]
    busy[Resource.dram] = shared[Resource.dram]
    let cycles = Tick.cycles(played.makespan)
    let slotMean = Tick.cycles(played.busy) / Double(max(slots, 1))
    let classes = kernel.items.classes.indices.filter { counts[$0] > 0 }.map { index in
      SimulationResult.ClassResult(
        count: counts[index], trips: kernel.items.classes[index].walk.count,
        cycles: Cycles(Tick.cycles(durations[index].first)), period: timings[index]?.period)
    }
    return Outcome(
      result: .init(
        name: kernel.name, cycles: Cycles(cycles), workItems: total, residentItems: resident,
        coresUsed: min(usableCores, (total + resident - 1) / resident),
        waves: Double(total) / Double(slots), classes: classes,
        occupancy: cycles > 0 ? slotMean / cycles : 0),
      cycles: cycles, prologue: Tick.cycles(timer.prologue), epilogue: Tick.cycles(timer.epilogue),
      tail: max(cycles - slotMean, 0), work: work, busy: busy,
      dramRead: cache.dramReadBytes, dramWrite: cache.dramWriteBytes,
      memoryShare: max(busy[Resource.l2], busy[Resource.dram]) / max(cycles * Double(cores), 1),
      events: timer.events,
      jumpedEvents: timer.jumpedEvents)
  }
}

extension CostModel {
  /// Busy cycles of every resource for a kernel's total work.
  func busy(_ work: Work, kernel: Kernel) -> ResourceVector {
    let unit: Schedules.Operation.Unit =
      kernel.usesSynchronousProducts ? .tensorSync : work.matrixFlops > 0 ? .tensorAsync : .vector
    return cost(of: Schedules.Operation("all", unit, work: work), warps: Int(device.cores.subCores.value))
      .demand
  }
}
