import InputFiles
import Reports
import Simulator

/// Validation tables as text and JSON.
enum ValidationText {
  private static let worstShown = 5

  static func text(_ validation: TimeValidation) -> String {
    var table = ColumnText()
    table.add("kernel, pass, time", "rows", "mean", "median", "p90", "worst", "bias", "order")
    for group in validation.groups {
      let errors = group.summary
      table.add(
        "\(group.kernel) \(group.pass) \(group.metric.rawValue)", String(errors.count),
        percent(errors.meanAbsolute),
        percent(errors.medianAbsolute), percent(errors.percentile90), percent(errors.maximum),
        NumberText.change(errors.bias), errors.rankAgreement.map { NumberText.fixed($0, 2) } ?? "")
    }
    var lines = ["Error of predictions, as a share of the measured time", ""]
    lines += validation.groups.isEmpty ? ["no row is modelled"] : table.lines
    lines += worst(validation)
    lines += skipped(validation.skipped)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func worst(_ validation: TimeValidation) -> [String] {
    var table = ColumnText()
    for group in validation.groups {
      for point in group.points.sorted(by: { $0.error.magnitude > $1.error.magnitude }).prefix(worstShown) {
        table.add(
          "\(group.kernel) \(group.metric.rawValue), line \(point.row.line): \(RequestText.shape(point.shape))",
          NumberText.fixed(point.measuredMicroseconds, 1), NumberText.fixed(point.predictedMicroseconds, 1),
          NumberText.change(point.error))
      }
    }
    guard !table.lines.isEmpty else { return [] }
    return ["", "Worst rows (measured us, predicted us, error)"] + table.lines.map { "  " + $0 }
  }

  static func skipped(_ skipped: [(skip: TimeValidation.Skip, count: Int)]) -> [String] {
    guard !skipped.isEmpty else { return [] }
    let total = skipped.reduce(0) { $0 + $1.count }
    return ["", "Not predicted: \(total) rows"]
      + skipped.map { "  \($0.count) x \($0.skip.kernel) \($0.skip.pass): \($0.skip.reason)" }
  }

  static func text(_ validation: CounterValidation) -> String {
    var table = ColumnText()
    table.add(
      "kernel", "cycles", "counted", "error", "tensor %", "counted", "exp %", "counted", "dram MB", "counted",
      "error")
    for point in validation.points {
      let row = point.row
      table.add(
        "\(row.kernel) d\(row.headDim) s\(row.seq) \(row.mask)", NumberText.grouped(point.cycles),
        NumberText.grouped(row.cycles), NumberText.change(point.cycleError),
        NumberText.fixed(point.tensorPercent, 1),
        optional(row.tensorPercent), NumberText.fixed(point.expPercent, 1), optional(row.expPercent),
        NumberText.fixed(point.dramReadBytes / 1e6, 0),
        optional(row.dramReadBytes.map { $0 / 1e6 }, digits: 0),
        point.dramReadError.map { NumberText.change($0) } ?? "")
    }
    var lines = ["Cycles and use of units against hardware counters", ""] + table.lines
    if !validation.points.isEmpty {
      let cycles = ErrorSummary(validation.points.map { ($0.cycles, $0.row.cycles) })
      lines += [
        "",
        "cycles: mean error \(percent(cycles.meanAbsolute)), worst \(percent(cycles.maximum))",
        "tensor: worst \(points(validation.points.compactMap(\.tensorError)))",
        "exp:    worst \(points(validation.points.compactMap(\.expError)))",
        "dram reads: worst \(percent(validation.points.compactMap(\.dramReadError).map(\.magnitude).max() ?? 0))",
      ]
    }
    lines += skipped(validation.skipped)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func percent(_ share: Double) -> String { NumberText.percent(share) }
  private static func optional(_ value: Double?, digits: Int = 1) -> String {
    value.map { NumberText.fixed($0, digits) } ?? ""
  }
  private static func points(_ errors: [Double]) -> String {
    "\(NumberText.fixed(errors.map(\.magnitude).max() ?? 0, 1)) points"
  }

  // MARK: JSON

  /// `{"groups": [...], "skipped": [...]}`; errors are fractions.
  static func json(_ validation: TimeValidation) -> String {
    JSONValue.object([
      (key: "groups", value: .array(validation.groups.map { json($0) })),
      (key: "skipped", value: skippedJSON(validation.skipped)),
    ]).text()
  }

  private static func json(_ group: TimeValidation.Group) -> JSONValue {
    let errors = group.summary
    return .object(
      [
        (key: "gpu", value: .string(group.gpu)), (key: "kernel", value: .string(group.kernel)),
        (key: "pass", value: .string(group.pass)), (key: "metric", value: .string(group.metric.rawValue)),
      ] + json(errors))
  }

  private static func json(_ errors: ErrorSummary) -> [(key: String, value: JSONValue)] {
    [
      (key: "count", value: .integer(errors.count)),
      (key: "mean_abs_error", value: .number(errors.meanAbsolute)),
      (key: "median_abs_error", value: .number(errors.medianAbsolute)),
      (key: "p90_abs_error", value: .number(errors.percentile90)),
      (key: "max_abs_error", value: .number(errors.maximum)), (key: "bias", value: .number(errors.bias)),
      (key: "rank_agreement", value: errors.rankAgreement.map { .number($0) } ?? .null),
    ]
  }

  private static func skippedJSON(_ skipped: [(skip: TimeValidation.Skip, count: Int)]) -> JSONValue {
    .array(
      skipped.map {
        .object([
          (key: "kernel", value: .string($0.skip.kernel)), (key: "pass", value: .string($0.skip.pass)),
          (key: "count", value: .integer($0.count)), (key: "reason", value: .string($0.skip.reason)),
        ])
      })
  }

  /// The same form with metric `sm_cycles`, and every row under `rows`.
  static func json(_ validation: CounterValidation) -> String {
    var kernels: [String] = []
    for point in validation.points where !kernels.contains(point.row.kernel) {
      kernels.append(point.row.kernel)
    }
    let groups = kernels.map { kernel -> JSONValue in
      let points = validation.points.filter { $0.row.kernel == kernel }
      return .object(
        [
          (key: "gpu", value: .string(validation.gpu)), (key: "kernel", value: .string(kernel)),
          (key: "pass", value: .string(points[0].row.pass)), (key: "metric", value: .string("sm_cycles")),
        ] + json(ErrorSummary(points.map { ($0.cycles, $0.row.cycles) })))
    }
    func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let rows = validation.points.map { point -> JSONValue in
      .object([
        (key: "line", value: .integer(point.row.line)), (key: "kernel", value: .string(point.row.kernel)),
        (key: "cycles", value: .number(point.cycles)),
        (key: "cycles_error", value: .number(point.cycleError)),
        (key: "tensor_points_error", value: optional(point.tensorError)),
        (key: "exp_points_error", value: optional(point.expError)),
        (key: "dram_read_error", value: optional(point.dramReadError)),
      ])
    }
    return JSONValue.object([
      (key: "groups", value: .array(groups)), (key: "rows", value: .array(rows)),
      (key: "skipped", value: skippedJSON(validation.skipped)),
    ]).text()
  }
}
