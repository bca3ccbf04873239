extension ValidationReport {
  /// The report as a page: error table, a scatter plot for each metric, largest errors, what is not modelled.
  public func html() -> String {
    var page = HTMLPage(title: title)
    page.heading(title, level: 1)
    page.paragraph(
      "Predicted against measured. Errors are relative to the measurement, pt are points of a hundred.",
      style: "dim")
    page.facts(facts)
    if !groups.isEmpty { errors(&page) }
    for metric in metrics where metric.error == .relative {
      page.heading("\(metric.name): predicted over measured")
      page.figure(ScatterFigure.svg([groups.filter { $0.metric == metric }], embedded: true))
    }
    let worst = worst(20)
    if !worst.isEmpty {
      page.heading("Largest errors")
      page.table(
        ["device", "kernel", "pass", "metric", "shape", "measured", "predicted", "error"],
        worst.map { row in
          [
            row.gpu, row.kernel, row.pass, row.metric.name, row.label + (row.isFitted ? " (fitted on)" : ""),
            Self.value(row.measured, row.metric), Self.value(row.predicted, row.metric),
            Self.error(row.error, row.metric, signed: true),
          ]
        }, numeric: [5, 6, 7])
    }
    if !skipped.isEmpty {
      page.heading("Not modelled")
      page.table(
        ["kernel", "rows", "reason"], skipped.map { [$0.kernel, String($0.count), $0.reason] }, numeric: [1])
    }
    return page.text
  }

  /// Predicted over measured as an SVG file: a plot for the metric that is named, or for each one with relative errors.
  public func scatter(metric name: String? = nil) -> String? {
    let shown = metrics.filter { $0.error == .relative && (name == nil || $0.name == name) }
    guard !shown.isEmpty else { return nil }
    return ScatterFigure.svg(shown.map { metric in groups.filter { $0.metric == metric } })
  }

  /// In order of first appearance.
  private var metrics: [ValidationMetric] {
    groups.map(\.metric).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private var facts: [(value: String, meaning: String)] {
    let rows = groups.flatMap(\.rows)
    let fitted = rows.filter(\.isFitted).count
    var facts = [
      (value: String(rows.count), meaning: "values compared"),
      (value: String(skipped.reduce(0) { $0 + $1.count }), meaning: "rows not modelled"),
    ]
    if fitted > 0 { facts.append((value: String(fitted), meaning: "of them fitted on")) }
    for metric in metrics {
      let errors = groups.filter { $0.metric == metric }.flatMap(\.rows).map { abs($0.error) }
      let mean = errors.reduce(0, +) / Double(errors.count)
      facts.append((value: Self.error(mean, metric), meaning: "mean error, \(metric.name)"))
    }
    return facts
  }

  private func errors(_ page: inout HTMLPage) {
    page.heading("Errors")
    page.table(
      [
        "device", "kernel", "pass", "metric", "rows", "bias", "mean", "median", "p90", "worst",
        "rank agreement",
      ],
      groups.map { group in
        [
          group.gpu, group.kernel, group.pass, group.metric.name, String(group.count),
          Self.error(group.meanError, group.metric, signed: true),
          Self.error(group.meanAbsoluteError, group.metric),
          Self.error(group.medianAbsoluteError, group.metric),
          Self.error(group.p90AbsoluteError, group.metric),
          Self.error(group.maximumAbsoluteError, group.metric),
          group.rankAgreement.map { NumberText.fixed($0, 3) } ?? "-",
        ]
      }, numeric: [4, 5, 6, 7, 8, 9, 10])
  }
}
