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
  let compiled: CompiledKernel
  let flat: FlatKernel
  // What every step looks up stands here too: to read it through `flat` would retain and release that each time.
  let actorCount: Int
  private let barrierCount: Int
  let operations: UnsafeMutablePointer<FlatKernel.Operation>
  private let waitList: UnsafeMutablePointer<FlatKernel.Wait>
  private let blocks: UnsafeMutablePointer<FlatKernel.Block>
  let barriers: UnsafeMutablePointer<FlatKernel.Barrier>
  let buffers: UnsafeMutablePointer<FlatKernel.Buffer>
  /// Contents of the slots of all buffers, one buffer after another.
  let storage: UnsafeMutablePointer<Contents>
  /// Arrivals at each barrier by actor, and phases that are complete beside the initial ones.
  let arrivals: UnsafeMutablePointer<Int>
  let phases: UnsafeMutablePointer<Int>
  private let actors: UnsafeMutablePointer<ActorState>
  /// Completed waits, by actor and barrier.
  private let waits: UnsafeMutablePointer<Int>
  private let queues: UnsafeMutablePointer<StepQueue>
  private let queueCount: Int
  /// Items taken, in order.
  @exclusivity(unchecked) private var items = IntList()
  @exclusivity(unchecked) private var unfinished = 0
  /// The slot that each ring's producer wrote in each of its phases.
  let produced: UnsafeMutablePointer<IntList>
  private let ringCount: Int
  let lastWritten: UnsafeMutablePointer<Int>

  struct ActorState {
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
    flat = compiled.flat
    actorCount = flat.actors
    barrierCount = flat.barrierCount
    operations = flat.operations
    waitList = flat.waits
    blocks = flat.blocks
    barriers = flat.barriers
    buffers = flat.buffers
    storage = .allocate(capacity: max(flat.slots, 1))
    for slot in 0..<flat.slots { (storage + slot).initialize(to: Contents()) }
    arrivals = .allocate(capacity: max(barrierCount * actorCount, 1))
    phases = .allocate(capacity: max(barrierCount, 1))
    waits = .allocate(capacity: max(barrierCount * actorCount, 1))
    actors = .allocate(capacity: max(actorCount, 1))
    queueCount = compiled.queues.count
    queues = .allocate(capacity: max(queueCount, 1))
    for queue in 0..<queueCount { (queues + queue).initialize(to: StepQueue()) }
    ringCount = compiled.kernel.rings.count
    produced = .allocate(capacity: max(ringCount, 1))
    for ring in 0..<ringCount { (produced + ring).initialize(to: IntList()) }
    lastWritten = .allocate(capacity: max(flat.bufferCount, 1))
  }

  deinit {
    storage.deinitialize(count: flat.slots)
    storage.deallocate()
    for queue in 0..<queueCount { queues[queue].deallocate() }
    for ring in 0..<ringCount { produced[ring].deallocate() }
    items.deallocate()
    arrivals.deallocate()
    phases.deallocate()
    waits.deallocate()
    actors.deallocate()
    queues.deallocate()
    produced.deallocate()
    lastWritten.deallocate()
  }

  /// Empties everything and takes a first item.
  func start(_ run: KernelRun) {
    // An item in which nothing is to do ends at once.
    repeat { begin(run) } while unfinished == 0 && items.count > 0 && !flat.isPersistent
  }

  private func begin(_ run: KernelRun) {
    let perActor = flat.barrierCount &* flat.actors
    var index = 0
    while index < flat.slots {
      storage[index].poison()
      index &+= 1
    }
    arrivals.update(repeating: 0, count: perActor)
    waits.update(repeating: 0, count: perActor)
    phases.update(repeating: 0, count: flat.barrierCount)
    lastWritten.update(repeating: 0, count: flat.bufferCount)
    index = 0
    while index < queueCount {
      queues[index].removeAll()
      index &+= 1
    }
    index = 0
    while index < ringCount {
      produced[index].removeAll()
      index &+= 1
    }
    items.removeAll()
    actors.update(repeating: ActorState(), count: flat.actors)
    unfinished = flat.actors
    index = 0
    while index < flat.actors {
      enterItem(index, run)
      index &+= 1
    }
  }

  /// A kernel that is not persistent starts afresh when an item is done.
  func recycle(_ run: KernelRun) {
    guard unfinished == 0, !flat.isPersistent, items.count > 0 else { return }
    var queue = 0
    while queue < queueCount {
      if !queues[queue].isEmpty { return }
      queue &+= 1
    }
    start(run)
  }

  // MARK: Agents

  func isEnabled(_ agent: Int) -> Bool {
    if agent >= actorCount { return !queues[agent &- actorCount].isEmpty }
    let actor = actors + agent
    if actor.pointee.isFinished { return false }
    let operation = operations + actor.pointee.operation
    var left = operation.pointee.waits
    if left == 0 { return true }
    let done = waits + agent &* barrierCount
    var wait = waitList + operation.pointee.firstWait
    while left > 0 {
      let barrier = wait.pointee.barrier
      if done[barrier] &+ wait.pointee.earlier >= phases[barrier] &+ barriers[barrier].initialPhases {
        return false
      }
      wait += 1
      left &-= 1
    }
    return true
  }

  /// Lets an enabled agent go on, and executes the step that is due: none where one was only issued.
  func advance(_ agent: Int, _ run: KernelRun, _ step: inout Step) -> Bool {
    if agent >= actorCount {
      step = queues[agent &- actorCount].removeFirst()
      return true
    }
    let actor = actors + agent
    let operation = operations + actor.pointee.operation
    let done = waits + agent &* barrierCount
    var wait = waitList + operation.pointee.firstWait
    var left = operation.pointee.waits
    while left > 0 {
      done[wait.pointee.barrier] &+= 1
      wait += 1
      left &-= 1
    }
    step.operation = actor.pointee.operation
    step.item = items.pointer[actor.pointee.itemsBefore]
    step.step = actor.pointee.step
    step.stepsBefore = actor.pointee.stepsBefore
    step.itemsBefore = actor.pointee.itemsBefore
    step.trip = actor.pointee.trip
    move(agent, run)
    let queue = operation.pointee.queue
    if queue < 0 { return true }
    queues[queue].append(step)
    return false
  }

  /// Moves an actor past its operation.
  private func move(_ agent: Int, _ run: KernelRun) {
    let actor = actors + agent
    let block = blocks + actor.pointee.block
    actor.pointee.operation &+= 1
    if actor.pointee.operation < block.pointee.endOperation { return }
    actor.pointee.trip &+= 1
    actor.pointee.step &+= block.pointee.stepsPerTrip
    if actor.pointee.trip < actor.pointee.trips {
      actor.pointee.operation = block.pointee.firstOperation
      return
    }
    if enterBlock(agent, from: actor.pointee.block &+ 1) { return }
    leaveItem(agent)
    enterItem(agent, run)
  }

  /// Enters the first block from `first` on that the actor's item runs at all; false where there is none.
  private func enterBlock(_ agent: Int, from first: Int) -> Bool {
    let actor = actors + agent
    let item = items.pointer[actor.pointee.itemsBefore]
    let trips = flat.trips + flat.items[item].itemClass &* flat.blockCount
    let end = flat.firstBlock[agent &+ 1]
    var block = first
    while block < end {
      if trips[block] > 0 {
        actor.pointee.block = block
        actor.pointee.trip = 0
        actor.pointee.trips = trips[block]
        actor.pointee.operation = blocks[block].firstOperation
        return true
      }
      block &+= 1
    }
    return false
  }

  private func leaveItem(_ agent: Int) {
    actors[agent].itemsBefore &+= 1
    actors[agent].stepsBefore &+= actors[agent].step
    actors[agent].step = 0
  }

  /// Enters the actor's next item that gives it anything to do, or finishes it.
  private func enterItem(_ agent: Int, _ run: KernelRun) {
    while true {
      if actors[agent].itemsBefore == items.count {
        let mayTake = flat.isPersistent || items.count == 0
        let item = mayTake ? run.item(slot: number, taken: items.count) : -1
        guard item >= 0 else {
          actors[agent].isFinished = true
          unfinished &-= 1
          return
        }
        items.append(item)
      }
      if enterBlock(agent, from: flat.firstBlock[agent]) { return }
      leaveItem(agent)
    }
  }

  /// What unfinished actors wait for.
  func waiting() -> [String] {
    (0..<flat.actors).filter { !actors[$0].isFinished }.map { agent in
      let operation = compiled.operations[actors[agent].operation]
      let names = operation.waits
        .filter {
          waits[agent * flat.barrierCount + $0] >= phases[$0] + compiled.kernel.barriers[$0].initialPhases
        }
        .map { compiled.kernel.barriers[$0].name }
      return
        "\(compiled.kernel.actors[agent].name) in '\(operation.name)' waits for \(names.joined(separator: ", "))"
    }
  }
}
