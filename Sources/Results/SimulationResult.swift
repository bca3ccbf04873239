public import Attention
public import HWModels
public import Programs

/// How the clock is found.
public enum ClockMode: Sendable, Hashable {
  /// The power limit applies: back-to-back kernels for a second or more.
  case sustained
  /// Starts cool; the short-run limit applies, and the sustained one after the burst duration.
  case burst
  /// The user gives the clock.
  case locked(Frequency)

  public var name: String {
    switch self {
    case .sustained: "sustained"
    case .burst: "burst"
    case .locked: "locked"
    }
  }
}

/// What to simulate: everything that makes a result, and all that is needed to make it again.
public struct SimulationRequest: Sendable {
  public var schedule: String
  /// The schedules among which the name is looked up; nil for those of the tool.
  public var registry: ScheduleRegistry?
  public var parameters: ScheduleParameters
  public var shape: AttentionShape
  public var device: Device
  public var mode: ClockMode
  /// `--set` changes already applied to `device`, by path, as the user wrote them; kept for the record.
  public var overrides: [(path: String, value: String)]

  public init(
    schedule: String, parameters: ScheduleParameters = .init(), shape: AttentionShape, device: Device,
    mode: ClockMode = .sustained, overrides: [(path: String, value: String)] = [],
    registry: ScheduleRegistry? = nil
  ) {
    self.schedule = schedule
    self.registry = registry
    self.parameters = parameters
    self.shape = shape
    self.device = device
    self.mode = mode
    self.overrides = overrides
  }
}

/// A prediction. Reports read it and recompute nothing.
public struct SimulationResult: Sendable {
  public var request: SimulationRequest
  /// What a caller waits for in back-to-back launches: kernels plus launch gaps.
  public var time: Duration
  /// Device time of the kernels alone, as a profiler sees it.
  public var kernelTime: Duration
  /// Core cycles from the start of the kernels to their end, as a profiler counts them.
  public var cycles: Cycles
  public var clock: ClockResult
  /// Named parts that add up to `time`.
  public var phases: [Phase]
  public var kernels: [KernelResult]
  /// Use of every resource over the kernels' cycles, all cores together.
  public var resources: [ResourceUse]
  public var traffic: [Traffic]
  public var work: Work
  public var usefulFlops: Double
  public var executedFlops: Double
  public var bounds: [Bound]
  public var warnings: [ModelLimit]
  public var statistics: Statistics
  /// Nodes and FIFOs, where the machine streams.
  public var dataflow: DataflowResult?
  /// Einsums, energies and mapping, where the machine is a spatial array.
  public var spatial: SpatialResult?

  /// Useful flops over time.
  public var usefulFlopsPerSecond: Double { usefulFlops / time.value }
  /// The bound that lies closest to the prediction.
  public var tightestBound: Bound? { bounds.max { $0.time < $1.time } }

  /// The clock of the run, what held it down, and the power drawn.
  public struct ClockResult: Sendable {
    public var mode: ClockMode
    public var frequency: Frequency
    public var limiter: Limiter
    /// Mean board power over the call; nil where no power is known of the machine.
    public var power: Power?
    /// Energy of one call; nil where none is known.
    public var energy: Energy?
    /// What holds the clock where it is.
    public enum Limiter: String, Sendable, Codable { case maximum, power, activity, minimum, locked }

    package init(
      mode: ClockMode, frequency: Frequency, limiter: Limiter, power: Power? = nil, energy: Energy? = nil
    ) {
      self.mode = mode
      self.frequency = frequency
      self.limiter = limiter
      self.power = power
      self.energy = energy
    }
  }

  /// A named part of the time.
  public struct Phase: Sendable {
    /// `launch`, `ramp`, `prologue`, `main`, `epilogue`, `tail`, or the name of an auxiliary kernel.
    public var name: String
    public var time: Duration
    public var cycles: Cycles

    package init(
      name: String, time: Duration, cycles: Cycles
    ) {
      self.name = name
      self.time = time
      self.cycles = cycles
    }
  }

  /// One kernel of the call: its cycles, and how its work items lie on the cores.
  public struct KernelResult: Sendable {
    public var name: String
    public var cycles: Cycles
    public var workItems: Int
    public var residentItems: Int
    public var coresUsed: Int
    /// Work items over slots: how many rounds the busiest slot plays.
    public var waves: Double
    public var classes: [ClassResult]
    /// Mean share of the cores' cycles between first launch and last end that hold a work item.
    public var occupancy: Double

    package init(
      name: String, cycles: Cycles, workItems: Int, residentItems: Int, coresUsed: Int, waves: Double,
      classes: [ClassResult], occupancy: Double
    ) {
      self.name = name
      self.cycles = cycles
      self.workItems = workItems
      self.residentItems = residentItems
      self.coresUsed = coresUsed
      self.waves = waves
      self.classes = classes
      self.occupancy = occupancy
    }
  }

  /// One class of work items, as timed at the core level.
  public struct ClassResult: Sendable {
    public var count: Int
    public var trips: Int
    public var cycles: Cycles
    /// Cycles from start to first loop trip, of one trip in the periodic regime, and after the last trip.
    public var period: PeriodResult?

    package init(
      count: Int, trips: Int, cycles: Cycles, period: PeriodResult? = nil
    ) {
      self.count = count
      self.trips = trips
      self.cycles = cycles
      self.period = period
    }
  }

  /// Trips after which the state of a loop repeats, and how many such periods were jumped.
  public struct PeriodResult: Sendable, Hashable {
    /// Trips of one period, and its length.
    public var trips: Int
    public var ticks: Int
    /// Trips that were jumped over.
    public var jumpedTrips: Int

    package init(
      trips: Int, ticks: Int, jumpedTrips: Int
    ) {
      self.trips = trips
      self.ticks = ticks
      self.jumpedTrips = jumpedTrips
    }
  }

  /// Cycles that a unit is busy, all cores together, and their share of the run.
  public struct ResourceUse: Sendable {
    public var resource: Resource
    /// Busy cycles summed over cores.
    public var busyCycles: Double
    /// Busy share of all cores' cycles.
    public var utilisation: Double

    package init(
      resource: Resource, busyCycles: Double, utilisation: Double
    ) {
      self.resource = resource
      self.busyCycles = busyCycles
      self.utilisation = utilisation
    }
  }

  /// Bytes that pass a level of memory.
  public struct Traffic: Sendable {
    /// `dram`, `l2`, `shared`, `tensor_memory`.
    public var level: String
    public var readBytes: Double
    public var writeBytes: Double

    package init(
      level: String, readBytes: Double, writeBytes: Double
    ) {
      self.level = level
      self.readBytes = readBytes
      self.writeBytes = writeBytes
    }
  }

  /// A ceiling: no schedule of this work on this device can be faster than `time`.
  public struct Bound: Sendable {
    public var resource: Resource
    public var time: Duration
    /// Work per second that the resource can do at this clock, in `unit`.
    public var ceiling: Double
    /// `flop/s`, `B/s` or `op/s`.
    public var unit: String
    /// Amount of that work.
    public var amount: Double

    package init(
      resource: Resource, time: Duration, ceiling: Double, unit: String, amount: Double
    ) {
      self.resource = resource
      self.time = time
      self.ceiling = ceiling
      self.unit = unit
      self.amount = amount
    }
  }

  /// What the simulation itself did.
  public struct Statistics: Sendable {
    /// Operations simulated one by one.
    public var events: Int
    /// Operations that the period jump stood in for.
    public var jumpedEvents: Int

    package init(
      events: Int, jumpedEvents: Int
    ) {
      self.events = events
      self.jumpedEvents = jumpedEvents
    }
  }

  package init(
    request: SimulationRequest, time: Duration, kernelTime: Duration, cycles: Cycles, clock: ClockResult,
    phases: [Phase], kernels: [KernelResult], resources: [ResourceUse], traffic: [Traffic], work: Work,
    usefulFlops: Double, executedFlops: Double, bounds: [Bound], warnings: [ModelLimit],
    statistics: Statistics, dataflow: DataflowResult? = nil, spatial: SpatialResult? = nil
  ) {
    self.request = request
    self.time = time
    self.kernelTime = kernelTime
    self.cycles = cycles
    self.clock = clock
    self.phases = phases
    self.kernels = kernels
    self.resources = resources
    self.traffic = traffic
    self.work = work
    self.usefulFlops = usefulFlops
    self.executedFlops = executedFlops
    self.bounds = bounds
    self.warnings = warnings
    self.statistics = statistics
    self.dataflow = dataflow
    self.spatial = spatial
  }
}
