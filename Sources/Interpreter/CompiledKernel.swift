import HWModels
import Schedules

/// A kernel as flat arrays, ready to be stepped through.
struct CompiledKernel {
  struct Operation {
    var name: String
    var action: Action
    /// Queue that executes it; nil where its actor waits for it.
    var queue: Int?
    var waits: [Int]
    var signals: [Int]
    var actor: Int
    /// Place among the operations of all actors, for counting.
    var index: Int
  }

  struct Block {
    var trips: TripCount
    var stepsPerTrip: Int
    var operations: Range<Int>
  }

  /// Asynchronous operations that execute in the order of their issue.
  struct Queue: Equatable {
    var actor: Int
    var unit: Schedules.Operation.Unit
    var barrier: Int?
  }

  let kernel: Kernel
  let items: [WorkItem]
  /// Sequences over all groups: heads over the batch, packed ones once.
  let sequences: Int
  private(set) var operations: [Operation] = []
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

  init(_ kernel: Kernel) {
    self.kernel = kernel
    items = WorkItem.list(of: kernel)
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
  }

  private mutating func divideArrivals() {
    for (index, barrier) in kernel.barriers.enumerated() {
      let actors = blocks.indices.filter { actor in
        blocks[actor].contains { $0.operations.contains { operations[$0].signals.contains(index) } }
      }
      let divides = !actors.isEmpty && barrier.arrivals % actors.count == 0
      signallers.append(divides ? actors : [])
      shares.append(divides ? barrier.arrivals / actors.count : barrier.arrivals)
    }
  }

  private mutating func append(_ operation: Schedules.Operation, actor: Int) {
    operations.append(
      Operation(
        name: operation.name, action: operation.action,
        queue: operation.unit.isAsynchronous ? queue(actor: actor, operation) : nil,
        waits: operation.waits.map(\.index), signals: operation.signals.map(\.index), actor: actor,
        index: operations.count)
    )
  }

  private mutating func queue(actor: Int, _ operation: Schedules.Operation) -> Int {
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

extension Schedules.Operation.Unit {
  /// Whether the actor goes on while the unit works.
  package var isAsynchronous: Bool {
    switch self {
    case .tensorAsync, .tensorAsyncRegisters, .copyAsync, .loadAsync: true
    case .vector, .tensorSync, .loadStore, .sync: false
    }
  }
}
