/// What executed steps do to a slot.
extension CoreSlot {
  /// What a slot of a buffer holds.
  func contents(buffer: Int, slot: Int) -> Contents { storage[buffers[buffer].firstSlot &+ slot] }

  func write(_ value: Int32, buffer: Int, slot: Int, _ place: Rectangle) {
    let own = buffers + buffer
    storage[own.pointee.firstSlot &+ slot].write(value, to: place)
    lastWritten[buffer] = slot
    var left = own.pointee.neighbours
    if left == 0 { return }
    var neighbour = flat.neighbours + own.pointee.firstNeighbour
    while left > 0 {
      let other = buffers + neighbour.pointee
      let first = other.pointee.firstSlot
      if other.pointee.slots == own.pointee.slots {
        storage[first &+ slot].poison()
      } else {
        for place in first..<first + other.pointee.slots { storage[place].poison() }
      }
      neighbour += 1
      left &-= 1
    }
  }

  /// Arrives at what the operation signals.
  func signal(_ operation: Int) {
    let signaller = operations + operation
    let count = actorCount
    var left = signaller.pointee.signals
    if left == 0 { return }
    var signal = flat.signals + signaller.pointee.firstSignal
    while left > 0 {
      let barrier = signal.pointee
      let rules = barriers + barrier
      let share = rules.pointee.share
      let here = arrivals + barrier &* count
      var complete: Int
      if rules.pointee.signallers == 0 {
        here[0] &+= 1
        complete = here[0] / share
      } else {
        let actor = signaller.pointee.actor
        here[actor] &+= 1
        complete = here[actor] / share
        if complete > phases[barrier] {
          var other = 0
          while other < rules.pointee.signallers {
            let arrived = here[flat.signallers[rules.pointee.firstSignaller &+ other]] / share
            if arrived < complete { complete = arrived }
            other &+= 1
          }
        }
      }
      if complete > phases[barrier] {
        phases[barrier] = complete
        handOn(barrier)
      }
      signal += 1
      left &-= 1
    }
  }

  /// A phase is complete: where it gives back a ring slot, the slot's contents become undefined.
  private func handOn(_ barrier: Int) {
    let full = barriers[barrier].ringOfFull
    let ring = barriers[barrier].ringOfEmpty
    if full >= 0 {
      produced[full].append(lastWritten[flat.bufferOfRing[full]])
    } else if ring >= 0, phases[barrier] <= produced[ring].count {
      let slot = produced[ring].pointer[phases[barrier] &- 1]
      storage[buffers[flat.bufferOfRing[ring]].firstSlot &+ slot].poison()
    }
  }
}
