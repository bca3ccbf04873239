public import Simulator

/// A map of the fastest candidate over batch and context, with the borders between them.
public enum CrossoverFigure {
  private static let cell = (width: 62.0, height: 34.0)
  private static let left = 78.0
  private static let top = 62.0

  /// SVG text. Context runs to the right, batch upward; a cell says the fastest time and by how much it leads.
  public static func svg(_ map: CrossoverMap) -> String {
    let used = map.candidates.indices.filter { candidate in
      map.batches.indices.contains { batch in
        map.contexts.indices.contains { map.winner(batch: batch, context: $0) == candidate }
      }
    }
    let gridWidth = Double(map.contexts.count) * cell.width
    let gridHeight = Double(map.batches.count) * cell.height
    let names = used.map { map.candidates[$0] }
    let legend = (names.map { FigureStyle.width(of: $0) }.max() ?? 0) + 40
    let width = max(left + gridWidth + 20 + legend, FigureStyle.width(of: map.title, size: 17) + 40)
    let height = top + gridHeight + 58
    var svg = SVGWriter(width: width, height: height, title: map.title)
    svg.text(16, 28, map.title, "ink head")
    for (row, _) in map.batches.enumerated() {
      for (column, _) in map.contexts.enumerated() { draw(map, row, column, &svg) }
    }
    drawBorders(map, &svg)
    for (row, batch) in map.batches.enumerated() {
      svg.text(left - 8, y(row, map) + cell.height / 2 + 4, "\(batch)", anchor: .end)
    }
    for (column, context) in map.contexts.enumerated() {
      svg.text(
        left + (Double(column) + 0.5) * cell.width, top + gridHeight + 18, CrossoverText.length(context),
        anchor: .middle)
    }
    svg.text(left + gridWidth / 2, top + gridHeight + 40, "context, tokens", "dim", anchor: .middle)
    svg.text(left - 8, top - 10, "batch", "dim", anchor: .end)
    for (place, candidate) in used.enumerated() {
      let y = top + Double(place) * 20
      svg.rectangle(left + gridWidth + 20, y, 12, 12, "\(FigureStyle.fill(candidate)) band")
      svg.text(left + gridWidth + 38, y + 10, map.candidates[candidate])
    }
    return svg.document()
  }

  private static func y(_ row: Int, _ map: CrossoverMap) -> Double {
    top + Double(map.batches.count - 1 - row) * cell.height
  }

  private static func draw(_ map: CrossoverMap, _ row: Int, _ column: Int, _ svg: inout SVGWriter) {
    let (x, y) = (left + Double(column) * cell.width, y(row, map))
    guard let winner = map.winner(batch: row, context: column), let seconds = map.seconds[row][column][winner]
    else {
      return
    }
    svg.rectangle(x, y, cell.width, cell.height, "\(FigureStyle.fill(winner)) faint")
    svg.text(
      x + cell.width / 2, y + 15, NumberText.prefixed(seconds, "s", digits: 3), "ink small", anchor: .middle)
    if let lead = map.lead(batch: row, context: column) {
      let percent = (lead * 100).rounded()
      svg.text(
        x + cell.width / 2, y + 28,
        percent < 1 ? "even" : percent < 1000 ? "+\(Int(percent)) %" : "> 10 x", "dim small", anchor: .middle)
    }
  }

  /// A line between neighbouring cells with different winners, and a frame around all.
  private static func drawBorders(_ map: CrossoverMap, _ svg: inout SVGWriter) {
    for row in map.batches.indices {
      for column in map.contexts.indices {
        let own = map.winner(batch: row, context: column)
        let (x, y) = (left + Double(column + 1) * cell.width, y(row, map))
        if column + 1 < map.contexts.count, map.winner(batch: row, context: column + 1) != own {
          svg.line(x, y, x, y + cell.height, "mark thick")
        }
        if row + 1 < map.batches.count, map.winner(batch: row + 1, context: column) != own {
          svg.line(x - cell.width, y, x, y, "mark thick")
        }
      }
    }
    svg.rectangle(
      left, top, Double(map.contexts.count) * cell.width, Double(map.batches.count) * cell.height, "frame")
  }
}
