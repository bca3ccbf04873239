import HWModels
import Programs

/// A compiled kernel in raw memory: what every step of every order looks up, without the calls that arrays cost where
/// the optimiser does not run.
final class FlatKernel {
  struct Operation {
    /// Queue that executes it, or -1 where its actor waits for it.
    var queue = -1
    /// Place of its first wait in `waits`, and how many there are; signals alike.
    var firstWait = 0
    var waits = 0
    var firstSignal = 0
    var signals = 0
    var actor = 0
  }

  struct Block {
    var stepsPerTrip = 0
    var firstOperation = 0
    var endOperation = 0
  }

  struct Barrier {
    var initialPhases = 0
    /// The ring whose slots it hands on, or -1.
    var ringOfFull = -1
    var ringOfEmpty = -1
    var share = 1
    /// Place of the first of its actors in `signallers`, and how many there are.
    var firstSignaller = 0
    var signallers = 0
  }

  struct Buffer {
    var rows = 0
    var columns = 0
    var slots = 1
    var type = DataType.fp32
    /// Number of its first slot among those of all buffers.
    var firstSlot = 0
    /// Place of the first of its neighbours in `neighbours`, and how many there are.
    var firstNeighbour = 0
    var neighbours = 0
  }

  struct Wait {
    var barrier = 0
    /// Waits for the same barrier before it in the same operation.
    var earlier = 0
  }

  @exclusivity(unchecked) private(set) var actors = 0
  @exclusivity(unchecked) private(set) var slots = 0
  @exclusivity(unchecked) private(set) var isPersistent = false
  @exclusivity(unchecked) private(set) var isStatic = false
  @exclusivity(unchecked) private(set) var blockCount = 0
  @exclusivity(unchecked) private(set) var itemCount = 0
  @exclusivity(unchecked) private(set) var barrierCount = 0
  @exclusivity(unchecked) private(set) var bufferCount = 0
  @exclusivity(unchecked) private(set) var packedHeads = 1
  /// Batch elements whose query rows are one sequence, and the keys that the kernel sees, where not all.
  @exclusivity(unchecked) private(set) var stackedBatch = 1
  @exclusivity(unchecked) private(set) var keys: Range<Int>?
  @exclusivity(unchecked) private(set) var operations = UnsafeMutablePointer<Operation>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var waits = UnsafeMutablePointer<Wait>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var signals = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var blocks = UnsafeMutablePointer<Block>.allocate(capacity: 1)
  /// Number of an actor's first block among those of all actors; one more entry ends the last.
  @exclusivity(unchecked) private(set) var firstBlock = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  /// Trips of each block, class by class.
  @exclusivity(unchecked) private(set) var trips = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var barriers = UnsafeMutablePointer<Barrier>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var signallers = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var buffers = UnsafeMutablePointer<Buffer>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var neighbours = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var bufferOfRing = UnsafeMutablePointer<Int>.allocate(capacity: 1)
  @exclusivity(unchecked) private(set) var items = UnsafeMutablePointer<WorkItem>.allocate(capacity: 1)

  init() {}

  convenience init(_ compiled: CompiledKernel) {
    self.init()
    deallocate()
    let kernel = compiled.kernel
    actors = kernel.actors.count
    isPersistent = kernel.policy.isPersistent
    if case .staticPersistent = kernel.policy { isStatic = true }
    barrierCount = kernel.barriers.count
    bufferCount = kernel.buffers.count
    packedHeads = kernel.items.packedHeads
    stackedBatch = kernel.items.stackedBatch
    keys = kernel.items.keys
    itemCount = compiled.items.count
    items = Self.raw(compiled.items)
    bufferOfRing = Self.raw(kernel.rings.map(\.buffer.index))
    layOutOperations(compiled)
    layOutBlocks(compiled)
    layOutBarriers(compiled)
    layOutBuffers(compiled)
  }

  deinit { deallocate() }

  private func deallocate() {
    operations.deallocate()
    waits.deallocate()
    signals.deallocate()
    blocks.deallocate()
    firstBlock.deallocate()
    trips.deallocate()
    barriers.deallocate()
    signallers.deallocate()
    buffers.deallocate()
    neighbours.deallocate()
    bufferOfRing.deallocate()
    items.deallocate()
  }

  private func layOutOperations(_ compiled: CompiledKernel) {
    var (flat, waits, signals) = ([Operation](), [Wait](), [Int]())
    for operation in compiled.operations {
      flat.append(
        Operation(
          queue: operation.queue ?? -1, firstWait: waits.count, waits: operation.waits.count,
          firstSignal: signals.count, signals: operation.signals.count, actor: operation.actor))
      for (place, barrier) in operation.waits.enumerated() {
        waits.append(
          Wait(barrier: barrier, earlier: operation.waits[..<place].filter { $0 == barrier }.count))
      }
      signals += operation.signals
    }
    (operations, self.waits, self.signals) = (Self.raw(flat), Self.raw(waits), Self.raw(signals))
  }

  private func layOutBlocks(_ compiled: CompiledKernel) {
    let all = compiled.blocks.flatMap { $0 }
    blockCount = all.count
    blocks = Self.raw(
      all.map {
        Block(
          stepsPerTrip: $0.stepsPerTrip, firstOperation: $0.operations.lowerBound,
          endOperation: $0.operations.upperBound)
      })
    firstBlock = Self.raw(compiled.blocks.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) })
    trips = Self.raw(
      compiled.kernel.items.classes.flatMap { itemClass in all.map { $0.trips.count(itemClass.values) } })
  }

  private func layOutBarriers(_ compiled: CompiledKernel) {
    var (flat, actors) = ([Barrier](), [Int]())
    for (index, barrier) in compiled.kernel.barriers.enumerated() {
      flat.append(
        Barrier(
          initialPhases: barrier.initialPhases, ringOfFull: compiled.ringOfFull[index] ?? -1,
          ringOfEmpty: compiled.ringOfEmpty[index] ?? -1, share: compiled.shares[index],
          firstSignaller: actors.count, signallers: compiled.signallers[index].count))
      actors += compiled.signallers[index]
    }
    (barriers, signallers) = (Self.raw(flat), Self.raw(actors))
  }

  private func layOutBuffers(_ compiled: CompiledKernel) {
    var (flat, near) = ([Buffer](), [Int]())
    for (index, buffer) in compiled.kernel.buffers.enumerated() {
      flat.append(
        Buffer(
          rows: buffer.rows, columns: buffer.columns, slots: buffer.slots, type: buffer.elementType,
          firstSlot: slots, firstNeighbour: near.count, neighbours: compiled.neighbours[index].count))
      near += compiled.neighbours[index]
      slots += buffer.slots
    }
    (buffers, neighbours) = (Self.raw(flat), Self.raw(near))
  }

  private static func raw<Element>(_ array: [Element]) -> UnsafeMutablePointer<Element> {
    let pointer = UnsafeMutablePointer<Element>.allocate(capacity: max(array.count, 1))
    pointer.initialize(from: array, count: array.count)
    return pointer
  }
}
