import HWModels
public import Results

/// Where the time of a run goes, as one bar, and how busy each unit is, as bars below it.
public enum PhasesFigure {
  private static let (width, left, bar) = (900.0, 110.0, 700.0)

  public static func svg(_ result: SimulationResult, embedded: Bool = false) -> String {
    let used = result.resources.filter { $0.busyCycles > 0 }.sorted { $0.utilisation > $1.utilisation }
    let legendRows = Double((legend(result).last?.row ?? 0) + 1)
    let unitsTop = 66 + 20 * legendRows + 26
    var svg = SVGWriter(
      width: width, height: unitsTop + 22 * Double(used.count) + 26, title: "Phases and use of the units")
    phases(&svg, result)
    svg.text(left - 10, unitsTop - 6, "unit", "dim small", anchor: .end)
    svg.text(left, unitsTop - 6, "busy share of all cores' cycles", "dim small")
    for (place, use) in used.enumerated() {
      let y = unitsTop + 4 + 22 * Double(place)
      svg.text(left - 10, y + 12, use.resource.name, anchor: .end)
      svg.rectangle(left, y, bar, 15, "wait faint", radius: 2)
      svg.rectangle(
        left, y, bar * min(max(use.utilisation, 0), 1), 15, FigureStyle.fill(use.resource.rawValue), radius: 2
      )
      svg.text(left + bar + 8, y + 12, NumberText.percent(use.utilisation), "dim")
    }
    return svg.document(embedded: embedded)
  }

  private static func phases(_ svg: inout SVGWriter, _ result: SimulationResult) {
    svg.text(left - 10, 34, "time", anchor: .end)
    svg.text(left + bar + 8, 34, NumberText.time(result.time.value), "ink strong")
    var x = left
    for (place, (phase, entry)) in zip(result.phases, legend(result)).enumerated() {
      let share = phase.time.value / result.time.value
      svg.rectangle(x, 18, bar * share, 24, FigureStyle.fill(place), hint: entry.text)
      if FigureStyle.width(of: phase.name) + 10 < bar * share {
        svg.text(x + bar * share / 2, 34, phase.name, "onfill", anchor: .middle)
      }
      x += bar * share
      let (at, y) = (left + Double(entry.column) * column, Double(entry.row) * 20)
      svg.rectangle(at, 56 + y, 11, 11, FigureStyle.fill(place), radius: 2)
      svg.text(at + 16, 66 + y, entry.text, "dim small")
    }
  }

  private static let (column, columns) = (180.0, 4)

  /// Names, times and shares in columns; a long one takes several.
  private static func legend(_ result: SimulationResult) -> [(text: String, column: Int, row: Int)] {
    var (next, row) = (0, 0)
    return result.phases.map { phase in
      let share = NumberText.percent(phase.time.value / result.time.value)
      let text = "\(phase.name) \(NumberText.time(phase.time.value)), \(share)"
      let needed = min(Int((FigureStyle.width(of: text, size: 10.5) + 22) / column) + 1, columns)
      if next + needed > columns { (next, row) = (0, row + 1) }
      defer { next += needed }
      return (text, next, row)
    }
  }
}
