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
    /// Place among the operations of all actors, for counting.
    var index: Int
  }

  struct Block {
    var trips: TripCount
    var stepsPerTrip: Int
    var operations: Range<Int>
  }

  struct Queue {
    var actor: Int
    var unit: Schedules.Operation.Unit
  }

  let kernel: Kernel
  let items: [WorkItem]
  private(set) var operations: [Operation] = []
  private(set) var blocks: [[Block]] = []
  private(set) var queues: [Queue] = []
  /// The ring whose slots a barrier hands on, by barrier.
  let ringOfFull: [Int?]
  let ringOfEmpty: [Int?]
  /// Buffers that share storage with a buffer, by buffer.
  let neighbours: [[Int]]

  init(_ kernel: Kernel) {
    self.kernel = kernel
    items = WorkItem.list(of: kernel)
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
  }

  private mutating func append(_ operation: Schedules.Operation, actor: Int) {
    operations.append(
      Operation(
        name: operation.name, action: operation.action,
        queue: operation.unit.isAsynchronous ? queue(actor: actor, unit: operation.unit) : nil,
        waits: operation.waits.map(\.index), signals: operation.signals.map(\.index), index: operations.count)
    )
  }

  private mutating func queue(actor: Int, unit: Schedules.Operation.Unit) -> Int {
    if let known = queues.firstIndex(where: { $0.actor == actor && $0.unit == unit }) { return known }
    queues.append(Queue(actor: actor, unit: unit))
    return queues.count - 1
  }
}

extension Schedules.Operation.Unit {
  /// Whether the actor goes on while the unit works.
  package var isAsynchronous: Bool {
    switch self {
    case .tensorAsync, .copyAsync, .loadAsync: true
    case .vector, .tensorSync, .loadStore, .sync: false
    }
  }
}

extension CompiledKernel {
  /// The actor that an operation belongs to.
  func actor(of operation: Int) -> Int {
    blocks.firstIndex { $0.contains { $0.operations.contains(operation) } } ?? 0
  }
}
