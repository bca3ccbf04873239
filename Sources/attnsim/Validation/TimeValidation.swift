import HWModels
import InputFiles
import Schedules
import Simulator

/// Predicted against measured times, row by row.
struct TimeValidation {
  /// One row of the table and one of its times.
  struct Point {
    var row: MeasuredTable.Row
    var metric: MeasuredTable.Metric
    var shape: AttentionShape
    var predictedMicroseconds: Double
    var measuredMicroseconds: Double
    var clockMegahertz: Double
    var error: Double { predictedMicroseconds / measuredMicroseconds - 1 }
  }

  /// Rows of one kernel and pass, by one metric.
  struct Group {
    var gpu: String
    var kernel: String
    var pass: String
    var metric: MeasuredTable.Metric
    var points: [Point]
    var summary: ErrorSummary {
      ErrorSummary(points.map { ($0.predictedMicroseconds, $0.measuredMicroseconds) })
    }
  }

  /// Rows without a prediction, and why.
  struct Skip: Hashable {
    var kernel: String
    var pass: String
    var reason: String
  }

  private(set) var groups: [Group] = []
  private(set) var skipped: [(skip: Skip, count: Int)] = []

  /// Predicts every row that the map gives a schedule.
  ///
  /// Burst and kernel times start from a cool chip, sustained ones run under the power limit.
  init(_ table: MeasuredTable, map: KernelMap, device: Device, metrics: [MeasuredTable.Metric]) {
    for row in table.rows {
      switch map.target(kernel: row.kernel, gpu: row.gpu, pass: row.pass, launches: row.kernels) {
      case .notModelled(let reason): skip(row, reason)
      case .schedule(let name, let parameters):
        predict(row, schedule: name, parameters: parameters, device: device, metrics: metrics)
      }
    }
  }

  private mutating func predict(
    _ row: MeasuredTable.Row, schedule: String, parameters: [String: String], device: Device,
    metrics: [MeasuredTable.Metric]
  ) {
    let shape: AttentionShape
    do { shape = try row.shape() } catch { return skip(row, "not modelled: \(error.message)") }
    var results: [String: SimulationResult] = [:]
    for metric in metrics {
      guard let measured = row.microseconds[metric] else { continue }
      let mode: ClockMode = metric == .sustained ? .sustained : .burst
      do {
        let result =
          try results[mode.name]
          ?? Simulation.run(
            SimulationRequest(
              schedule: schedule, parameters: ScheduleParameters(parameters), shape: shape, device: device,
              mode: mode))
        results[mode.name] = result
        let seconds = metric == .kernel ? result.kernelTime.value : result.time.value
        add(
          Point(
            row: row, metric: metric, shape: shape, predictedMicroseconds: seconds * 1e6,
            measuredMicroseconds: measured, clockMegahertz: result.clock.frequency.value / 1e6))
      } catch {
        return skip(row, "not modelled: \(error)")
      }
    }
  }

  private mutating func add(_ point: Point) {
    let row = point.row
    let index = groups.firstIndex {
      $0.kernel == row.kernel && $0.pass == row.pass && $0.metric == point.metric && $0.gpu == row.gpu
    }
    if let index {
      groups[index].points.append(point)
    } else {
      groups.append(
        Group(gpu: row.gpu, kernel: row.kernel, pass: row.pass, metric: point.metric, points: [point]))
    }
  }

  private mutating func skip(_ row: MeasuredTable.Row, _ reason: String) {
    // Kernels that differ in a number only (`triton_splitkv:16`) are one line.
    let kernel = String(row.kernel.prefix { $0 != ":" })
    let skip = Skip(kernel: kernel, pass: row.pass, reason: reason)
    if let index = skipped.firstIndex(where: { $0.skip == skip }) {
      skipped[index].count += 1
    } else {
      skipped.append((skip, 1))
    }
  }
}
