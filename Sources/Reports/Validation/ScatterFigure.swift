import Foundation

/// Predicted over measured on logarithmic axes: a point for each row, the line of equality and a band of 10 %.
enum ScatterFigure {
  private static let side = 520.0
  private static let (left, top) = (74.0, 46.0)
  private static let band = 0.1

  /// - Parameter panels: groups of one metric each, so that both axes have one unit; one plot below the other.
  static func svg(_ panels: [[ValidationGroup]], embedded: Bool = false) -> String {
    let names = panels.compactMap { $0.first?.metric.name }.joined(separator: ", ")
    let height = top + side + 56
    var svg = SVGWriter(
      width: left + side + 230, height: height * Double(max(panels.count, 1)),
      title: "\(names): predicted over measured")
    for (place, groups) in panels.enumerated() {
      svg.moved(down: height * Double(place)) { draw(groups, &$0) }
    }
    return svg.document(embedded: embedded)
  }

  private static func draw(_ groups: [ValidationGroup], _ svg: inout SVGWriter) {
    guard let metric = groups.first?.metric else { return }
    let rows = groups.flatMap(\.rows).filter { $0.measured > 0 && $0.predicted > 0 }
    let values = rows.flatMap { [$0.measured, $0.predicted] }
    let (low, high) = ((values.min() ?? 1) / 1.4, (values.max() ?? 10) * 1.4)
    let x = LogScale(low, high, over: left, left + side)
    let y = LogScale(low, high, over: top + side, top)
    axes(&svg, x, y, metric)
    svg.polygon(
      [
        (x(low), y(low * (1 + band))), (x(high / (1 + band)), y(high)), (x(high), y(high)),
        (x(high), y(high * (1 - band))), (x(low / (1 - band)), y(low)), (x(low), y(low)),
      ], "wait band")
    svg.line(x(low), y(low), x(high), y(high), "mark")
    for (place, group) in groups.enumerated() {
      for row in group.rows where row.measured > 0 && row.predicted > 0 {
        svg.circle(x(row.measured), y(row.predicted), 4, FigureStyle.fill(place) + " point", hint: hint(row))
      }
    }
    legend(&svg, groups)
  }

  private static func axes(_ svg: inout SVGWriter, _ x: LogScale, _ y: LogScale, _ metric: ValidationMetric) {
    for tick in x.ticks {
      svg.line(x(tick), top, x(tick), top + side, "grid")
      svg.line(left, y(tick), left + side, y(tick), "grid")
      svg.text(x(tick), top + side + 16, NumberText.significant(tick), "dim", anchor: .middle)
      svg.text(left - 6, y(tick) + 4, NumberText.significant(tick), "dim", anchor: .end)
    }
    svg.rectangle(left, top, side, side, "frame")
    let unit = metric.unit.isEmpty ? "" : ", \(metric.unit)"
    svg.text(left, 26, metric.name, "ink head")
    svg.text(left + side / 2, top + side + 38, "measured\(unit)", "ink", anchor: .middle)
    svg.text(16, top + side / 2, "predicted\(unit)", "ink", anchor: .middle, degrees: -90)
  }

  private static func legend(_ svg: inout SVGWriter, _ groups: [ValidationGroup]) {
    let at = left + side + 18
    for (place, group) in groups.enumerated() {
      let line = top + 14 + 36 * Double(place)
      svg.circle(at, line - 4, 4, FigureStyle.fill(place))
      svg.text(at + 10, line, "\(group.kernel) \(group.pass)")
      svg.text(
        at + 10, line + 14,
        "\(group.count) rows, mean \(ValidationReport.error(group.meanAbsoluteError, group.metric)), "
          + "p90 \(ValidationReport.error(group.p90AbsoluteError, group.metric))", "dim small")
    }
    let line = top + 14 + 36 * Double(groups.count)
    svg.rectangle(at - 6, line - 10, 12, 10, "wait band")
    svg.text(at + 10, line, "within 10 %", "dim")
  }

  private static func hint(_ row: ValidationRow) -> String {
    "\(row.kernel) \(row.pass), \(row.label): measured \(ValidationReport.value(row.measured, row.metric)), "
      + "predicted \(ValidationReport.value(row.predicted, row.metric)) "
      + "(\(ValidationReport.error(row.error, row.metric, signed: true)))"
      + (row.isFitted ? ", fitted on" : "")
  }
}
