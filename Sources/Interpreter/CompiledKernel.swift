import HWModels
import Programs

/// A kernel as flat arrays, ready to be stepped through.
final class CompiledKernel {
  struct Operation {
    let name: String
    let action: Action
    /// Queue that executes it; nil where its actor waits for it.
    let queue: Int?
    /// Places of its waits in `waits`.
    let waits: Range<Int>
    let signals: [Int]
    let actor: Int
    /// Whether it has an action.
    let computes: Bool
  }

  struct Wait {
    let barrier: Int
    /// Waits for the same barrier before it in the same operation.
    let earlier: Int
  }

  struct Block {
    let stepsPerTrip: Int
    let operations: Range<Int>
  }

  /// Asynchronous operations that execute in the order of their issue.
  private struct QueueKey: Hashable {
    var actor: Int
    var unit: Programs.Operation.Unit
    var barrier: Int?
  }

  let kernel: Kernel
  let items: [WorkItem]
  let isPersistent: Bool
  /// By class of items: the tiles of the other side, in order.
  let walks: [ItemClass.Walk]
  /// Trips of each block, by class of items.
  let trips: [[Int]]
  /// Sequences over all groups: heads over the batch, packed ones once.
  let sequences: Int
  @exclusivity(unchecked) private(set) var operations: [Operation] = []
  @exclusivity(unchecked) private(set) var waits: [Wait] = []
  /// Blocks of all actors, and those of each.
  @exclusivity(unchecked) private(set) var blocks: [Block] = []
  @exclusivity(unchecked) private(set) var blocksOfActor: [Range<Int>] = []
  @exclusivity(unchecked) private var queues: [QueueKey: Int] = [:]
  /// The ring whose slots a barrier hands on, by barrier.
  let ringOfFull: [Int?]
  let ringOfEmpty: [Int?]
  let shares: [Barrier.Share]

  var queueCount: Int { queues.count }

  init(_ kernel: Kernel) {
    self.kernel = kernel
    items = WorkItem.list(of: kernel)
    isPersistent = kernel.policy.isPersistent
    walks = kernel.items.classes.map(\.walk)
    trips = kernel.items.classes.map { items in
      kernel.actors.flatMap { $0.blocks.map { $0.trips.count(items.values) } }
    }
    sequences = kernel.items.groups.reduce(0) { $0 + $1.count }
    var full = [Int?](repeating: nil, count: kernel.barriers.count)
    var empty = full
    for (index, ring) in kernel.rings.enumerated() {
      full[ring.full.index] = index
      empty[ring.empty.index] = index
    }
    (ringOfFull, ringOfEmpty) = (full, empty)
    shares = kernel.barrierShares
    for (index, actor) in kernel.actors.enumerated() {
      let first = blocks.count
      for block in actor.blocks {
        let start = operations.count
        for operation in block.operations { append(operation, actor: index) }
        blocks.append(Block(stepsPerTrip: block.stepsPerTrip, operations: start..<operations.count))
      }
      blocksOfActor.append(first..<blocks.count)
    }
  }

  private func append(_ operation: Programs.Operation, actor: Int) {
    let first = waits.count
    for (place, wait) in operation.waits.enumerated() {
      waits.append(
        Wait(barrier: wait.index, earlier: operation.waits[..<place].count { $0.index == wait.index }))
    }
    operations.append(
      Operation(
        name: operation.name, action: operation.action,
        queue: operation.unit.isAsynchronous ? queue(actor: actor, operation) : nil,
        waits: first..<waits.count, signals: operation.signals.map(\.index), actor: actor,
        computes: operation.action != .none))
  }

  private func queue(actor: Int, _ operation: Programs.Operation) -> Int {
    let wanted: QueueKey
    switch operation.unit {
    case .tensorAsync, .tensorAsyncRegisters:
      // Matrix instructions of one issuer execute in order, wherever their operands come from.
      wanted = QueueKey(actor: actor, unit: .tensorAsync, barrier: nil)
    default:
      // Copies complete in any order; only those that count at the same barrier keep theirs.
      wanted = QueueKey(actor: actor, unit: operation.unit, barrier: operation.signals.first?.index)
    }
    let next = queues.count
    let found = queues[wanted, default: next]
    queues[wanted] = found
    return found
  }
}
