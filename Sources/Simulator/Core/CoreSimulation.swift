import HWModels
import Results
import Spatial

/// The core level: actors of the resident work items of one core, played operation by operation.
///
/// - Each resource serves in order at its rate: a demand that arrives at `t` is served by
///   `max(free, t) + demand`. An operation ends when its own time and all its demands are over.
/// - Asynchronous operations free their actor after issue; one with a register operand issues only when the matrix
///   unit is near.
/// - An actor that is ready first acts first; ties go to the actor listed first. No randomness.
/// - Loops are followed until the state relative to now repeats, then jumped; the jump equals the full run to the
///   tick (`PeriodDetector`).
///
/// Complexity: O(operations of the trips before the period) x actors; independent of the trip counts after it.
struct CoreSimulation {
  /// Start and end of a work item, and of the loops of its pacing actor.
  struct ItemTime {
    var start = -1
    var loopStart = -1
    var loopEnd = -1
    var end = 0
  }
  /// One jump: from where, over what.
  struct Jump: Hashable {
    var item: Int
    var block: Int
    /// Trips of one period of the reference actor, and its ticks.
    var trips: Int
    var ticks: Int
    var periods: Int
  }
  struct Outcome {
    var end = 0
    var events = 0
    var jumpedEvents = 0
    /// Start and end of each item, by slot and place in its queue.
    var items: [[ItemTime]] = []
    var jumps: [Jump] = []
    /// Actors that wait for ever, with the barrier they wait for; empty where everything ended.
    var stuck: [(actor: Int, barrier: Int)] = []
  }

  enum Status {
    static let ready = 0
    static let parked = 1
    static let waitingForSlot = 2
    static let finished = 3
  }

  struct ActorState: BitwiseCopyable {
    var time = 0
    var status = 0
    var block: Int32 = 0
    var operation: Int32 = 0
    /// First operation record and length of the current block.
    var blockStart: Int32 = 0
    var blockLength: Int32 = 0
    var trip = 0
    var trips = 0
    var item: Int32 = 0
    var parkedOn: Int32 = -1
  }
  /// Phases complete so far, and the phase after the last that has any arrival.
  struct BarrierState: BitwiseCopyable {
    var completed = 0
    var opened = 0
  }
  /// A phase: its arrivals, and the latest of them.
  struct Phase: BitwiseCopyable {
    var arrived = 0
    var time = 0
  }

  let kernel: LoweredKernel
  private let flat: LoweredKernel.Flat
  let slots: Int
  /// Trip counts of every block, by slot and place in its queue.
  private(set) var queues: [[[Int]]]
  let actorsPerSlot: Int
  let barriersPerSlot: Int
  let actorCount: Int
  /// `Kernel.pacingActor`.
  let pacingActor: Int
  private let detectsPeriods: Bool

  let actors: FlatArray<ActorState>
  let barriers: FlatArray<BarrierState>
  /// Waits done, by actor and barrier.
  let waitCounts: FlatArray<Int>
  /// Arrivals made, by actor and barrier. With a share of one, the n-th arrival of an actor belongs to phase n. For a barrier
  /// without shares, all arrivals are counted at the first actor of the slot.
  let arrivalCounts: FlatArray<Int>
  /// The last phases of each barrier, round robin.
  private(set) var phases: FlatArray<Phase>
  let free: FlatArray<Int>
  private(set) var remembered = 32
  /// Phases by which an actor may be ahead of another at a barrier; further ahead it waits for ever.
  private static let mostRemembered = 1 << 16

  var detector: PeriodDetector
  var outcome = Outcome()
  private(set) var recorder: TraceRecorder?
  /// `run` pauses when an actor begins this trip of a loop (counted from 0).
  private var pauseTrip = Int.max
  private var isPaused = false

  /// - Parameter queues: for each slot, the items it plays in order, each as trip counts by block.
  init(
    _ kernel: LoweredKernel, queues: [[[Int]]], detectsPeriods: Bool = true, recorder: TraceRecorder? = nil
  ) {
    self.kernel = kernel
    flat = kernel.flat
    self.queues = queues
    slots = queues.count
    self.detectsPeriods = detectsPeriods
    self.recorder = recorder
    actorsPerSlot = kernel.actors.count
    pacingActor = kernel.pacingActor
    barriersPerSlot = kernel.arrivals.count
    actorCount = slots * actorsPerSlot
    let barrierCount = slots * barriersPerSlot
    actors = FlatArray(repeating: ActorState(), count: actorCount)
    barriers = FlatArray(repeating: BarrierState(), count: barrierCount)
    waitCounts = FlatArray(repeating: 0, count: actorCount * barriersPerSlot)
    arrivalCounts = FlatArray(repeating: 0, count: actorCount * barriersPerSlot)
    phases = FlatArray(repeating: Phase(), count: barrierCount * remembered)
    free = FlatArray(repeating: 0, count: Resource.count)
    detector = PeriodDetector(
      capacity: actorCount * (4 + barriersPerSlot) + barrierCount * 16 + 32,
      actors: actorCount)
    for index in 0..<barrierCount { resetBarrier(index) }
    for queue in queues { outcome.items.append(Array(repeating: ItemTime(), count: queue.count)) }
  }

  /// Plays all queues to their ends, or until `limit` operations were played.
  mutating func run(until limit: Int = .max) -> Outcome {
    start()
    return play(until: limit)
  }

  /// Enters the first items, before `play`.
  mutating func start() {
    for actor in 0..<actorCount { enterItem(actor) }
  }

  /// Plays on until an actor begins trip `trip` of any loop; false where all ended before.
  mutating func play(untilTrip trip: Int) -> Bool {
    (pauseTrip, isPaused) = (trip, false)
    _ = play(until: .max)
    pauseTrip = .max
    return isPaused
  }

  /// Plays on from where it stands.
  mutating func play(until limit: Int = .max) -> Outcome {
    let states = actors.base
    isPaused = false
    while true {
      var next = -1
      var earliest = Int.max
      for actor in 0..<actorCount where states[actor].status == Status.ready && states[actor].time < earliest
      {
        earliest = states[actor].time
        next = actor
      }
      if next < 0 || outcome.events >= limit { break }
      execute(next)
      if isPaused { return outcome }
    }
    for actor in 0..<actorCount where states[actor].status == Status.parked {
      outcome.stuck.append((actor % actorsPerSlot, Int(states[actor].parkedOn)))
    }
    return outcome
  }

  /// A copy of the state with other trip counts. It equals a simulation of `queues` from the start, as long as no loop has
  /// passed the lower of its two counts.
  func fork(_ queues: [[[Int]]]) -> CoreSimulation {
    var copy = CoreSimulation(kernel, queues: queues, detectsPeriods: detectsPeriods)
    copy.actors.copy(actors)
    copy.barriers.copy(barriers)
    copy.waitCounts.copy(waitCounts)
    copy.arrivalCounts.copy(arrivalCounts)
    copy.phases = FlatArray(repeating: Phase(), count: phases.count)
    copy.phases.copy(phases)
    copy.remembered = remembered
    copy.free.copy(free)
    copy.outcome = outcome
    for actor in 0..<actorCount {
      let state = copy.actors.base + actor
      guard state.pointee.status == Status.ready || state.pointee.status == Status.parked else { continue }
      let local = actor % actorsPerSlot
      let block = Int(kernel.actors[local].blockStart + state.pointee.block)
      state.pointee.trips = queues[actor / actorsPerSlot][Int(state.pointee.item)][block]
    }
    return copy
  }

  /// The latest trip, counted from 0, that an actor has begun in a loop of `blocks`; `Int.max` where an actor has left one.
  func farthestTrip(in blocks: [Bool]) -> Int {
    var farthest = 0
    for actor in 0..<actorCount {
      let state = actors.base[actor]
      let first = Int(kernel.actors[actor % actorsPerSlot].blockStart)
      let block = first + Int(state.block)
      guard state.status == Status.ready || state.status == Status.parked,
        !blocks[first..<block].contains(true)
      else { return .max }
      if blocks[block] { farthest = max(farthest, state.trip) }
    }
    return farthest
  }

  // MARK: One operation

  private mutating func execute(_ actor: Int) {
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
  private static func ticks(_ ticks: Int, besideMatrix beside: Int, for matrixBusy: Int) -> Int {
    if beside == ticks || matrixBusy <= 0 { return ticks }
    if beside <= matrixBusy { return beside }
    // The part done beside the matrix work, rounded down.
    return matrixBusy + ticks - matrixBusy * ticks / beside
  }

  private func resetBarrier(_ index: Int) {
    let initial = kernel.initialPhases[index % barriersPerSlot]
    barriers.base[index] = BarrierState(completed: initial, opened: initial)
    for phase in 0..<remembered { phases.base[index * remembered + phase] = Phase() }
  }

  /// Room for twice as many phases of each barrier.
  private mutating func rememberMore() {
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

  private mutating func signal(slot: Int, barrier: Int, actor: Int, at moment: Int) {
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

  // MARK: Where an actor goes next

  private mutating func advance(_ actor: Int) {
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
  private mutating func noteLoopEnd(_ actor: Int) {
    guard actor % actorsPerSlot == pacingActor, actors.base[actor].trips > 1 else { return }
    outcome.items[actor / actorsPerSlot][Int(actors.base[actor].item)].loopEnd = actors.base[actor].time
  }

  /// Finds the next block with trips; false at the end of the item.
  private mutating func enterBlock(_ actor: Int) -> Bool {
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

  private mutating func enterItem(_ actor: Int) {
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

  private mutating func leaveItem(_ actor: Int) {
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
  private mutating func resolveWaits(_ actor: Int) {
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
