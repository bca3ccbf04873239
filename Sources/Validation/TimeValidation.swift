import Attention
package import HWModels
package import InputFiles
import Programs
package import Reports
package import Results
import Simulator

/// Predicted against measured times, row by row.
package struct TimeValidation {
  package private(set) var rows: [ValidationRow] = []
  /// Every prediction, where results are to be kept.
  package private(set) var results: [SimulationResult] = []
  private var skipped = SkipCount()
  private var pairs = PairRankings()
  private let keepsResults: Bool
  var skippedKernels: [SkippedRows] { skipped.rows }
  /// Microseconds of a call below which the benchmark replays a graph, for less time than board sensors average over.
  private static let shortestSensed = 200.0
  /// Seconds over which the driver averages board power (validation/power_sensor_h100.csv: a straight ramp of 0.95 s).
  private static let sensorSeconds = 1.0
  /// Lines that the device's constants were fitted on.
  private var fittedLines: Set<Int> = []

  /// Predicts every row that the map gives a schedule.
  ///
  /// Burst and kernel times start from a cool chip, sustained ones run under the power limit.
  ///
  /// - Parameter lines: the only lines looked at; nil for all.
  package init(
    _ table: MeasuredTable, map: KernelMap, device: Device, metrics: [MeasuredTable.Metric], file: String,
    only lines: Set<Int>? = nil, keepsResults: Bool = false
  ) {
    self.keepsResults = keepsResults
    if FittedRows.wasFitted(device, on: file) { fittedLines = FittedRows.lines(of: table, map: map) }
    var before: MeasuredTable.Row?
    for row in table.rows {
      let isLoaded = before.map { row.follows($0, compiledPerShape: map.compiledPerShape) } ?? false
      before = row
      guard lines?.contains(row.line) != false else { continue }
      switch map.target(of: row) {
      case .notModelled(let reason): skipped.add(row.kernel, pass: row.pass, reason)
      case .scheme: skipped.add(row.kernel, pass: row.pass, "counts of a layer, which nobody times")
      case .schedule(let name, let parameters):
        do {
          try predict(
            row, schedule: name, parameters: parameters, device: device, metrics: metrics, wasLoaded: isLoaded
          )
        } catch {
          let reason = (error as? MeasuredTable.RowError)?.message ?? "\(error)"
          skipped.add(row.kernel, pass: row.pass, "not modelled: \(reason)")
        }
      }
    }
  }

  package func report(title: String) -> ValidationReport {
    ValidationReport(title: title, rows: rows, skipped: skipped.rows, rankings: pairs.rankings)
  }

  private mutating func predict(
    _ row: MeasuredTable.Row, schedule: String, parameters: [String: String], device: Device,
    metrics: [MeasuredTable.Metric], wasLoaded: Bool
  ) throws {
    let shape = try row.shape()
    var results: [String: SimulationResult] = [:]
    for metric in metrics {
      guard let measured = row.microseconds[metric] else { continue }
      if metric == .sustained, row.isBoundByHost(powerLimit: device.power.limit.value) {
        skipped.add(
          row.kernel, pass: row.pass,
          "sustained_us longer than kernel_us far below the power limit: the benchmark's host set the pace")
        continue
      }
      let request = SimulationRequest(
        schedule: schedule, parameters: ScheduleParameters(parameters), shape: shape, device: device,
        mode: metric == .sustained ? .sustained : .burst)
      let result = try results[request.mode.name] ?? Simulation.run(request)
      if keepsResults, results[request.mode.name] == nil { self.results.append(result) }
      results[request.mode.name] = result
      let seconds = metric == .kernel ? result.kernelTime.value : result.time.value
      rows.append(
        ValidationRow(
          gpu: row.gpu, kernel: row.plainKernel, pass: row.pass,
          metric: ValidationMetric(name: metric.rawValue, unit: "µs"),
          label: row.label(shape), measured: measured,
          predicted: seconds * 1e6, isFitted: metric != .burst && fittedLines.contains(row.line)))
      pairs.add(
        shape: shape, metric: metric.rawValue, kernel: row.kernel, measured: measured,
        predicted: seconds * 1e6)
      if metric == .sustained {
        compareBoard(row, result, label: row.label(shape), wasLoaded: wasLoaded)
      }
    }
  }

  /// Clock and board power of a sustained run, where the table has them.
  ///
  /// - Parameter wasLoaded: whether the row before put the board under the same kind of load.
  private mutating func compareBoard(
    _ row: MeasuredTable.Row, _ result: SimulationResult, label: String, wasLoaded: Bool
  ) {
    func add(_ name: String, _ unit: String, _ measured: Double?, _ predicted: Double?) {
      guard let measured, let predicted else { return }
      rows.append(
        ValidationRow(
          gpu: row.gpu, kernel: row.plainKernel, pass: row.pass,
          metric: ValidationMetric(name: name, unit: unit),
          label: label, measured: measured, predicted: predicted, isFitted: fittedLines.contains(row.line)))
    }
    // A counted clock says what the driver's only asks for; and who counted it waited for the sensors.
    if row.effectiveClockMegahertz != nil {
      add("effective_clock_mhz", "MHz", row.effectiveClockMegahertz, result.clock.frequency.value / 1e6)
      if let seconds = row.sustainedSeconds, seconds >= 2 * Self.sensorSeconds {
        add("power_w", "W", row.powerWatts, result.clock.power?.value)
      }
      return
    }
    guard let time = row.microseconds[.sustained], time >= Self.shortestSensed else {
      skipped.add(
        row.kernel, pass: row.pass,
        "clock and watts of calls under 200 us: the run was too short for the sensors")
      return
    }
    // Drivers report the clock that was asked for, and do not know of the limit by activity.
    let clock =
      result.clock.limiter == .activity ? result.request.device.clock.maximum : result.clock.frequency
    add("sm_clock_mhz", "MHz", row.clockMegahertz, clock.value / 1e6)
    guard wasLoaded else {
      skipped.add(
        row.kernel, pass: row.pass,
        "watts of a run of 0.35 s after a pause: the sensor averages over a second")
      return
    }
    // A chip lowers its clock that far at the power limit alone: a lower reading had not settled.
    if let measured = row.clockMegahertz, let watts = row.powerWatts,
      measured * 1e6 < result.request.device.clock.matrixMaximum.value * 0.98,
      watts < 0.9 * result.request.device.power.limit.value
    {
      skipped.add(
        row.kernel, pass: row.pass, "watts far below the limit at a lowered clock: the sensor had not settled"
      )
      return
    }
    add("power_w", "W", row.powerWatts, result.clock.power?.value)
  }
}

extension MeasuredTable.Row {
  /// Whether the board went from `before` to this row without a pause: no other kernel was set up or compiled between.
  func follows(_ before: MeasuredTable.Row, compiledPerShape: [String]) -> Bool {
    !compiledPerShape.contains(plainKernel)
      && (kernel, pass, dataType, headDim, headDimV, mask)
        == (before.kernel, before.pass, before.dataType, before.headDim, before.headDimV, before.mask)
  }
}

/// Rows without a prediction, counted by kernel, pass and reason.
package struct SkipCount {
  package private(set) var rows: [SkippedRows] = []

  mutating func add(_ more: [SkippedRows]) {
    for row in more {
      if let index = rows.firstIndex(where: { $0.kernel == row.kernel && $0.reason == row.reason }) {
        rows[index].count += row.count
      } else {
        rows.append(row)
      }
    }
  }

  /// Kernels that differ in a number only (`triton_splitkv:16`) are one line.
  package mutating func add(_ kernel: String, pass: String, _ reason: String) {
    let name = "\(kernel.prefix { $0 != ":" })"
    let text = "\(pass): \(reason)"
    add([SkippedRows(kernel: name, count: 1, reason: text)])
  }

  package init(
    rows: [SkippedRows] = []
  ) {
    self.rows = rows
  }
}

extension MeasuredTable.Row {
  /// The kernel without the number after ':'.
  var plainKernel: String { "\(kernel.prefix { $0 != ":" })" }

  /// The shape, the number that follows ':' in the kernel's name, and the line.
  func label(_ shape: AttentionShape) -> String {
    let number = kernel.dropFirst(plainKernel.count)
    return "\(RequestText.shape(shape))\(number.isEmpty ? "" : ", \(number)") (line \(line))"
  }

  /// Whether launching set the pace of the back-to-back run: a repeated call with a warm cache cannot take longer than a
  /// single one with a cold cache, unless power holds the clock down.
  func isBoundByHost(powerLimit: Double) -> Bool {
    guard let sustained = microseconds[.sustained], let kernel = microseconds[.kernel], let powerWatts else {
      return false
    }
    return sustained > 1.1 * kernel && powerWatts < 0.8 * powerLimit
  }
}

/// How often the faster of two kernels on one shape is the one that was predicted to be.
struct PairRankings {
  private struct Key: Hashable {
    let shape: AttentionShape
    let metric: String
  }
  private var entries: [Key: [(kernel: String, measured: Double, predicted: Double)]] = [:]
  private var metrics: [String] = []
  /// Measured times that differ by less are a draw.
  private static let draw = 0.05

  mutating func add(
    shape: AttentionShape, metric: String, kernel: String, measured: Double, predicted: Double
  ) {
    if !metrics.contains(metric) { metrics.append(metric) }
    entries[Key(shape: shape, metric: metric), default: []].append((kernel, measured, predicted))
  }

  var rankings: [PairRanking] {
    metrics.compactMap { metric in
      var ranking = PairRanking(metric: metric, pairs: 0, right: 0)
      for (key, rows) in entries where key.metric == metric {
        for i in rows.indices {
          for j in rows.indices where j > i && rows[i].kernel != rows[j].kernel {
            let (a, b) = (rows[i], rows[j])
            guard max(a.measured, b.measured) > (1 + Self.draw) * min(a.measured, b.measured) else {
              continue
            }
            ranking.pairs += 1
            if (a.measured < b.measured) == (a.predicted < b.predicted) { ranking.right += 1 }
          }
        }
      }
      return ranking.pairs > 0 ? ranking : nil
    }
  }
}
