/// Predicted against measured, by device, kernel, pass and metric.
///
/// Rows without a prediction are listed with their reason and never dropped.
public struct ValidationReport: Sendable {
  public let title: String
  /// In order of first appearance.
  public let groups: [ValidationGroup]
  public let skipped: [SkippedRows]
  /// Order of two kernels on one shape, by metric.
  public let rankings: [PairRanking]

  public init(
    title: String, rows: [ValidationRow], skipped: [SkippedRows] = [], rankings: [PairRanking] = []
  ) {
    struct Key: Hashable {
      let gpu: String
      let kernel: String
      let pass: String
      let metric: ValidationMetric
    }
    self.title = title
    self.skipped = skipped
    self.rankings = rankings
    var order: [Key] = []
    var grouped: [Key: [ValidationRow]] = [:]
    for row in rows {
      let key = Key(gpu: row.gpu, kernel: row.kernel, pass: row.pass, metric: row.metric)
      if grouped[key] == nil { order.append(key) }
      grouped[key, default: []].append(row)
    }
    groups = order.compactMap { key in grouped[key].map { ValidationGroup($0) } }
  }

  /// The rows with the largest errors of one way of stating them, worst first.
  public func worst(_ count: Int, error: ValidationMetric.ErrorKind = .relative) -> [ValidationRow] {
    let rows = groups.flatMap(\.rows).filter { $0.metric.error == error }
    return Array(rows.sorted { (abs($0.error), $1.label) > (abs($1.error), $0.label) }.prefix(count))
  }

  // MARK: - Text

  public func text(style: TextStyle = TextStyle(), worst count: Int = 8) -> String {
    var sections: [[String]] = [[style.bold(title)]]
    if !groups.isEmpty { sections.append(Self.table(groups)) }
    let fitted = groups.reduce(0) { $0 + $1.rows.filter(\.isFitted).count }
    if fitted > 0 {
      sections.append(
        [style.bold("Without the \(fitted) rows that constants of the device were fitted on")]
          + Self.table(heldOut))
    }
    if !rankings.isEmpty {
      sections.append(
        [style.bold("Which of two kernels is faster on one shape, where times differ by over 5 %")]
          + rankings.map(Self.ranking))
    }
    let worst = worst(count)
    if !worst.isEmpty { sections.append([style.bold("Largest errors")] + Self.table(of: worst)) }
    if !skipped.isEmpty { sections.append([style.bold("Not modelled")] + skippedTable(style)) }
    return sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  /// The groups without the rows that constants were fitted on: what the accuracy is quoted on.
  public var heldOut: [ValidationGroup] {
    groups.compactMap { group in
      let rows = group.rows.filter { !$0.isFitted }
      return rows.isEmpty ? nil : ValidationGroup(rows)
    }
  }

  private static func table(_ groups: [ValidationGroup]) -> [String] {
    var table = TextTable([
      .left, .left, .left, .left, .right, .right, .right, .right, .right, .right, .right,
    ])
    table.add("device", "kernel", "pass", "metric", "rows", "bias", "mean", "median", "p90", "worst", "rank")
    for group in groups {
      table.add(
        group.gpu, group.kernel, group.pass, group.metric.name, String(group.count),
        Self.error(group.meanError, group.metric, signed: true),
        Self.error(group.meanAbsoluteError, group.metric),
        Self.error(group.medianAbsoluteError, group.metric), Self.error(group.p90AbsoluteError, group.metric),
        Self.error(group.maximumAbsoluteError, group.metric),
        group.rankAgreement.map { NumberText.fixed($0, 3) } ?? "-")
    }
    return table.lines()
  }

  private static func ranking(_ ranking: PairRanking) -> String {
    "  \(ranking.metric): right in \(ranking.right) of \(ranking.pairs) pairs (\(NumberText.percent(ranking.share)))"
  }

  private static func table(of rows: [ValidationRow]) -> [String] {
    var table = TextTable([.left, .left, .left, .right, .right, .right, .left])
    table.add("kernel", "pass", "metric", "measured", "predicted", "error", "shape")
    for row in rows {
      table.add(
        row.kernel, row.pass, row.metric.name, value(row.measured, row.metric),
        value(row.predicted, row.metric),
        error(row.error, row.metric, signed: true), row.label + (row.isFitted ? " (fitted on)" : ""))
    }
    return table.lines()
  }

  private func skippedTable(_ style: TextStyle) -> [String] {
    var table = TextTable([.left, .right, .left])
    for entry in skipped { table.add(entry.kernel, "\(entry.count) rows", entry.reason) }
    return table.lines(width: style.width)
  }

  /// `5.3 %` of the value, or `2.1 pt` of a hundred.
  static func error(_ error: Double, _ metric: ValidationMetric, signed: Bool = false) -> String {
    let sign = signed && error >= 0 ? "+" : ""
    return sign + NumberText.fixed(error * 100, 1) + (metric.error == .relative ? " %" : " pt")
  }

  static func value(_ value: Double, _ metric: ValidationMetric) -> String {
    if metric.error == .difference { return NumberText.percent(value) }
    return NumberText.significant(value, 4) + (metric.unit.isEmpty ? "" : " " + metric.unit)
  }

  // MARK: - JSON

  /// The contract's form: `{"groups": [...], "skipped": [...]}` with errors as fractions.
  public func json(indented: Bool = true) -> String {
    JSONValue.object([
      "groups": .array(groups.map(Self.json)),
      "skipped": .array(
        skipped.map {
          .object(["kernel": .string($0.kernel), "count": .integer($0.count), "reason": .string($0.reason)])
        }),
      "rankings": .array(
        rankings.map {
          .object([
            "metric": .string($0.metric), "pairs": .integer($0.pairs), "right": .integer($0.right),
            "share": .number($0.share),
          ])
        }),
      "held_out": .array(heldOut.map(Self.json)),
    ]).text(indented: indented)
  }

  private static func json(_ group: ValidationGroup) -> JSONValue {
    .object([
      "gpu": .string(group.gpu), "kernel": .string(group.kernel), "pass": .string(group.pass),
      "metric": .string(group.metric.name), "count": .integer(group.count),
      "mean_abs_error": .number(group.meanAbsoluteError),
      "median_abs_error": .number(group.medianAbsoluteError),
      "p90_abs_error": .number(group.p90AbsoluteError), "max_abs_error": .number(group.maximumAbsoluteError),
      "mean_error": .number(group.meanError),
      "rank_agreement": group.rankAgreement.map { .number($0) } ?? .null,
    ])
  }
}
