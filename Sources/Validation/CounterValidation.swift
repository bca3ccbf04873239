package import HWModels
package import InputFiles
import Programs
package import Reports
import Results
import Simulator

/// Predicted against counted cycles, use of units and bytes: free of the clock.
package struct CounterValidation {
  private struct Point {
    var row: CounterTable.Row
    var cycles: Double
    /// Busy shares of the elapsed cycles.
    var tensor: Double
    var exp: Double
    var dramReadBytes: Double
  }

  private var points: [Point] = []
  private var skipped = SkipCount()
  private let gpu: String

  package init(_ table: CounterTable, map: KernelMap, gpu: String, device: Device) {
    self.gpu = gpu
    for row in table.rows {
      switch map.target(kernel: row.kernel, gpu: gpu, pass: row.pass) {
      case .notModelled(let reason): skipped.add(row.kernel, pass: row.pass, reason)
      case .scheme: skipped.add(row.kernel, pass: row.pass, "counts of a layer, which nobody times")
      case .schedule(let name, let parameters):
        do {
          points.append(try CounterValidation.predict(row, name, parameters, device))
        } catch {
          let reason = (error as? MeasuredTable.RowError)?.message ?? "\(error)"
          skipped.add(row.kernel, pass: row.pass, "not modelled: \(reason)")
        }
      }
    }
  }

  /// Which kernel of a call a row stands for.
  private static func role(_ part: String) -> Kernel.Role? {
    switch part {
    case "main", "partial": .main
    case "rowsum", "preprocess": .preprocess
    case "convert_dq", "postprocess", "combine": .postprocess
    default: nil
    }
  }

  /// The counters were read kernel by kernel; cycles hardly depend on the clock.
  private static func predict(
    _ row: CounterTable.Row, _ schedule: String, _ parameters: [String: String], _ device: Device
  ) throws -> Point {
    // At the clock of the counted run, where it is known: then cycles compare with cycles.
    let clock = row.clockHertz.map { Frequency($0) } ?? device.clock.nominal
    let profiles = try Simulation.profile(
      SimulationRequest(
        schedule: schedule, parameters: ScheduleParameters(parameters), shape: try row.shape(), device: device
      ),
      at: clock)
    guard let role = role(row.part), let kernel = profiles.first(where: { $0.role == role }) else {
      throw MeasuredTable.RowError(message: "part '\(row.part)' is none of the schedule's kernels")
    }
    return Point(
      row: row, cycles: kernel.cycles, tensor: kernel.share(of: .tensor), exp: kernel.share(of: .exp),
      dramReadBytes: kernel.dramReadBytes)
  }

  /// Cycles and bytes by relative error, shares by difference.
  package func report(title: String) -> ValidationReport {
    let rows = points.flatMap { point -> [ValidationRow] in
      let row = point.row
      func compare(_ metric: ValidationMetric, _ measured: Double?, _ predicted: Double) -> ValidationRow? {
        measured.map {
          ValidationRow(
            // Groups are of main kernels; each auxiliary one has its own.
            gpu: gpu, kernel: row.part == "main" ? row.kernel : "\(row.kernel):\(row.part)", pass: row.pass,
            metric: metric,
            label:
              "batch \(row.batch), \(row.headsQ) heads, \(row.seq) tokens, head dim \(row.headDim), \(row.mask)",
            measured: $0, predicted: predicted)
        }
      }
      return [
        compare(.init(name: "sm_cycles", unit: "clk"), row.cycles, point.cycles),
        compare(
          .init(name: "tensor_pipe", unit: "", error: .difference), row.tensorPercent.map { $0 / 100 },
          point.tensor),
        compare(
          .init(name: "exp_pipe", unit: "", error: .difference), row.expPercent.map { $0 / 100 }, point.exp),
        compare(.init(name: "dram_read", unit: "B"), row.dramReadBytes, point.dramReadBytes),
      ].compactMap { $0 }
    }
    return ValidationReport(title: title, rows: rows, skipped: skipped.rows)
  }

  /// One line for each kernel: predicted and counted side by side.
  package var table: String {
    var table = ColumnText()
    table.add(
      "kernel", "cycles", "counted", "error", "tensor %", "counted", "exp %", "counted", "dram MB", "counted",
      "error")
    for point in points {
      let row = point.row
      let read = row.dramReadBytes ?? 0
      table.add(
        "\(row.kernel) \(row.pass) \(row.part == "main" ? "" : row.part + " ")d\(row.headDim) s\(row.seq) \(row.mask)",
        NumberText.grouped(point.cycles),
        NumberText.grouped(row.cycles), NumberText.change(point.cycles / row.cycles - 1),
        NumberText.fixed(point.tensor * 100, 1), row.tensorPercent.map { NumberText.fixed($0, 1) } ?? "",
        NumberText.fixed(point.exp * 100, 1), row.expPercent.map { NumberText.fixed($0, 1) } ?? "",
        NumberText.fixed(point.dramReadBytes / 1e6, 0), NumberText.fixed(read / 1e6, 0),
        read > 0 ? NumberText.change(point.dramReadBytes / read - 1) : "")
    }
    return table.lines.joined(separator: "\n")
  }
}
