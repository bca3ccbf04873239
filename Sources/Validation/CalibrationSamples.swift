import Attention
package import HWModels
package import InputFiles
import Programs
import Results
import Simulator

/// One measurement that a fit must meet.
package struct CalibrationSamples {
  /// As the table calls it, without the number after ':'.
  package let kernel: String
  package let pass: String
  private let schedule: String
  private let parameters: ScheduleParameters
  private let shape: AttentionShape
  private let mode: ClockMode
  private let quantity: Quantity
  private let measured: Double
  private let weight: Double

  private enum Quantity: String {
    case cycles = "sm_cycles"
    case time = "sustained_us"
    case kernelTime = "kernel_us"
  }
  /// What was measured, as tables call it.
  package var metric: String { quantity.rawValue }

  /// Errors beyond this pull no more: single rows of a noisy table must not move a constant.
  package static let largestError = 0.35
  /// Burst times are two regimes in one number and are left out; a counter row stands for a kernel, not for a shape.
  static let counterWeight = 3.0

  /// What the fit makes small: about log(predicted / measured), bounded, times the weight.
  package func residual(_ device: Device) -> Double {
    guard let ratio = ratio(device) else { return Self.largestError * weight }
    // The logarithm to first orders: (e - 1) / mean(e, 1) is within 1 % of it for errors below a third.
    let logarithm = 2 * (ratio - 1) / (ratio + 1)
    return min(max(logarithm, -Self.largestError), Self.largestError) * weight
  }

  /// Predicted over measured, not bounded; nil where the schedule refuses the case.
  package func ratio(_ device: Device) -> Double? {
    let request = SimulationRequest(
      schedule: schedule, parameters: parameters, shape: shape, device: device, mode: mode)
    return predicted(request).map { $0 / measured }
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
  package static func read(
    _ path: String, map: KernelMap, device: String, skipped: inout SkipCount
  ) throws -> [CalibrationSamples] {
    let source = try SourceText.load(path, limit: SourceText.largestTableBytes)
    let isCounters = CounterTable.matches(source)
    let table = isCounters ? nil : try MeasuredTable(source)
    let gpu = table?.gpu ?? map.countersGPU ?? ""
    guard map.device(of: gpu) == device else {
      throw UnusableInput(
        "error: \(path) was measured on '\(gpu)', which the map does not give to the device '\(device)'")
    }
    guard let table else { return counters(try CounterTable(source), map: map, skipped: &skipped) }
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

  private static func counters(
    _ table: CounterTable, map: KernelMap, skipped: inout SkipCount
  ) -> [CalibrationSamples] {
    var samples: [CalibrationSamples] = []
    for row in table.rows {
      func skip(_ reason: String) { skipped.add(row.kernel, pass: row.pass, reason) }
      guard row.part == "main" else {
        skip("counters of a kernel beside the main one")
        continue
      }
      guard let clock = row.clockHertz else {
        skip("counters without a clock")
        continue
      }
      switch map.target(kernel: row.kernel, gpu: map.countersGPU ?? "", pass: row.pass, launches: nil) {
      case .notModelled(let reason): skip(reason)
      case .scheme: skip("counts of a layer, which nobody times")
      case .schedule(let name, let parameters):
        do {
          samples.append(
            CalibrationSamples(
              kernel: "\(row.kernel.prefix { $0 != ":" })", pass: row.pass, schedule: name,
              parameters: ScheduleParameters(parameters), shape: try row.shape(),
              mode: .locked(Frequency(clock)), quantity: .cycles, measured: row.cycles, weight: counterWeight)
          )
        } catch {
          skip(error.message)
        }
      }
    }
    return samples
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
            kernel: row.plainKernel, pass: row.pass, schedule: name,
            parameters: ScheduleParameters(parameters), shape: shape, mode: mode,
            quantity: quantity,
            measured: measured * 1e-6, weight: 1))
      }
    }
    return samples
  }
}
