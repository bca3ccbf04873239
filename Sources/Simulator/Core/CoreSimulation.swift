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
  let flat: LoweredKernel.Flat
  let slots: Int
  /// Trip counts of every block, by slot and place in its queue.
  var queues: [[[Int]]]
  let actorsPerSlot: Int
  let barriersPerSlot: Int
  let actorCount: Int
  /// `Kernel.pacingActor`.
  let pacingActor: Int
  let detectsPeriods: Bool

  let actors: FlatArray<ActorState>
  let barriers: FlatArray<BarrierState>
  /// Waits done, by actor and barrier.
  let waitCounts: FlatArray<Int>
  /// Arrivals made, by actor and barrier. With a share of one, the n-th arrival of an actor belongs to phase n. For a barrier
  /// without shares, all arrivals are counted at the first actor of the slot.
  let arrivalCounts: FlatArray<Int>
  /// The last phases of each barrier, round robin.
  var phases: FlatArray<Phase>
  let free: FlatArray<Int>
  var remembered = 32
  /// Phases by which an actor may be ahead of another at a barrier; further ahead it waits for ever.
  static let mostRemembered = 1 << 16

  var detector: PeriodDetector
  var outcome = Outcome()
  var recorder: TraceRecorder?
  /// `run` pauses when an actor begins this trip of a loop (counted from 0).
  var pauseTrip = Int.max
  var isPaused = false

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
}
