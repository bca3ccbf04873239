/// Relative change of the time for a relative change of one number of the device, or of one number that the schedule leaves to
/// the user.
public struct Elasticity: Sendable, Hashable {
  /// Path in the device file; for a number of the schedule what it is called in reports, see `parameter`.
  public var path: String
  /// d log time / d log parameter: -0.4 says that 1 % more gives 0.4 % less time.
  public var value: Double
  /// How far single changes of up to a tenth lie from that, root mean square, as a share of the time: a change can make
  /// groups of warps fall into another rhythm, and the time then jumps.
  public var scatter = 0.0
  /// Set for whole numbers, of which there is no such thing as one per cent more; `value` is then the slope through half, as it
  /// is, and twice.
  public var steps: Steps?
  /// Set where the number is the schedule's and not the device's: a FIFO's depth, a kernel's parallelism.
  public var parameter: Parameter?

  /// What half and twice of a whole number do.
  public struct Steps: Sendable, Hashable {
    public var half: Step
    public var twice: Step
    public init(half: Step, twice: Step) {
      self.half = half
      self.twice = twice
    }
  }

  /// What a number halved or doubled does to the time.
  public enum Step: Sendable, Hashable {
    /// Time over the time as it is.
    case time(Double)
    /// The program does not fit, gets stuck or cannot be.
    case impossible
    /// There is no such number.
    case none

    /// Time over the time as it is, where there is one.
    public var ratio: Double? { if case .time(let ratio) = self { ratio } else { nil } }
  }

  /// A number of the schedule: what it is, and the values of the parameter `name` that set it and others.
  public struct Parameter: Sendable, Hashable {
    public var summary: String
    public var name: String
    public var now: String
    public var half: String
    public var twice: String
    public init(summary: String, name: String, now: String, half: String, twice: String) {
      self.summary = summary
      self.name = name
      self.now = now
      self.half = half
      self.twice = twice
    }
  }

  public init(
    path: String, value: Double, scatter: Double = 0, steps: Steps? = nil, parameter: Parameter? = nil
  ) {
    self.path = path
    self.value = value
    self.scatter = scatter
    self.steps = steps
    self.parameter = parameter
  }
}
