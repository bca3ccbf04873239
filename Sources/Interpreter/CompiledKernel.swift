import HWModels
import Programs

/// A kernel as flat arrays, ready to be stepped through.
final class CompiledKernel {
  final class Operation {
    let name: String
    let action: Action
    /// Queue that executes it; nil where its actor waits for it.
    let queue: Int?
    let waits: [Int]
    let signals: [Int]
    let actor: Int
    /// Whether it has an action.
    let computes: Bool

    init(name: String, action: Action, queue: Int?, waits: [Int], signals: [Int], actor: Int) {
      self.name = name
      self.action = action
      self.queue = queue
      self.waits = waits
      self.signals = signals
      self.actor = actor
      computes = action != .none
    }
  }

  struct Block {
    var trips: TripCount
    var stepsPerTrip: Int
    var operations: Range<Int>
  }

  /// Asynchronous operations that execute in the order of their issue.
  struct Queue: Equatable {
    var actor: Int
    var unit: Programs.Operation.Unit
    var barrier: Int?
  }

  let kernel: Kernel
  let items: [WorkItem]
  /// By class of items: the tiles of the other side, in order.
  let walks: [ItemClass.Walk]
  /// Sequences over all groups: heads over the batch, packed ones once.
  let sequences: Int
  private(set) var operations: [Operation] = []
  private let raw: UnsafeMutablePointer<Operation>
  private(set) var blocks: [[Block]] = []
  private(set) var queues: [Queue] = []
  /// The ring whose slots a barrier hands on, by barrier.
  let ringOfFull: [Int?]
  let ringOfEmpty: [Int?]
  /// Actors that signal a barrier, by barrier, and how many arrivals of a phase each of them makes. Empty
  /// where the arrivals of a phase do not divide among them.
  private(set) var signallers: [[Int]] = []
  private(set) var shares: [Int] = []
  /// Buffers that share storage with a buffer, by buffer.
  let neighbours: [[Int]]
  /// The same, laid out for the inner loops.
  private(set) var flat: FlatKernel

  init(_ kernel: Kernel) {
    self.kernel = kernel
    items = WorkItem.list(of: kernel)
    walks = kernel.items.classes.map(\.walk)
    sequences = kernel.items.groups.reduce(0) { $0 + $1.count }
    var full = [Int?](repeating: nil, count: kernel.barriers.count)
    var empty = full
    for (index, ring) in kernel.rings.enumerated() {
      full[ring.full.index] = index
      empty[ring.empty.index] = index
    }
    (ringOfFull, ringOfEmpty) = (full, empty)
    var neighbours = [[Int]](repeating: [], count: kernel.buffers.count)
    for (index, buffer) in kernel.buffers.enumerated() {
      guard let other = buffer.overlays?.index else { continue }
      neighbours[index].append(other)
      neighbours[other].append(index)
    }
    self.neighbours = neighbours
    flat = FlatKernel()
    raw = .allocate(
      capacity: max(kernel.actors.reduce(0) { $0 + $1.blocks.reduce(0) { $0 + $1.operations.count } }, 1))
    for (actorIndex, actor) in kernel.actors.enumerated() {
      blocks.append(
        actor.blocks.map { block in
          let first = operations.count
          for operation in block.operations { append(operation, actor: actorIndex) }
          return Block(
            trips: block.trips, stepsPerTrip: block.stepsPerTrip, operations: first..<operations.count)
        })
    }
    divideArrivals()
    raw.initialize(from: operations, count: operations.count)
    flat = FlatKernel(self)
  }

  deinit {
    raw.deinitialize(count: operations.count)
    raw.deallocate()
  }

  /// Operation `index` of all actors.
  func operation(_ index: Int) -> Operation { raw[index] }

  private func divideArrivals() {
    for (index, barrier) in kernel.barriers.enumerated() {
      let actors = blocks.indices.filter { actor in
        blocks[actor].contains { $0.operations.contains { operations[$0].signals.contains(index) } }
      }
      let divides = !actors.isEmpty && barrier.arrivals % actors.count == 0
      signallers.append(divides ? actors : [])
      shares.append(divides ? barrier.arrivals / actors.count : barrier.arrivals)
    }
  }

  private func append(_ operation: Programs.Operation, actor: Int) {
    operations.append(
      Operation(
        name: operation.name, action: operation.action,
        queue: operation.unit.isAsynchronous ? queue(actor: actor, operation) : nil,
        waits: operation.waits.map(\.index), signals: operation.signals.map(\.index), actor: actor))
  }

  private func queue(actor: Int, _ operation: Programs.Operation) -> Int {
    let wanted: Queue
    switch operation.unit {
    case .tensorAsync, .tensorAsyncRegisters:
      // Matrix instructions of one issuer execute in order, wherever their operands come from.
      wanted = Queue(actor: actor, unit: .tensorAsync, barrier: nil)
    default:
      // Copies complete in any order; only those that count at the same barrier keep theirs.
      wanted = Queue(actor: actor, unit: operation.unit, barrier: operation.signals.first?.index)
    }
    if let known = queues.firstIndex(of: wanted) { return known }
    queues.append(wanted)
    return queues.count - 1
  }
}

extension Programs.Operation.Unit {
  /// Whether the actor goes on while the unit works.
  package var isAsynchronous: Bool {
    switch self {
    case .tensorAsync, .tensorAsyncRegisters, .copyAsync, .loadAsync: true
    case .vector, .tensorSync, .loadStore, .sync: false
    }
  }
}
