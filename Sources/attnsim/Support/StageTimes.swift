import Reports
import Results
import Simulator

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Wall time of the stages of a command, for `--stats`.
struct StageTimes {
  private var stages: [(name: String, seconds: Double)] = []
  private var last = ContinuousClock.now

  /// Ends the stage that began with the last call.
  mutating func end(_ name: String) {
    let now = ContinuousClock.now
    let (seconds, attoseconds) = (now - last).components
    stages.append((name, Double(seconds) + Double(attoseconds) * 1e-18))
    last = now
  }

  func description(of result: SimulationResult) -> String {
    let events = result.statistics.events
    let seconds = stages.first { $0.name == "simulate" }?.seconds ?? 0
    var lines = [
      "events           \(NumberText.grouped(Double(events)))",
      "events jumped    \(NumberText.grouped(Double(result.statistics.jumpedEvents)))",
    ]
    if seconds > 0 {
      let all = Double(events) + Double(result.statistics.jumpedEvents)
      lines.append("events/s         \(NumberText.significant(all / seconds)), jumped ones among them")
      lines.append("played/s         \(NumberText.significant(Double(events) / seconds))")
    }
    lines.append("peak memory      \(StageTimes.peakMemoryMebibytes) MiB")
    for stage in stages {
      let name = "time to \(stage.name)"
      lines.append(
        name + String(repeating: " ", count: max(17 - name.count, 1)) + NumberText.time(stage.seconds))
    }
    return lines.joined(separator: "\n")
  }

  /// Largest resident size so far.
  private static var peakMemoryMebibytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss / 1024
  }
}
