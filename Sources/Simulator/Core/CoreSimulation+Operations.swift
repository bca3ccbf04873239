import HWModels
import Results

/// One operation of an actor: when its units serve it, and what it signals.
extension CoreSimulation {
  mutating func execute(_ actor: Int) {
    let slot = actor < actorsPerSlot ? 0 : actor / actorsPerSlot
    let state = actors.base + actor
    let position = Int(state.pointee.blockStart + state.pointee.operation)
    let record = flat.operations.base + position
    let start = state.pointee.time
    outcome.events += 1
    let matrixFree = free.base[Resource.tensor.rawValue]
    // A warp issues in order: while it queues for a unit, its own instructions wait too.
    let own =
      record.pointee.isAsynchronous
      ? 0
      : Self.ticks(
        record.pointee.ownTicks, besideMatrix: record.pointee.ownTicksBesideMatrix, for: matrixFree - start)
    var served = start
    var finished = start + own
    var bottleneck: Int32 = -1
    let demands = flat.demands.base + Int(record.pointee.demandStart)
    for index in 0..<Int(record.pointee.demandCount) {
      let unit = Int(demands[index].resource)
      let begin = max(free.base[unit], start)
      let ticks = Self.ticks(
        demands[index].ticks, besideMatrix: demands[index].ticksBesideMatrix, for: matrixFree - begin)
      let end = begin + ticks
      free.base[unit] = end
      if demands[index].isPosted { continue }
      finished = max(finished, begin + max(own, ticks))
      if end > served {
        served = end
        bottleneck = demands[index].resource
      }
    }
    let visible: Int
    if record.pointee.isAsynchronous {
      visible = max(served, start + record.pointee.ownTicks) + record.pointee.latencyTicks
      let issue = record.pointee.waitsForUnit ? max(start, matrixFree - record.pointee.leadTicks) : start
      state.pointee.time = issue + record.pointee.ownTicks
    } else {
      visible = finished + record.pointee.latencyTicks
      state.pointee.time = visible
    }
    if recorder != nil {
      recorder!.record(
        actor: actor, slot: slot, operation: position, start: start, served: served, end: visible,
        bottleneck: bottleneck, released: state.pointee.time)
    }
    let signals = flat.signals.base + Int(record.pointee.signalStart)
    for index in 0..<Int(record.pointee.signalCount) {
      signal(slot: slot, barrier: Int(signals[index]), actor: actor, at: visible)
    }
    advance(actor)
  }

  /// Duration of an operation that takes `ticks` alone and `beside` next to a busy matrix unit, where the matrix unit is busy
  /// for the next `matrixBusy` ticks.
  static func ticks(_ ticks: Int, besideMatrix beside: Int, for matrixBusy: Int) -> Int {
    if beside == ticks || matrixBusy <= 0 { return ticks }
    if beside <= matrixBusy { return beside }
    // The part done beside the matrix work, rounded down.
    return matrixBusy + ticks - matrixBusy * ticks / beside
  }

  func resetBarrier(_ index: Int) {
    let initial = kernel.initialPhases[index % barriersPerSlot]
    barriers.base[index] = BarrierState(completed: initial, opened: initial)
    for phase in 0..<remembered { phases.base[index * remembered + phase] = Phase() }
  }

  /// Room for twice as many phases of each barrier.
  mutating func rememberMore() {
    let more = FlatArray(repeating: Phase(), count: 2 * phases.count)
    for index in 0..<slots * barriersPerSlot {
      let opened = barriers.base[index].opened
      for phase in max(opened - remembered, 0)..<opened {
        more.base[index * 2 * remembered + phase % (2 * remembered)] =
          phases.base[index * remembered + phase % remembered]
      }
    }
    phases = more
    remembered *= 2
  }

  mutating func signal(slot: Int, barrier: Int, actor: Int, at moment: Int) {
    let index = slot * barriersPerSlot + barrier
    let state = barriers.base + index
    let share = flat.shares.base[barrier]
    let counter = share > 0 ? actor : slot * actorsPerSlot
    let count = arrivalCounts.base + counter * barriersPerSlot + barrier
    let number =
      flat.initialPhases.base[barrier]
      + (share == 1 ? count.pointee : count.pointee / (share > 0 ? share : flat.arrivals.base[barrier]))
    count.pointee += 1
    // At a barrier without waiters, one actor may be many phases ahead.
    while number >= state.pointee.completed + remembered {
      guard remembered < Self.mostRemembered else { return }
      rememberMore()
    }
    let list = phases.base + index * remembered
    if number >= state.pointee.opened {
      // The first arrival of a phase overwrites the oldest remembered phase.
      for fresh in state.pointee.opened...number { list[fresh % remembered] = Phase() }
      state.pointee.opened = number + 1
    }
    let phase = list + number % remembered
    phase.pointee.arrived += 1
    phase.pointee.time = max(phase.pointee.time, moment)
    let before = state.pointee.completed
    while state.pointee.completed < state.pointee.opened,
      list[state.pointee.completed % remembered].arrived == flat.arrivals.base[barrier]
    {
      state.pointee.completed += 1
    }
    guard state.pointee.completed > before else { return }
    recorder?.completed(slot: slot, barrier: barrier)
    let first = slot * actorsPerSlot
    for actor in first..<first + actorsPerSlot
    where actors.base[actor].status == Status.parked && actors.base[actor].parkedOn == Int32(barrier) {
      resolveWaits(actor)
    }
  }
}
