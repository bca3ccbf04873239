import Attention
package import HWModels
package import InputFiles
import Programs
package import Reports
package import Results
import Simulator

/// Predicted against published numbers.
///
/// Published figures come from benchmarks that repeat a call, so they are held against sustained runs. A row may state
/// numbers of the machine: the map says which columns those are.
package struct PublishedValidation {
  private(set) var rows: [ValidationRow] = []
  /// One prediction for each case, however many numbers are published of it.
  package private(set) var results: [SimulationResult] = []
  private var skipped = SkipCount()
  private var known: [String: Outcome] = [:]

  private enum Outcome {
    case result(SimulationResult)
    case deadlock
  }

  /// - Parameter device: the device of a GPU's name, or nil where the map has none.
  package init(_ table: PublishedTable, map: KernelMap, device: (String) throws -> Device?) rethrows {
    var devices: [String: Device?] = [:]
    for row in table.rows {
      if case .scheme(let scheme, let model) = map.target(of: row) {
        compare(row, scheme, model)
        continue
      }
      guard let metric = PublishedMetric(row.metric) else {
        skipped.add(row.kernel, pass: row.pass, PublishedMetric.reason(row.metric))
        continue
      }
      if devices[row.hardware] == nil { devices[row.hardware] = .some(try device(row.hardware)) }
      guard case .some(.some(var chip)) = devices[row.hardware] else {
        skipped.add(row.kernel, pass: row.pass, "no device file stands for \(row.hardware)")
        continue
      }
      for column in map.columns {
        guard let amount = row.amounts[column.name] else { continue }
        for path in column.paths { DeviceField.at(path)?.set(amount, on: &chip) }
      }
      switch map.target(of: row) {
      case .scheme: continue
      case .notModelled(let reason): skipped.add(row.named, pass: row.pass, reason)
      case .schedule(let name, let parameters):
        do {
          try predict(row, name, parameters, chip, metric)
        } catch {
          let reason = (error as? MeasuredTable.RowError)?.message ?? "\(error)"
          skipped.add(row.named, pass: row.pass, "not modelled: \(reason)")
        }
      }
    }
  }

  /// Counts of a layer against the planner's.
  private mutating func compare(
    _ row: PublishedTable.Row, _ scheme: AttentionScheme, _ model: AttentionModel
  ) {
    do {
      let shape = try row.shape()
      let counts = scheme.counts(
        model, .init(batch: shape.batch, tokens: shape.seqQ, context: shape.seqKV))
      guard let (metric, value) = PublishedMetric.count(row.metric, counts) else {
        return skipped.add(row.kernel, pass: row.pass, PublishedMetric.reason(row.metric))
      }
      rows.append(
        ValidationRow(
          gpu: row.hardware, kernel: row.named, pass: row.pass, metric: metric,
          label: "\(scheme.rawValue) of \(model.name), \(RequestText.shape(shape)) (line \(row.line))",
          measured: row.value, predicted: value))
    } catch {
      skipped.add(row.named, pass: row.pass, "not modelled: \(error.message)")
    }
  }

  private mutating func predict(
    _ row: PublishedTable.Row, _ schedule: String, _ parameters: [String: String], _ device: Device,
    _ metric: PublishedMetric
  ) throws {
    let shape = try row.shape()
    let amounts = row.amounts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let settings = parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let key = [device.id, schedule, "\(shape)"] + settings + amounts
    let outcome =
      try known[key.joined(separator: " ")]
      ?? play(
        .init(
          schedule: schedule, parameters: ScheduleParameters(parameters), shape: shape, device: device,
          mode: .sustained))
    known[key.joined(separator: " ")] = outcome
    let predicted: Double
    var label = (["\(RequestText.shape(shape)) (line \(row.line))"] + settings).joined(separator: ", ")
    switch outcome {
    case .deadlock:
      guard metric.isDeadlock else {
        return skipped.add(row.named, pass: row.pass, "predicted to deadlock, published as running")
      }
      predicted = 1
    case .result(let result):
      guard let value = metric.value(of: result) else {
        return skipped.add(row.named, pass: row.pass, "the schedule has no \(row.metric)")
      }
      predicted = value
      if let range = result.dataflow?.pipeline?.clockRange {
        label +=
          "; the clock is not published: \(NumberText.time(range.fastest)) to \(NumberText.time(range.slowest)) at clocks such designs have"
      }
    }
    rows.append(
      ValidationRow(
        gpu: row.hardware, kernel: row.named, pass: row.pass, metric: metric.shown, label: label,
        measured: row.value, predicted: predicted))
  }

  private mutating func play(_ request: SimulationRequest) throws -> Outcome {
    do throws(SimulationError) {
      let result = try Simulation.run(request)
      results.append(result)
      return .result(result)
    } catch .dataflowDeadlock {
      return .deadlock
    }
  }

  package func report(title: String) -> ValidationReport {
    ValidationReport(title: title, rows: rows, skipped: skipped.rows)
  }
}

extension PublishedTable.Row {
  /// The kernel with its configuration.
  fileprivate var named: String { config.isEmpty ? kernel : "\(kernel) \(config)" }
}
