import HWModels
import InputFiles
import Reports
import Schedules
import Simulator

/// Predicted against published numbers: throughput and time.
///
/// Published figures come from benchmarks that repeat a call, so they are held against sustained runs.
struct PublishedValidation {
  private(set) var rows: [ValidationRow] = []
  private(set) var results: [SimulationResult] = []
  private var skipped = SkipCount()

  /// - Parameter device: the device of a GPU's name, or nil where the map has none.
  init(_ table: PublishedTable, map: KernelMap, device: (String) throws -> Device?) rethrows {
    var devices: [String: Device?] = [:]
    for row in table.rows {
      guard let unit = Self.unit(row.metric) else {
        skipped.add(row.kernel, pass: row.pass, "the metric '\(row.metric)' is not compared")
        continue
      }
      if devices[row.hardware] == nil { devices[row.hardware] = .some(try device(row.hardware)) }
      guard case .some(.some(let chip)) = devices[row.hardware] else {
        skipped.add(row.kernel, pass: row.pass, "no device file stands for \(row.hardware)")
        continue
      }
      switch map.publishedTarget(kernel: row.kernel, gpu: row.hardware, pass: row.pass) {
      case .notModelled(let reason): skipped.add(row.kernel, pass: row.pass, reason)
      case .schedule(let name, let parameters):
        do {
          try predict(row, name, parameters, chip, unit: unit)
        } catch {
          let reason = (error as? MeasuredTable.RowError)?.message ?? "\(error)"
          skipped.add(row.kernel, pass: row.pass, "not modelled: \(reason)")
        }
      }
    }
  }

  private static func unit(_ metric: String) -> String? {
    ["tflops": "TFLOP/s", "time_us": "µs"][metric]
  }

  private mutating func predict(
    _ row: PublishedTable.Row, _ schedule: String, _ parameters: [String: String], _ device: Device,
    unit: String
  ) throws {
    let result = try Simulation.run(
      SimulationRequest(
        schedule: schedule, parameters: ScheduleParameters(parameters), shape: try row.shape(),
        device: device, mode: .sustained))
    results.append(result)
    var label = "\(RequestText.shape(result.request.shape)) (line \(row.line))"
    if let range = result.dataflow?.pipeline?.clockRange {
      label +=
        "; the clock is not published: \(NumberText.time(range.fastest)) to \(NumberText.time(range.slowest)) at clocks such designs have"
    }
    rows.append(
      ValidationRow(
        gpu: row.hardware, kernel: row.kernel, pass: row.pass,
        metric: ValidationMetric(name: row.metric, unit: unit),
        label: label, measured: row.value,
        predicted: row.metric == "tflops"
          ? result.usefulFlopsPerSecond / 1e12 : result.time.value * 1e6))
  }

  func report(title: String) -> ValidationReport {
    ValidationReport(title: title, rows: rows, skipped: skipped.rows)
  }
}
