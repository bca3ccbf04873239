public import Programs

/// Why a request has no result.
public enum SimulationError: Error, Sendable, CustomStringConvertible {
  case unknownSchedule(String, known: [String])
  case schedule(ScheduleError)
  /// A program in which every unfinished actor waits for another; our bug, or a broken custom schedule.
  case deadlock(kernel: String, waiting: [String])
  /// More ticks than the timeline can count.
  case tooLong(kernel: String)
  /// A streaming graph whose FIFOs are too shallow for it: an answer, and not a bug.
  case dataflowDeadlock(DataflowDeadlock)

  public var description: String {
    switch self {
    case .unknownSchedule(let name, let known):
      "unknown schedule '\(name)'; there are \(known.joined(separator: ", "))"
    case .schedule(let error): error.description
    case .deadlock(let kernel, let waiting):
      "deadlock in \(kernel): " + waiting.joined(separator: "; ")
    case .tooLong(let kernel):
      "\(kernel) would take longer than the timeline can count: a smaller call, please"
    case .dataflowDeadlock(let deadlock): deadlock.description
    }
  }
}
