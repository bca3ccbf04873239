public import Attention

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
