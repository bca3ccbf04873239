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

/// How often a block runs for a work item.
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
