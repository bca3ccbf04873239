import Schedules

/// An operation of a work item, ready to execute.
struct Step {
  /// Place among the kernel's operations.
  var operation: Int
  /// Number of the work item in the order of the kernel's policy.
  var item: Int
  /// The actor's step within the work item, and the steps it took in earlier items of this slot.
  var step: Int
  var stepsBefore: Int
  /// Items that the slot took before this one.
  var itemsBefore: Int
  /// Trip of the block, to tell repetitions apart that take no steps.
  var trip: Int
}

/// What the slots of one kernel share: the items nobody has taken yet.
final class KernelRun {
  let compiled: CompiledKernel
  private(set) var slots: [CoreSlot] = []
  private var nextItem = 0

  init(_ compiled: CompiledKernel, slots count: Int) {
    self.compiled = compiled
    slots = (0..<count).map { CoreSlot(compiled, number: $0) }
    for slot in slots { slot.start(self) }
  }

  /// The next item for a slot that has taken `taken` so far, or nil when there is none.
  func item(slot: Int, taken: Int) -> Int? {
    switch compiled.kernel.policy {
    case .staticPersistent:
      let item = slot + taken * slots.count
      return item < compiled.items.count ? item : nil
    case .dynamicPersistent, .grid, .ranges:
      guard nextItem < compiled.items.count else { return nil }
      nextItem += 1
      return nextItem - 1
    }
  }
}

/// Place for one work item at a time on a core: buffers, barriers, actors and queues.
///
/// A persistent kernel keeps all of it from item to item, and its actors may be in different items. Other kernels start
/// each item afresh, with undefined buffers.
final class CoreSlot {
  let number: Int
  private let compiled: CompiledKernel
  private(set) var storage: [[Contents]] = []
  /// Arrivals at each barrier by actor, and phases that are complete beside the initial ones.
  private var arrivals: [Int] = []
  private var phases: [Int] = []
  private var actors: [ActorState] = []
  /// Completed waits, by actor and barrier.
  private var waits: [Int] = []
  private var queues: [[Step]] = []
  private var queueHeads: [Int] = []
  /// Items taken, in order.
  private var items: [Int] = []
  private var unfinished = 0
  /// The slot that each ring's producer wrote in each of its phases.
  private var produced: [[Int]] = []
  private var lastWritten: [Int] = []

  struct ActorState {
    var isFinished = false
    var itemsBefore = 0
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
  }

  /// Empties everything and takes a first item.
  func start(_ run: KernelRun) {
    // An item in which nothing is to do ends at once.
    repeat { begin(run) } while unfinished == 0 && !items.isEmpty && !run.compiled.kernel.policy.isPersistent
  }

  private func begin(_ run: KernelRun) {
    let kernel = compiled.kernel
    storage = kernel.buffers.map { [Contents](repeating: Contents(), count: $0.slots) }
    arrivals = [Int](repeating: 0, count: kernel.barriers.count * kernel.actors.count)
    phases = [Int](repeating: 0, count: kernel.barriers.count)
    waits = [Int](repeating: 0, count: kernel.barriers.count * kernel.actors.count)
    queues = [[Step]](repeating: [], count: compiled.queues.count)
    queueHeads = [Int](repeating: 0, count: compiled.queues.count)
    produced = [[Int]](repeating: [], count: kernel.rings.count)
    lastWritten = [Int](repeating: 0, count: kernel.buffers.count)
    items = []
    actors = [ActorState](repeating: ActorState(), count: kernel.actors.count)
    unfinished = actors.count
    for actor in actors.indices { enterItem(actor, run) }
  }

  /// A kernel that is not persistent starts afresh when an item is done.
  func recycle(_ run: KernelRun) {
    guard unfinished == 0, !run.compiled.kernel.policy.isPersistent, !items.isEmpty else { return }
    for queue in queues.indices where queueHeads[queue] < queues[queue].count { return }
    start(run)
  }

  // MARK: Agents

  func isEnabled(_ agent: Int) -> Bool {
    if agent >= actors.count {
      let queue = agent - actors.count
      return queueHeads[queue] < queues[queue].count
    }
    let actor = actors[agent]
    if actor.isFinished { return false }
    let awaited = compiled.operations[actor.operation].waits
    if awaited.isEmpty { return true }
    for (place, barrier) in awaited.enumerated() {
      let earlier = awaited.count == 1 ? 0 : awaited[..<place].reduce(0) { $0 + ($1 == barrier ? 1 : 0) }
      if !isComplete(barrier, phase: waits[agent * phases.count + barrier] + earlier) { return false }
    }
    return true
  }

  private func isComplete(_ barrier: Int, phase: Int) -> Bool {
    phase < phases[barrier] + compiled.kernel.barriers[barrier].initialPhases
  }

  /// Lets an enabled agent go on. Returns the step that executes now, or nil where one was only issued.
  func advance(_ agent: Int, _ run: KernelRun) -> Step? {
    if agent >= actors.count {
      let queue = agent - actors.count
      let step = queues[queue][queueHeads[queue]]
      queueHeads[queue] += 1
      if queueHeads[queue] == queues[queue].count {
        queues[queue].removeAll(keepingCapacity: true)
        queueHeads[queue] = 0
      }
      return step
    }
    let actor = actors[agent]
    let operation = compiled.operations[actor.operation]
    for barrier in operation.waits { waits[agent * phases.count + barrier] += 1 }
    let step = Step(
      operation: actor.operation, item: items[actor.itemsBefore], step: actor.step,
      stepsBefore: actor.stepsBefore,
      itemsBefore: actor.itemsBefore, trip: actor.trip)
    move(agent, run)
    guard let queue = operation.queue else { return step }
    queues[queue].append(step)
    return nil
  }

  /// Moves an actor past its operation.
  private func move(_ agent: Int, _ run: KernelRun) {
    let block = compiled.blocks[agent][actors[agent].block]
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
    let blocks = compiled.blocks[agent]
    let item = compiled.items[items[actors[agent].itemsBefore]]
    let values = compiled.kernel.items.classes[item.itemClass].values
    var block = first
    while block < blocks.count {
      let trips = blocks[block].trips.count(values)
      if trips > 0 {
        actors[agent].block = block
        actors[agent].trip = 0
        actors[agent].trips = trips
        actors[agent].operation = blocks[block].operations.lowerBound
        return true
      }
      block += 1
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
        let mayTake = run.compiled.kernel.policy.isPersistent || items.isEmpty
        guard mayTake, let item = run.item(slot: number, taken: items.count) else {
          actors[agent].isFinished = true
          unfinished -= 1
          return
        }
        items.append(item)
      }
      if enterBlock(agent, from: 0) { return }
      leaveItem(agent)
    }
  }

  // MARK: Effects

  func write(_ value: Int32, buffer: Int, slot: Int, _ place: Rectangle) {
    storage[buffer][slot].write(value, to: place)
    lastWritten[buffer] = slot
    for neighbour in compiled.neighbours[buffer] {
      if storage[neighbour].count == storage[buffer].count {
        storage[neighbour][slot].poison()
      } else {
        for other in storage[neighbour].indices { storage[neighbour][other].poison() }
      }
    }
  }

  /// Arrives at what the operation signals.
  func signal(_ operation: Int) {
    let actor = compiled.operations[operation].actor
    for barrier in compiled.operations[operation].signals {
      let actors = compiled.signallers[barrier]
      let share = compiled.shares[barrier]
      let base = barrier * self.actors.count
      var complete: Int
      if actors.isEmpty {
        arrivals[base] += 1
        complete = arrivals[base] / share
      } else {
        arrivals[base + actor] += 1
        complete = arrivals[base + actor] / share
        if complete > phases[barrier] {
          for other in actors { complete = min(complete, arrivals[base + other] / share) }
        }
      }
      if complete > phases[barrier] {
        phases[barrier] = complete
        handOn(barrier)
      }
    }
  }

  /// A phase is complete: where it gives back a ring slot, the slot's contents become undefined.
  private func handOn(_ barrier: Int) {
    if let ring = compiled.ringOfFull[barrier] {
      produced[ring].append(lastWritten[compiled.kernel.rings[ring].buffer.index])
    } else if let ring = compiled.ringOfEmpty[barrier], phases[barrier] <= produced[ring].count {
      storage[compiled.kernel.rings[ring].buffer.index][produced[ring][phases[barrier] - 1]].poison()
    }
  }

  /// What unfinished actors wait for.
  func waiting() -> [String] {
    actors.indices.filter { !actors[$0].isFinished }.map { agent in
      let operation = compiled.operations[actors[agent].operation]
      let names = operation.waits
        .filter { !isComplete($0, phase: waits[agent * phases.count + $0]) }
        .map { compiled.kernel.barriers[$0].name }
      return
        "\(compiled.kernel.actors[agent].name) in '\(operation.name)' waits for \(names.joined(separator: ", "))"
    }
  }
}
