import HWModels
import InputFiles
import Schedules
import Simulator

/// One measurement that a fit must meet.
struct CalibrationSamples {
  private let schedule: String
  private let parameters: ScheduleParameters
  private let shape: AttentionShape
  private let mode: ClockMode
  private let quantity: Quantity
  private let measured: Double
  private let weight: Double

  private enum Quantity { case cycles, time, kernelTime }

  /// Errors beyond this count no more: single rows of a noisy table must not pull a constant.
  private static let largestError = 0.35
  /// Burst times are two regimes in one number and are left out; a counter row stands for a kernel, not for a shape.
  private static let counterWeight = 3.0

  /// log(predicted / measured), bounded, times the weight.
  func residual(_ device: Device) -> Double {
    let request = SimulationRequest(
      schedule: schedule, parameters: parameters, shape: shape, device: device, mode: mode)
    guard let predicted = predicted(request) else { return Self.largestError }
    let error = predicted / measured
    // The logarithm to first orders: (e - 1) / mean(e, 1) is within 1 % of it for errors below a third.
    let logarithm = 2 * (error - 1) / (error + 1)
    return min(max(logarithm, -Self.largestError), Self.largestError) * weight
  }

  private func predicted(_ request: SimulationRequest) -> Double? {
    switch quantity {
    case .cycles:
      // Counters were read kernel by kernel.
      guard case .locked(let clock) = mode else { return nil }
      return (try? Simulation.profile(request, at: clock))?.first { $0.role == .main }?.cycles
    case .time: return (try? Simulation.run(request))?.time.value
    case .kernelTime: return (try? Simulation.run(request))?.kernelTime.value
    }
  }

  /// Samples of a table: counters of main kernels, or every second shape of a table of times.
  ///
  /// - Parameters:
  ///   - device: the chip that is fitted; tables of other GPUs are refused.
  ///   - skipped: gets the rows that give no sample, with the reason.
  static func read(
    _ path: String, map: KernelMap, device: String, skipped: inout SkipCount
  ) throws -> [CalibrationSamples] {
    let source = try SourceText.load(path, limit: SourceText.largestTableBytes)
    let isCounters = CounterTable.matches(source)
    let table = isCounters ? nil : try MeasuredTable(source)
    let gpu = table?.gpu ?? map.countersGPU ?? ""
    guard map.device(of: gpu) == device else {
      throw Failure(
        .badInput,
        "error: \(path) was measured on '\(gpu)', which the map does not give to the device '\(device)'")
    }
    guard let table else { return counters(try CounterTable(source), map: map) }
    for row in table.rows {
      switch map.target(of: row) {
      case .notModelled(let reason): skipped.add(row.kernel, pass: row.pass, reason)
      case .scheme: skipped.add(row.kernel, pass: row.pass, "counts of a layer, which nobody times")
      case .schedule:
        do { _ = try row.shape() } catch { skipped.add(row.kernel, pass: row.pass, error.message) }
      }
    }
    return times(table, map: map, lines: FittedRows.lines(of: table, map: map))
  }

  private static func counters(_ table: CounterTable, map: KernelMap) -> [CalibrationSamples] {
    table.rows.compactMap { row in
      guard row.part == "main", let clock = row.clockHertz, let shape = try? row.shape(),
        case .schedule(let name, let parameters) = map.target(
          kernel: row.kernel, gpu: map.countersGPU ?? "", pass: row.pass, launches: nil)
      else { return nil }
      return CalibrationSamples(
        schedule: name, parameters: ScheduleParameters(parameters), shape: shape,
        mode: .locked(Frequency(clock)),
        quantity: .cycles, measured: row.cycles, weight: counterWeight)
    }
  }

  /// Sustained and kernel times of some lines of a table.
  static func times(_ table: MeasuredTable, map: KernelMap, lines: Set<Int>) -> [CalibrationSamples] {
    var samples: [CalibrationSamples] = []
    for row in table.rows where lines.contains(row.line) {
      guard let shape = try? row.shape(),
        case .schedule(let name, let parameters) = map.target(
          kernel: row.kernel, gpu: row.gpu, pass: row.pass, launches: row.kernels)
      else { continue }
      for (metric, mode, quantity) in [
        (MeasuredTable.Metric.sustained, ClockMode.sustained, Quantity.time), (.kernel, .burst, .kernelTime),
      ] {
        guard let measured = row.microseconds[metric] else { continue }
        samples.append(
          CalibrationSamples(
            schedule: name, parameters: ScheduleParameters(parameters), shape: shape, mode: mode,
            quantity: quantity,
            measured: measured * 1e-6, weight: 1))
      }
    }
    return samples
  }
}

/// What a calibration prints.
enum CalibrationText {
  static func text(_ outcome: Calibration.Outcome, device: String, rows: Int) -> String {
    var table = ColumnText()
    table.add("constant", "before", "after", "standard error", "")
    for constant in outcome.constants {
      table.add(
        constant.path, amount(constant.before, constant.path), amount(constant.after, constant.path),
        percent(constant.relativeError), constant.isIdentified ? "" : "not identified by this data")
    }
    var lines = [
      "\(device): \(outcome.constants.count) constants, \(rows) measurements, \(outcome.iterations) iterations",
      "root mean square error \(percent(outcome.before)) before, \(percent(outcome.after)) after", "",
    ]
    lines += table.lines
    lines += ["", "Correlations above one half"]
    var found = false
    for a in outcome.constants.indices {
      for b in outcome.constants.indices where a < b && abs(outcome.correlations[a][b]) > 0.5 {
        found = true
        lines.append(
          "  \(outcome.constants[a].path), \(outcome.constants[b].path): \(percent(outcome.correlations[a][b]))"
        )
      }
    }
    if !found { lines.append("  none") }
    return lines.joined(separator: "\n")
  }

  /// Three digits in the largest unit that leaves at least 0.1 before it.
  static func amount(_ value: Double, _ path: String) -> String {
    guard let unit = DeviceField.at(path)?.unit else { return "\(value)" }
    let fitting = unit.spellings.filter { value / $0.scale >= 0.1 }.max { $0.scale < $1.scale }
    guard let spelling = fitting ?? unit.spellings.min(by: { $0.scale < $1.scale }) else { return "\(value)" }
    return "\((value / spelling.scale * 1000).rounded() / 1000) \(spelling.suffix)"
  }

  private static func percent(_ share: Double) -> String {
    share.isFinite ? "\((share * 1000).rounded() / 10) %" : "unbounded"
  }
}
