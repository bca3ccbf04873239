import HWModels
import Results

/// Jumping over loops: the state of a simulation as numbers, and what a jump moves.
extension CoreSimulation {
  /// At the start of a trip of the reference actor: has this state, relative to now, been seen?
  mutating func considerJump(_ actor: Int) {
    // Now is the earliest moment at which anything can still begin, not where the reference actor stands.
    var now = actors.base[actor].time
    for other in 0..<actorCount where actors.base[other].status == Status.ready {
      now = min(now, actors.base[other].time)
    }
    detector.begin(now: now, events: outcome.events)
    for other in 0..<actorCount {
      let state = actors.base[other]
      detector.append(
        state.status | Int(state.block) << 4 | Int(state.operation) << 20 | Int(state.item) << 40)
      detector.append(max(state.time - now, 0))
      detector.append(Int(state.parkedOn))
      detector.setTrip(state.trip, of: state.trips, actor: other)
    }
    for unit in 0..<free.count { detector.append(max(free.base[unit] - now, 0)) }
    for slot in 0..<slots {
      for barrier in 0..<barriersPerSlot {
        let place = slot * barriersPerSlot + barrier
        let state = barriers.base[place]
        // Phases that have begun and not ended, and who has arrived how far ahead.
        for phase in state.completed..<max(state.opened, state.completed) {
          let open = phases.base[place * remembered + phase % remembered]
          detector.append(open.arrived)
          detector.append(max(open.time - now, 0))
        }
        let share = kernel.shares[barrier] > 0 ? kernel.shares[barrier] : kernel.arrivals[barrier]
        for other in slot * actorsPerSlot..<(slot + 1) * actorsPerSlot {
          let count = arrivalCounts.base[other * barriersPerSlot + barrier]
          if count > 0 { detector.append(state.completed * share - count) }
        }
        var outstanding = 0
        for waiter in kernel.waiters(of: barrier) {
          let other = slot * actorsPerSlot + Int(waiter)
          let ahead = state.completed - waitCounts.base[other * barriersPerSlot + barrier]
          detector.append(ahead)
          outstanding = max(outstanding, ahead)
        }
        for back in 0..<min(outstanding, remembered - (state.opened - state.completed), state.completed) {
          let phase = state.completed - 1 - back
          detector.append(max(phases.base[place * remembered + phase % remembered].time - now, 0))
        }
      }
    }
    guard let match = detector.match() else { return }
    let periods = detector.periodsThatFit(match)
    if periods > 0 { jump(match, periods: periods) }
  }

  private mutating func jump(_ match: PeriodDetector.Match, periods: Int) {
    let shift = match.ticks * periods
    let reference = actorsPerSlot - 1
    let trips = detector.advance(match, actor: reference)
    outcome.jumps.append(
      Jump(
        item: Int(actors.base[reference].item), block: Int(actors.base[reference].block), trips: trips,
        ticks: match.ticks, periods: periods))
    for actor in 0..<actorCount {
      if actors.base[actor].status != Status.finished { actors.base[actor].time += shift }
      actors.base[actor].trip += detector.advance(match, actor: actor) * periods
    }
    for unit in 0..<free.count { free.base[unit] += shift }
    for index in 0..<phases.count { phases.base[index].time += shift }
    outcome.jumpedEvents += match.events * periods
    detector.reset()
  }
}
