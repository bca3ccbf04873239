import Programs

/// An operation of a work item, ready to execute.
struct Step {
  /// Place among the kernel's operations.
  var operation = 0
  /// Number of the work item in the order of the kernel's policy.
  var item = 0
  /// The actor's step within the work item, and the steps it took in earlier items of this slot.
  var step = 0
  var stepsBefore = 0
  /// Items that the slot took before this one.
  var itemsBefore = 0
  /// Trip of the block, to tell repetitions apart that take no steps.
  var trip = 0
}

/// Place for one work item at a time on a core: buffers, barriers, actors and queues.
///
/// A persistent kernel keeps all of it from item to item, and its actors may be in different items. Other kernels start
/// each item afresh, with undefined buffers.
final class CoreSlot {
  let number: Int
  private let compiled: CompiledKernel
  private let actorCount: Int
  private let barrierCount: Int
  /// By buffer and slot.
  @exclusivity(unchecked) private var storage: [[Contents]]
  /// Arrivals by barrier and actor, and completed phases beside the initial ones.
  @exclusivity(unchecked) private var arrivals: [Int] = []
  @exclusivity(unchecked) private var phases: [Int] = []
  @exclusivity(unchecked) private var actors: [ActorState] = []
  /// Completed waits, by actor and barrier.
  @exclusivity(unchecked) private var waits: [Int] = []
  @exclusivity(unchecked) private var queues: [Queue<Step>]
  /// Items taken, in order.
  @exclusivity(unchecked) private var items: [Int] = []
  @exclusivity(unchecked) private var unfinished = 0
  /// The slot that each ring's producer wrote in each of its phases.
  @exclusivity(unchecked) private var produced: [[Int]] = []
  @exclusivity(unchecked) private var lastWritten: [Int] = []

  private struct ActorState {
    var isFinished = false
    var itemsBefore = 0
    /// Number of the block among those of all actors.
    var block = 0
    var trip = 0
    var trips = 0
    var operation = 0
    var step = 0
    var stepsBefore = 0
  }

  init(_ compiled: CompiledKernel, number: Int) {
    self.compiled = compiled
    self.number = number
    let kernel = compiled.kernel
    (actorCount, barrierCount) = (kernel.actors.count, kernel.barriers.count)
    storage = kernel.buffers.map { Array(repeating: Contents(), count: $0.slots) }
    queues = Array(repeating: Queue(), count: compiled.queueCount)
  }

  /// Empties everything and takes a first item.
  func start(_ run: KernelRun) {
    // An item in which nothing is to do ends at once.
    repeat { begin(run) } while unfinished == 0 && !items.isEmpty && !compiled.isPersistent
  }

  private func begin(_ run: KernelRun) {
    for buffer in storage.indices { poison(buffer) }
    arrivals = Array(repeating: 0, count: barrierCount * actorCount)
    waits = arrivals
    phases = Array(repeating: 0, count: barrierCount)
    lastWritten = Array(repeating: 0, count: storage.count)
    for queue in queues.indices { queues[queue].removeAll() }
    produced = Array(repeating: [], count: compiled.kernel.rings.count)
    items.removeAll(keepingCapacity: true)
    actors = Array(repeating: ActorState(), count: actorCount)
    unfinished = actorCount
    for actor in 0..<actorCount { enterItem(actor, run) }
  }

  /// A kernel that is not persistent starts afresh when an item is done.
  func recycle(_ run: KernelRun) {
    guard unfinished == 0, !compiled.isPersistent, !items.isEmpty, queues.allSatisfy(\.isEmpty) else {
      return
    }
    start(run)
  }

  // MARK: Agents

  func isEnabled(_ agent: Int) -> Bool {
    if agent >= actorCount { return !queues[agent - actorCount].isEmpty }
    if actors[agent].isFinished { return false }
    for place in compiled.operations[actors[agent].operation].waits {
      let wait = compiled.waits[place]
      if isPending(wait.barrier, agent, earlier: wait.earlier) { return false }
    }
    return true
  }

  /// Whether an actor's next wait for a barrier, after `earlier` others, has to go on.
  private func isPending(_ barrier: Int, _ actor: Int, earlier: Int) -> Bool {
    waits[actor * barrierCount + barrier] + earlier
      >= phases[barrier] + compiled.kernel.barriers[barrier].initialPhases
  }

  /// Lets an enabled agent go on; the step that is due, or nil where one was only issued.
  func advance(_ agent: Int, _ run: KernelRun) -> Step? {
    if agent >= actorCount { return queues[agent - actorCount].removeFirst() }
    let actor = actors[agent]
    for place in compiled.operations[actor.operation].waits {
      waits[agent * barrierCount + compiled.waits[place].barrier] += 1
    }
    let step = Step(
      operation: actor.operation, item: items[actor.itemsBefore], step: actor.step,
      stepsBefore: actor.stepsBefore, itemsBefore: actor.itemsBefore, trip: actor.trip)
    move(agent, run)
    guard let queue = compiled.operations[step.operation].queue else { return step }
    queues[queue].append(step)
    return nil
  }

  /// Moves an actor past its operation.
  private func move(_ agent: Int, _ run: KernelRun) {
    let block = compiled.blocks[actors[agent].block]
    actors[agent].operation += 1
    if actors[agent].operation < block.operations.upperBound { return }
    actors[agent].trip += 1
    actors[agent].step += block.stepsPerTrip
    if actors[agent].trip < actors[agent].trips {
      actors[agent].operation = block.operations.lowerBound
      return
    }
    if enterBlock(agent, from: actors[agent].block + 1) { return }
    leaveItem(agent)
    enterItem(agent, run)
  }

  /// Enters the first block from `first` on that the actor's item runs at all; false where there is none.
  private func enterBlock(_ agent: Int, from first: Int) -> Bool {
    let trips = compiled.trips[compiled.items[items[actors[agent].itemsBefore]].itemClass]
    for block in first..<compiled.blocksOfActor[agent].upperBound where trips[block] > 0 {
      actors[agent].block = block
      actors[agent].trip = 0
      actors[agent].trips = trips[block]
      actors[agent].operation = compiled.blocks[block].operations.lowerBound
      return true
    }
    return false
  }

  private func leaveItem(_ agent: Int) {
    actors[agent].itemsBefore += 1
    actors[agent].stepsBefore += actors[agent].step
    actors[agent].step = 0
  }

  /// Enters the actor's next item that gives it anything to do, or finishes it.
  private func enterItem(_ agent: Int, _ run: KernelRun) {
    while true {
      if actors[agent].itemsBefore == items.count {
        let mayTake = compiled.isPersistent || items.isEmpty
        guard mayTake, let item = run.item(slot: number, taken: items.count) else {
          actors[agent].isFinished = true
          unfinished -= 1
          return
        }
        items.append(item)
      }
      if enterBlock(agent, from: compiled.blocksOfActor[agent].lowerBound) { return }
      leaveItem(agent)
    }
  }

  /// What unfinished actors wait for.
  func waiting() -> [String] {
    actors.indices.filter { !actors[$0].isFinished }.map { agent in
      let operation = compiled.operations[actors[agent].operation]
      let names = compiled.waits[operation.waits].map(\.barrier)
        .filter { isPending($0, agent, earlier: 0) }.map { compiled.kernel.barriers[$0].name }
      return
        "\(compiled.kernel.actors[agent].name) in '\(operation.name)' waits for \(names.joined(separator: ", "))"
    }
  }

  // MARK: Effects of executed steps

  func read(_ buffer: Int, slot: Int, _ place: Rectangle, in table: ValueTable) -> Int32 {
    storage[buffer][slot].read(place, in: table)
  }

  func write(_ value: Int32, buffer: Int, slot: Int, _ place: Rectangle) {
    storage[buffer][slot].write(value, to: place)
    lastWritten[buffer] = slot
  }

  /// All slots of a buffer become undefined.
  private func poison(_ buffer: Int) {
    for slot in storage[buffer].indices { storage[buffer][slot].poison() }
  }

  /// Arrives at what the operation signals.
  func signal(_ operation: Int) {
    let actor = compiled.operations[operation].actor
    for barrier in compiled.operations[operation].signals {
      let share = compiled.shares[barrier]
      // Arrivals that count whoever makes them are the first actor's.
      let first = barrier * actorCount
      let own = first + (share.actors.isEmpty ? 0 : actor)
      arrivals[own] += 1
      guard arrivals[own] / share.arrivals > phases[barrier] else { continue }
      let complete = share.actors.reduce(arrivals[own]) { min($0, arrivals[first + $1]) } / share.arrivals
      if complete > phases[barrier] {
        phases[barrier] = complete
        handOn(barrier)
      }
    }
  }

  /// A phase is complete: where it gives back a ring slot, the slot's contents become undefined.
  private func handOn(_ barrier: Int) {
    let rings = compiled.kernel.rings
    if let ring = compiled.ringOfFull[barrier] {
      produced[ring].append(lastWritten[rings[ring].buffer.index])
    } else if let ring = compiled.ringOfEmpty[barrier], phases[barrier] <= produced[ring].count {
      storage[rings[ring].buffer.index][produced[ring][phases[barrier] - 1]].poison()
    }
  }
}
