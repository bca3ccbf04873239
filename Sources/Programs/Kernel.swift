public import HWModels

/// What a work item does, which work items there are, and who takes them when.
public struct Kernel: Sendable {
  public var name: String
  public var buffers: [Buffer]
  public var barriers: [Barrier]
  /// Which barriers hand the slots of which buffer from producer to consumers and back.
  public var rings: [Ring]
  public var actors: [Actor]
  /// The actor whose loops mark where an item's prologue ends and its epilogue begins, and whose trips periods are counted in:
  /// the one added last, since consumers come after the producers that they wait for.
  public var pacingActor: Int { actors.count - 1 }
  /// Names of the per-item numbers that trip counts refer to, by index.
  public var stepNames: @Sendable () -> [String]
  public var items: ItemSpace
  public var policy: TilePolicy
  public var footprint: Footprint
  /// Whether its matrix work blocks its warps and takes operands from registers; set by `KernelBuilder`.
  public var usesSynchronousProducts: Bool
  /// What it does for the call.
  public var role = Role.main
  /// What its work items read in common, where that is not the keys and values of the call.
  public var sharedStream: SharedStream?
  /// Part of a call that a kernel is.
  public enum Role: String, Sendable, Hashable {
    case main
    /// Copies an input into the order in which the others read it.
    case rearrange
    /// Prepares what the main kernel reads.
    case preprocess
    /// Turns what the main kernel wrote into the result.
    case postprocess
  }

  /// Tiles that all work items of a sequence stream past themselves.
  public struct SharedStream: Sendable, Hashable {
    /// Sequences with tiles of their own.
    public var sequences: Int
    /// Bytes of one sequence that its items read.
    public var bytesRead: Double
    /// Bytes of one sequence to which its items add in the shared cache.
    public var bytesAccumulated: Double
    /// Bytes of the whole call to which only items of one tile add (dK and dV of grouped heads).
    public var bytesAccumulatedByTile: Double
    /// Of `bytesRead`, those that `commonTo` sequences have in common (a shared prefix).
    public var bytesCommon = 0.0
    public var commonTo = 1
    public init(
      sequences: Int, bytesRead: Double, bytesAccumulated: Double, bytesAccumulatedByTile: Double = 0
    ) {
      self.sequences = sequences
      self.bytesRead = bytesRead
      self.bytesAccumulated = bytesAccumulated
      self.bytesAccumulatedByTile = bytesAccumulatedByTile
    }
  }
  /// Whether the tensors that it reads hold zeros (memory that nobody wrote), which costs less energy.
  public var operandsAreZero = false
}

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
  /// The buffer in whose storage this one lies: writing a slot of either destroys the other's.
  public var overlays: BufferID?
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
    case cluster
  }
  public var name: String
  public var mechanism: Mechanism
  public var arrivals: Int
  public var initialPhases: Int
}
