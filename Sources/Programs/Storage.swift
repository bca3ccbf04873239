public import HWModels

/// On-chip needs of one work item.
public struct Footprint: Sendable, Hashable {
  public var threads: Int
  public var registersPerThread: Int
  public var sharedBytes: Int
  public var tensorMemoryColumns: Int
  /// Work items launched together on neighbouring cores.
  public var clusterSize: Int

  public init(
    threads: Int, registersPerThread: Int, sharedBytes: Int, tensorMemoryColumns: Int = 0,
    clusterSize: Int = 1
  ) {
    self.threads = threads
    self.registersPerThread = registersPerThread
    self.sharedBytes = sharedBytes
    self.tensorMemoryColumns = tensorMemoryColumns
    self.clusterSize = clusterSize
  }
}

/// On-chip storage with one or more slots of equal shape. More than one slot makes it a ring.
public struct Buffer: Sendable, Hashable {
  /// Which storage of a core.
  public enum Space: String, Sendable { case shared, registers, tensorMemory }
  public var name: String
  public var space: Space
  public var rows: Int
  public var columns: Int
  public var elementType: DataType
  public var slots: Int
  public var bytes: Int { rows * columns * elementType.bytes * slots }
}

/// A buffer by its place in the kernel.
public struct BufferID: Sendable, Hashable {
  public var index: Int
  package init(index: Int) { self.index = index }
}

/// A barrier by its place in the kernel.
public struct BarrierID: Sendable, Hashable {
  public var index: Int
  package init(index: Int) { self.index = index }
}

/// A counter that arrivals advance and waiters consume in phases.
///
/// A phase takes `arrivals` arrivals, in equal shares from the actors that signal the barrier: with a share of one, an
/// actor's n-th arrival belongs to phase `initialPhases + n`, however far it is ahead of the others. (Each slot of a
/// ring has a barrier object of its own, so a fast consumer that gives back two slots does not stand in for a slow
/// one.) Where the arrivals do not divide into equal shares, they count whoever makes them. The n-th wait of an actor
/// waits for phase n. Memory barriers, named barriers and ring slots are all barriers.
public struct Barrier: Sendable, Hashable {
  /// What the barrier is made of, which says what it costs.
  public enum Mechanism: String, Sendable {
    /// A barrier object in shared memory (mbarrier).
    case memory
    /// A hardware barrier between warps (bar.sync, bar.arrive).
    case named
    /// Completion of the actor's own asynchronous operations (wait_group, scoreboard): no extra cost.
    case completion
  }
  public var name: String
  public var mechanism: Mechanism
  public var arrivals: Int
  public var initialPhases: Int
}

/// Storage with a full and an empty barrier: a producer waits for `empty` and signals `full`, each of `consumers`
/// waits for `full` and signals `empty`.
public struct Ring: Sendable {
  public let buffer: BufferID
  public let full: BarrierID
  public let empty: BarrierID

  public init(buffer: BufferID, full: BarrierID, empty: BarrierID) {
    self.buffer = buffer
    self.full = full
    self.empty = empty
  }
}
