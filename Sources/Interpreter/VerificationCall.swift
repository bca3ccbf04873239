public import Attention
public import Programs

/// One attention call of a verification, by a schedule with its parameters.
public struct VerificationCall: Sendable {
  public var schedule: any Schedule
  public var shape: AttentionShape
  /// Parameters that were drawn for this call, beside those that were asked for.
  public var drawn: ScheduleParameters
  /// Decides what the inputs look like: calls of the same shape and number have the same.
  public var number: Int

  public init(
    schedule: any Schedule, shape: AttentionShape, number: Int,
    drawn: ScheduleParameters = ScheduleParameters()
  ) {
    self.schedule = schedule
    self.shape = shape
    self.number = number
    self.drawn = drawn
  }
}

extension ScheduleParameters {
  /// `kernel=triton page-size=16`.
  package var summary: String {
    values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}
