import HWModels

/// The core level: actors of the resident work items of one core, played operation by operation.
///
/// - Each resource serves in order at its rate: a demand that arrives at `t` is served by
///   `max(free, t) + demand`. An operation ends when its own time and all its demands are over.
/// - Asynchronous operations free their actor after issue; matrix work blocks it once the queue is full.
/// - An actor that is ready first acts first; ties go to the actor listed first. No randomness.
/// - Loops are followed until the state relative to now repeats, then jumped; the jump equals the full run to the
///   tick (`PeriodDetector`).
///
/// Complexity: O(operations of the trips before the period) x actors; independent of the trip counts after it.
struct CoreSimulation {
  /// One class of work items as the core sees it: trips of each block.
  struct Item {
    var trips: [Int]
  }
  /// Start and end of a work item, and of the loops of its last actor.
  struct ItemTime {
    var start: Int
    var loopStart: Int
    var loopEnd: Int
    var end: Int
  }
  struct Outcome {
    var end = 0
    var events = 0
    var jumpedEvents = 0
    /// Start and end of each item, by slot and place in its queue.
    var items: [[ItemTime]] = []
    var period: (trips: Int, ticks: Int, jumped: Int)?
    /// Actors that wait for ever, with the barrier they wait for; empty where everything ended.
    var stuck: [(actor: Int, barrier: Int)] = []
  }

  private let kernel: LoweredKernel
  private let slots: Int
  private let queues: [[Item]]
  private let actorsPerSlot: Int
  private let barriersPerSlot: Int
  private let detectsPeriods: Bool

  // Actors, slot by slot.
  private var time: [Int]
  private var block: [Int32]
  private var operation: [Int32]
  private var trip: [Int]
  private var tripsOfBlock: [Int]
  private var item: [Int32]
  private var status: [Status]
  private var parkedOn: [Int32]
  private var waitCount: [Int]

  // Barriers, slot by slot.
  private var arrived: [Int]
  private var pending: [Int]
  private var completed: [Int]
  private var phaseTimes: [Int]
  private static let remembered = 16

  private var free: [Int]
  private var detector: PeriodDetector
  private var outcome = Outcome()
  var recorder: TraceRecorder?

  private enum Status: UInt8 { case ready, parked, waitingForSlot, finished }

  init(
    _ kernel: LoweredKernel, queues: [[Item]], detectsPeriods: Bool = true, recorder: TraceRecorder? = nil
  ) {
    self.kernel = kernel
    self.queues = queues
    self.slots = queues.count
    self.detectsPeriods = detectsPeriods
    self.recorder = recorder
    actorsPerSlot = kernel.actors.count
    barriersPerSlot = kernel.arrivals.count
    let actors = slots * actorsPerSlot
    let barriers = slots * barriersPerSlot
    time = Array(repeating: 0, count: actors)
    block = Array(repeating: 0, count: actors)
    operation = Array(repeating: 0, count: actors)
    trip = Array(repeating: 0, count: actors)
    tripsOfBlock = Array(repeating: 0, count: actors)
    item = Array(repeating: 0, count: actors)
    status = Array(repeating: .ready, count: actors)
    parkedOn = Array(repeating: -1, count: actors)
    waitCount = Array(repeating: 0, count: actors * barriersPerSlot)
    arrived = Array(repeating: 0, count: barriers)
    pending = Array(repeating: 0, count: barriers)
    completed = Array(repeating: 0, count: barriers)
    phaseTimes = Array(repeating: 0, count: barriers * Self.remembered)
    free = Array(repeating: 0, count: Resource.count)
    detector = PeriodDetector()
    for slot in 0..<slots {
      for b in 0..<barriersPerSlot { completed[slot * barriersPerSlot + b] = kernel.initialPhases[b] }
      outcome.items.append(
        queues[slot].map { _ in ItemTime(start: -1, loopStart: -1, loopEnd: -1, end: 0) })
    }
  }

  /// Plays all queues to their ends.
  mutating func run() -> Outcome {
    for actor in 0..<time.count { enterItem(actor) }
    while true {
      var next = -1
      var earliest = Int.max
      for actor in 0..<time.count where status[actor] == .ready && time[actor] < earliest {
        earliest = time[actor]
        next = actor
      }
      if next < 0 { break }
      execute(next)
    }
    for actor in 0..<time.count where status[actor] == .parked {
      outcome.stuck.append((actor % actorsPerSlot, Int(parkedOn[actor])))
    }
    return outcome
  }

  // MARK: One operation

  private mutating func execute(_ actor: Int) {
    let slot = actor / actorsPerSlot
    let position = Int(kernel.blocks[blockIndex(actor)].start) + Int(operation[actor])
    let record = kernel.operations[position]
    let start = time[actor]
    outcome.events += 1
    let matrixFree = free[Resource.tensor.rawValue]
    var served = start
    var longest = 0
    var bottleneck: Int32 = -1
    for index in Int(record.demandStart)..<Int(record.demandStart) + Int(record.demandCount) {
      let demand = kernel.demands[index]
      let unit = Int(demand.resource)
      let end = max(free[unit], start) + demand.ticks
      free[unit] = end
      if end > served {
        served = end
        longest = demand.ticks
        bottleneck = demand.resource
      }
    }
    let visible: Int
    if record.isAsynchronous {
      visible = max(served, start + record.ownTicks) + record.latencyTicks
      let issue = record.waitsForUnit ? max(start, matrixFree - record.leadTicks) : start
      time[actor] = issue + record.ownTicks
    } else {
      // A warp issues in order: while it queues for a unit, its other instructions wait too.
      visible = served + max(record.ownTicks - longest, 0) + record.latencyTicks
      time[actor] = visible
    }
    if recorder != nil {
      recorder!.record(
        actor: actor, slot: slot, operation: position, start: start, served: served, end: visible,
        bottleneck: bottleneck, released: time[actor])
    }
    for index in Int(record.signalStart)..<Int(record.signalStart) + Int(record.signalCount) {
      signal(slot: slot, barrier: Int(kernel.signals[index]), at: visible)
    }
    advance(actor)
  }

  private func blockIndex(_ actor: Int) -> Int {
    Int(kernel.actors[actor % actorsPerSlot].blockStart) + Int(block[actor])
  }

  private mutating func signal(slot: Int, barrier: Int, at moment: Int) {
    let index = slot * barriersPerSlot + barrier
    arrived[index] += 1
    if moment > pending[index] { pending[index] = moment }
    guard arrived[index] == kernel.arrivals[barrier] else { return }
    arrived[index] = 0
    phaseTimes[index * Self.remembered + completed[index] % Self.remembered] = pending[index]
    pending[index] = 0
    completed[index] += 1
    let first = slot * actorsPerSlot
    for actor in first..<first + actorsPerSlot
    where status[actor] == .parked && parkedOn[actor] == Int32(barrier) {
      resolveWaits(actor)
    }
  }

  // MARK: Where an actor goes next

  private mutating func advance(_ actor: Int) {
    operation[actor] += 1
    if operation[actor] >= kernel.blocks[blockIndex(actor)].count {
      operation[actor] = 0
      trip[actor] += 1
      if trip[actor] >= tripsOfBlock[actor] {
        noteLoop(actor)
        block[actor] += 1
        trip[actor] = 0
        guard enterBlock(actor) else { return leaveItem(actor) }
      } else if detectsPeriods {
        considerJump(actor)
      }
    }
    resolveWaits(actor)
  }

  /// Loops of the last actor mark where an item's prologue ends and its epilogue begins.
  private mutating func noteLoop(_ actor: Int) {
    guard actor % actorsPerSlot == actorsPerSlot - 1, tripsOfBlock[actor] > 1 else { return }
    outcome.items[actor / actorsPerSlot][Int(item[actor])].loopEnd = time[actor]
  }

  /// Finds the next block with trips; false at the end of the item.
  private mutating func enterBlock(_ actor: Int) -> Bool {
    let slot = actor / actorsPerSlot
    let blocks = kernel.actors[actor % actorsPerSlot].blockCount
    while block[actor] < blocks {
      let index = blockIndex(actor)
      tripsOfBlock[actor] = queues[slot][Int(item[actor])].trips[index]
      if tripsOfBlock[actor] > 0 {
        if tripsOfBlock[actor] > 1, actor % actorsPerSlot == actorsPerSlot - 1,
          outcome.items[slot][Int(item[actor])].loopStart < 0
        {
          outcome.items[slot][Int(item[actor])].loopStart = time[actor]
        }
        return true
      }
      block[actor] += 1
    }
    return false
  }

  private mutating func enterItem(_ actor: Int) {
    let slot = actor / actorsPerSlot
    guard Int(item[actor]) < queues[slot].count else {
      status[actor] = .finished
      return
    }
    let place = Int(item[actor])
    if outcome.items[slot][place].start < 0 || time[actor] < outcome.items[slot][place].start {
      outcome.items[slot][place].start = time[actor]
    }
    block[actor] = 0
    operation[actor] = 0
    trip[actor] = 0
    if enterBlock(actor) {
      status[actor] = .ready
      resolveWaits(actor)
    } else {
      leaveItem(actor)
    }
  }

  private mutating func leaveItem(_ actor: Int) {
    let slot = actor / actorsPerSlot
    let place = Int(item[actor])
    outcome.items[slot][place].end = max(outcome.items[slot][place].end, time[actor])
    outcome.end = max(outcome.end, time[actor])
    item[actor] += 1
    if kernel.isPersistent {
      enterItem(actor)
      return
    }
    // A launched work item keeps its slot until all its actors are done; then the next one starts afresh.
    status[actor] = .waitingForSlot
    let actors = slot * actorsPerSlot..<(slot + 1) * actorsPerSlot
    guard actors.allSatisfy({ status[$0] == .waitingForSlot }) else { return }
    let start = actors.reduce(0) { max($0, time[$1]) } + kernel.itemLaunchTicks
    for barrier in slot * barriersPerSlot..<(slot + 1) * barriersPerSlot {
      arrived[barrier] = 0
      pending[barrier] = 0
      completed[barrier] = kernel.initialPhases[barrier - slot * barriersPerSlot]
    }
    for other in actors {
      time[other] = start
      for barrier in 0..<barriersPerSlot { waitCount[other * barriersPerSlot + barrier] = 0 }
    }
    for other in actors { enterItem(other) }
  }

  /// Makes the actor ready when every wait of its next operation is satisfied, or parks it.
  private mutating func resolveWaits(_ actor: Int) {
    let slot = actor / actorsPerSlot
    let position = Int(kernel.blocks[blockIndex(actor)].start) + Int(operation[actor])
    let record = kernel.operations[position]
    let waits = Int(record.waitStart)..<Int(record.waitStart) + Int(record.waitCount)
    var ready = time[actor]
    for index in waits {
      let barrier = Int(kernel.waits[index].barrier)
      let state = slot * barriersPerSlot + barrier
      let phase = waitCount[actor * barriersPerSlot + barrier]
      guard completed[state] > phase else {
        status[actor] = .parked
        parkedOn[actor] = Int32(barrier)
        return
      }
      var moment = 0
      if phase >= kernel.initialPhases[barrier], completed[state] - phase <= Self.remembered {
        moment = phaseTimes[state * Self.remembered + phase % Self.remembered]
      }
      ready = max(ready, moment) + kernel.waits[index].latencyTicks
    }
    for index in waits { waitCount[actor * barriersPerSlot + Int(kernel.waits[index].barrier)] += 1 }
    recorder?.resolved(actor: actor, was: time[actor], ready: ready)
    time[actor] = ready
    status[actor] = .ready
  }

  // MARK: Period

  /// At the start of a trip of the reference actor: has this state, relative to now, been seen?
  private mutating func considerJump(_ actor: Int) {
    guard actor == actorsPerSlot - 1, tripsOfBlock[actor] - trip[actor] > 2 else { return }
    let now = time[actor]
    detector.begin(now: now, events: outcome.events)
    for other in 0..<time.count {
      detector.append(status: Int(status[other].rawValue), block: Int(block[other]), item: Int(item[other]))
      detector.append(Int(operation[other]))
      detector.append(max(time[other] - now, 0))
      detector.appendTrip(trip[other], of: tripsOfBlock[other])
      detector.append(Int(parkedOn[other]))
    }
    for unit in 0..<free.count { detector.append(max(free[unit] - now, 0)) }
    for slot in 0..<slots {
      for barrier in 0..<barriersPerSlot {
        let state = slot * barriersPerSlot + barrier
        detector.append(arrived[state])
        detector.append(max(pending[state] - now, 0))
        var outstanding = 0
        for waiter in kernel.waiters(of: barrier) {
          let other = slot * actorsPerSlot + Int(waiter)
          let ahead = completed[state] - waitCount[other * barriersPerSlot + barrier]
          detector.append(ahead)
          outstanding = max(outstanding, ahead)
        }
        for back in 0..<min(outstanding, Self.remembered) {
          let phase = completed[state] - 1 - back
          guard phase >= 0 else { break }
          detector.append(max(phaseTimes[state * Self.remembered + phase % Self.remembered] - now, 0))
        }
      }
    }
    guard let match = detector.match() else { return }
    let periods = detector.periodsThatFit(match)
    guard periods > 0 else { return }
    jump(match, periods: periods)
  }

  private mutating func jump(_ match: PeriodDetector.Match, periods: Int) {
    let shift = match.ticks * periods
    for actor in 0..<time.count {
      if status[actor] != .finished { time[actor] += shift }
      trip[actor] += match.tripAdvances[actor] * periods
    }
    for unit in 0..<free.count { free[unit] += shift }
    for index in 0..<pending.count where arrived[index] > 0 { pending[index] += shift }
    for index in 0..<phaseTimes.count { phaseTimes[index] += shift }
    outcome.jumpedEvents += match.events * periods
    let perPeriod = match.tripAdvances[actorsPerSlot - 1]
    outcome.period = (perPeriod, match.ticks, (outcome.period?.jumped ?? 0) + perPeriod * periods)
    detector.reset()
  }
}
