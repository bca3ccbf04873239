import Results

/// Where an actor goes next: the next operation, trip, block or work item, and what it waits for there.
extension CoreSimulation {
  mutating func advance(_ actor: Int) {
    let state = actors.base + actor
    state.pointee.operation += 1
    if state.pointee.operation >= state.pointee.blockLength {
      state.pointee.operation = 0
      state.pointee.trip += 1
      if state.pointee.trip >= state.pointee.trips {
        noteLoopEnd(actor)
        state.pointee.block += 1
        state.pointee.trip = 0
        guard enterBlock(actor) else { return leaveItem(actor) }
      } else if state.pointee.trip == pauseTrip {
        isPaused = true
      } else if detectsPeriods, actor == pacingActor, state.pointee.trips - state.pointee.trip > 2 {
        considerJump(actor)
      }
    }
    resolveWaits(actor)
  }

  /// Loops of the pacing actor mark where an item's prologue ends and its epilogue begins.
  mutating func noteLoopEnd(_ actor: Int) {
    guard actor % actorsPerSlot == pacingActor, actors.base[actor].trips > 1 else { return }
    outcome.items[actor / actorsPerSlot][Int(actors.base[actor].item)].loopEnd = actors.base[actor].time
  }

  /// Finds the next block with trips; false at the end of the item.
  mutating func enterBlock(_ actor: Int) -> Bool {
    let slot = actor / actorsPerSlot
    let local = actor % actorsPerSlot
    let state = actors.base + actor
    let item = Int(state.pointee.item)
    while state.pointee.block < kernel.actors[local].blockCount {
      let index = Int(kernel.actors[local].blockStart + state.pointee.block)
      let trips = queues[slot][item][index]
      if trips > 0 {
        state.pointee.trips = trips
        state.pointee.blockStart = kernel.blocks[index].start
        state.pointee.blockLength = kernel.blocks[index].count
        if trips > 1, local == actorsPerSlot - 1, outcome.items[slot][item].loopStart < 0 {
          outcome.items[slot][item].loopStart = state.pointee.time
        }
        return true
      }
      state.pointee.block += 1
    }
    return false
  }

  mutating func enterItem(_ actor: Int) {
    let slot = actor / actorsPerSlot
    let state = actors.base + actor
    let place = Int(state.pointee.item)
    guard place < queues[slot].count else {
      state.pointee.status = Status.finished
      return
    }
    let known = outcome.items[slot][place].start
    if known < 0 || state.pointee.time < known { outcome.items[slot][place].start = state.pointee.time }
    state.pointee.block = 0
    state.pointee.operation = 0
    state.pointee.trip = 0
    if enterBlock(actor) {
      state.pointee.status = Status.ready
      resolveWaits(actor)
    } else {
      leaveItem(actor)
    }
  }

  mutating func leaveItem(_ actor: Int) {
    let slot = actor / actorsPerSlot
    let state = actors.base + actor
    let place = Int(state.pointee.item)
    let time = state.pointee.time
    outcome.items[slot][place].end = max(outcome.items[slot][place].end, time)
    outcome.end = max(outcome.end, time)
    state.pointee.item += 1
    if kernel.isPersistent { return enterItem(actor) }
    // A launched work item keeps its slot until all its actors are done; then the next one starts afresh.
    state.pointee.status = Status.waitingForSlot
    let members = slot * actorsPerSlot..<(slot + 1) * actorsPerSlot
    guard members.allSatisfy({ actors.base[$0].status == Status.waitingForSlot }) else { return }
    let start = members.reduce(0) { max($0, actors.base[$1].time) } + kernel.itemLaunchTicks
    for barrier in 0..<barriersPerSlot {
      resetBarrier(slot * barriersPerSlot + barrier)
    }
    for other in members {
      actors.base[other].time = start
      // Every actor enters the next item before any can leave it.
      actors.base[other].status = Status.ready
      for barrier in 0..<barriersPerSlot {
        waitCounts.base[other * barriersPerSlot + barrier] = 0
        arrivalCounts.base[other * barriersPerSlot + barrier] = 0
      }
    }
    for other in members { enterItem(other) }
  }

  /// Makes the actor ready when every wait of its next operation is satisfied, or parks it.
  mutating func resolveWaits(_ actor: Int) {
    let state = actors.base + actor
    let record = flat.operations.base + Int(state.pointee.blockStart + state.pointee.operation)
    let count = Int(record.pointee.waitCount)
    guard count > 0 else {
      state.pointee.status = Status.ready
      recorder?.resolved(actor: actor, was: state.pointee.time, waitedFor: nil, slot: 0)
      return
    }
    let slot = actor < actorsPerSlot ? 0 : actor / actorsPerSlot
    let waits = flat.waits.base + Int(record.pointee.waitStart)
    let counts = waitCounts.base + actor * barriersPerSlot
    let was = state.pointee.time
    var ready = was
    var decisive: Int?
    for index in 0..<count {
      let barrier = Int(waits[index].barrier)
      let place = slot * barriersPerSlot + barrier
      let phase = counts[barrier]
      let completed = barriers.base[place].completed
      guard completed > phase else {
        state.pointee.status = Status.parked
        state.pointee.parkedOn = Int32(barrier)
        return
      }
      if phase >= flat.initialPhases.base[barrier], barriers.base[place].opened - phase <= remembered {
        let moment = phases.base[place * remembered + phase % remembered].time
        if moment > ready {
          ready = moment
          decisive = barrier
        }
      }
      ready += waits[index].latencyTicks
    }
    for index in 0..<count { counts[Int(waits[index].barrier)] += 1 }
    recorder?.resolved(actor: actor, was: was, waitedFor: decisive, slot: slot)
    state.pointee.time = ready
    state.pointee.status = Status.ready
  }
}
