/// Why a schedule cannot make a program.
public enum ScheduleError: Error, Sendable, CustomStringConvertible {
  case parameter(name: String, message: String)
  /// The device lacks a part, or has another kind of it.
  case missingResource(schedule: String, part: String, device: String, detail: String = "")
  /// The kernel does not take this shape.
  case unsupported(schedule: String, field: String, message: String)
  /// The program needs more than a core has; `budget` lists each need and its limit.
  case doesNotFit(schedule: String, budget: Budget)

  public var description: String {
    switch self {
    case .parameter(let name, let message): "parameter '\(name)': \(message)"
    case .missingResource(let schedule, let part, let device, let detail):
      "\(schedule) needs '\(part)', which \(device) does not have" + (detail.isEmpty ? "" : "; \(detail)")
    case .unsupported(let schedule, _, let message): "\(schedule) \(message)"
    case .doesNotFit(let schedule, let budget): "\(schedule) does not fit:\n\(budget)"
    }
  }
}
