public import Attention
public import HWModels

/// What a schedule makes of a shape on a device.
///
/// A program holds work, order and dependencies, and no time. The simulator reads it to time it, the interpreter
/// reads the same value to compute with numbers.
public struct Program: Sendable {
  /// Name of the schedule that built it.
  public var schedule: String
  public var shape: AttentionShape
  public var body: Body
  /// Useful flops of matrix products beside attention that are part of the call: linear layers, once through.
  public var linearFlops = 0.0
  /// What the model leaves out for this shape; stored with every result.
  public var warnings: [ModelLimit]

  /// What runs, by the kind of machine.
  public enum Body: Sendable {
    /// Kernels on cores, in the order in which they are launched.
    case launches([Launch])
    /// Graphs of nodes and FIFOs on a machine that streams.
    case graphs(DataflowPlacement)
    /// Einsums bound to the arrays of a spatial machine.
    case einsums(SpatialProgram)
  }

  public init(schedule: String, shape: AttentionShape, body: Body, warnings: [ModelLimit] = []) {
    self.schedule = schedule
    self.shape = shape
    self.body = body
    self.warnings = warnings
  }

  /// Kernels one after another on one device.
  public init(schedule: String, shape: AttentionShape, kernels: [Kernel], warnings: [ModelLimit] = []) {
    self.init(
      schedule: schedule, shape: shape, body: .launches(kernels.map { Launch($0) }), warnings: warnings)
  }
}

/// A kernel as part of a call: what runs, where, and after what.
public struct Launch: Sendable {
  public var kernel: Kernel
  /// Number of the device that runs it.
  public var device = 0
  public var start: Start

  /// When it starts, in terms of the launch before it on its device.
  public enum Start: String, Sendable, Hashable {
    /// When that one has ended.
    case afterEnd
    /// While that one still runs, to wait inside for its results (programmatic dependent launch): its own launch and
    /// ramp are hidden.
    case besideEnd
    /// As its last part, and no launch of its own: work items that wait for others and go on.
    case inside
  }

  public init(_ kernel: Kernel, start: Start = .afterEnd) {
    self.kernel = kernel
    self.start = start
  }
}

extension Program {
  /// Flops that the question asks for: attention under its mask, and linear layers where they are part of the call.
  public var usefulFlops: Double { shape.usefulFlops + linearFlops }

  /// The launches of a machine with cores; none elsewhere.
  public var launches: [Launch] {
    get { if case .launches(let launches) = body { launches } else { [] } }
    set { body = .launches(newValue) }
  }

  /// The kernels of the launches.
  public var kernels: [Kernel] { launches.map(\.kernel) }

  /// Launches that take time of their own.
  public var separateLaunches: Int { launches.count { $0.start == .afterEnd } }

  /// Graphs and where they lie, on a machine that streams.
  public var placement: DataflowPlacement? {
    if case .graphs(let placement) = body { placement } else { nil }
  }

  /// Einsums and their arrays, on a spatial machine.
  public var spatial: SpatialProgram? { if case .einsums(let spatial) = body { spatial } else { nil } }
}

/// A limit of the model that the reader of a result should know.
public struct ModelLimit: Sendable, Hashable, CustomStringConvertible {
  public var code: String
  public var message: String
  public init(code: String, message: String) {
    self.code = code
    self.message = message
  }
  public var description: String { "\(code): \(message)" }
}

/// What a work item does, which work items there are, and who takes them when.
public struct Kernel: Sendable {
  public var name: String
  public var buffers: [Buffer]
  public var barriers: [Barrier]
  /// Which barriers hand the slots of which buffer from producer to consumers and back.
  public var rings: [Ring]
  public var actors: [Actor]
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

public struct BufferID: Sendable, Hashable {
  public var index: Int
  package init(index: Int) { self.index = index }
}

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

/// Warps that run one in-order list of operations.
public struct Actor: Sendable {
  public var name: String
  public var warps: Int
  /// What it does for one work item.
  public var blocks: [Block]
}

/// Operations repeated a number of times.
public struct Block: Sendable {
  public var trips: TripCount
  /// How far one trip moves the actor's step counter, to which ring slots and coordinates refer.
  public var stepsPerTrip: Int
  public var operations: [Operation]

  public init(trips: TripCount, stepsPerTrip: Int, operations: [Operation]) {
    self.trips = trips
    self.stepsPerTrip = stepsPerTrip
    self.operations = operations
  }
}

public enum TripCount: Sendable, Hashable {
  case fixed(Int)
  /// max(0, variable + offset) of the work item.
  case variable(Int, offset: Int)

  public func count(_ values: [Int]) -> Int {
    switch self {
    case .fixed(let n): n
    case .variable(let index, let offset): max(0, values[index] + offset)
    }
  }
}

/// One thing an actor does.
public struct Operation: Sendable {
  public var name: String
  public var unit: Unit
  public var work: Work
  /// Dependent steps inside it that nothing overlaps: what one lane waits for, beyond throughput.
  public var chain: Chain
  /// Waited for before it starts.
  public var waits: [BarrierID]
  /// Arrived at when it completes.
  public var signals: [BarrierID]
  /// What it computes.
  public var action: Action
  /// Whether the compiler interleaves its instructions with those of its neighbours in the actor's stream, as around
  /// blocking matrix instructions: their pipes overlap, and what a warp spends on it are its issue slots.
  public var isInterleaved = false

  /// Who does it, and whether the actor goes on meanwhile.
  public enum Unit: String, Sendable {
    /// Vector code of the actor's own warps; blocks.
    case vector
    /// Matrix instructions that block their warps.
    case tensorSync
    /// Matrix instructions that run beside their warps; signals on completion.
    case tensorAsync
    /// The same with one operand from the issuer's registers: issue waits until the matrix unit is near.
    case tensorAsyncRegisters
    /// Tile copy by the copy engine; signals when the bytes have landed.
    case copyAsync
    /// Copy by the warps themselves that completes later (cp.async).
    case loadAsync
    /// Load or store that the warps wait for.
    case loadStore
    /// Only waits and signals.
    case sync
  }

  /// The operation, interleaved with its neighbours.
  public var interleaved: Operation {
    var copy = self
    copy.isInterleaved = true
    return copy
  }

  public init(
    _ name: String, _ unit: Unit, work: Work = Work(), chain: Chain = Chain(), waits: [BarrierID] = [],
    signals: [BarrierID] = [], action: Action = .none
  ) {
    self.name = name
    self.unit = unit
    self.work = work
    self.chain = chain
    self.waits = waits
    self.signals = signals
    self.action = action
  }
}

/// Counts of dependent operations in a row; the device knows each one's latency.
public struct Chain: Sendable, Hashable {
  public var alu: Int
  public var exp: Int
  public var shuffle: Int
  public var shared: Int
  public var global: Int
  /// Matrix instructions that accumulate into the same registers, one after the other.
  public var matrix: Int
  public init(alu: Int = 0, exp: Int = 0, shuffle: Int = 0, shared: Int = 0, global: Int = 0, matrix: Int = 0)
  {
    self.alu = alu
    self.exp = exp
    self.shuffle = shuffle
    self.shared = shared
    self.global = global
    self.matrix = matrix
  }
}
