public import Attention

/// The tiles of a mask as a picture: query tiles downward, key tiles to the right, dense, partial or empty; beside it,
/// how many tiles each query tile visits.
///
/// Large maps are drawn in cells of several tiles; a cell is as strong as the share of its tiles that are visited. The
/// three colours differ in lightness, so that they stay apart in print.
public enum TileMapFigure {
  /// - Parameters:
  ///   - title: what the map is of, as in the text of the mask.
  ///   - counts: the counts of `map`, for the line under the title.
  /// - Complexity: about O(tiles visited); the text stays below a few hundred kilobytes whatever the map's size.
  public static func svg(_ map: TileMap, counts: TileCounts, title: String) -> String {
    var drawing = Drawing(map: map, counts: counts)
    return drawing.document(title: title)
  }
}

private struct Drawing {
  private let map: TileMap
  private let counts: TileCounts
  private let columnTiles: Int
  private let cells: TileMapCells
  private let plotWidth: Double
  private let plotHeight: Double
  private var body = ""

  private static let (left, top, gap, barWidth, right) = (86.0, 98.0, 34.0, 90.0, 30.0)
  private static let longestSide = 560.0

  init(map: TileMap, counts: TileCounts) {
    self.map = map
    self.counts = counts
    var columnTiles = map.keyTiles
    // Boxes of keys that start at the query's own are counted there.
    if case .boxes(_, _, .dynamic) = map.geometry { columnTiles = max(counts.maxPerQuery, 1) }
    self.columnTiles = columnTiles
    cells = TileMapCells(map, columnTiles: columnTiles)
    let extents = (
      Double(columnTiles * map.geometry.keyTokens), Double(map.queryTiles * map.geometry.queryTokens)
    )
    let scale = Drawing.longestSide / max(extents.0, extents.1)
    plotWidth = max(extents.0 * scale, 150)
    plotHeight = max(extents.1 * scale, 110)
  }

  mutating func document(title: String) -> String {
    drawCells()
    drawBars()
    drawAxes()
    let width = max(Drawing.left + plotWidth + Drawing.gap + Drawing.barWidth + Drawing.right, 640)
    let height = Drawing.top + plotHeight + 92
    let head = shortened(title, to: Int(width / 8.8))
    let size = "\(number(width)) \(number(height))"
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="tilemap" viewBox="0 0 \(size)" width="\(number(width))" \
      height="\(number(height))" role="img">
      <title>\(escaped(shortened(title, to: 400)))</title>
      <style>\(Drawing.css)</style>
      <rect class="page" width="100%" height="100%"/>
      \(text(16, 28, head, "head"))
      \(text(16, 47, tileLine, "dim"))
      \(text(16, 65, countLine, "dim"))
      \(body)\(legend(y: height - 18))
      </svg>

      """
  }

  // MARK: Words

  private var tileLine: String {
    let tokens = "\(map.seqQ) queries x \(map.seqKV) keys"
    switch map.geometry {
    case .linear(let query, let key): return "\(tokens) in tiles of \(query) x \(key)"
    case .boxes(let query, let key, let origin):
      let shapes = [query, key].map { $0.map(String.init).joined(separator: "x") }
      return "\(tokens) in boxes of \(shapes[0]) queries, \(shapes[1]) keys"
        + (origin == .dynamic ? " that start at the query's own window" : "")
    }
  }

  private var countLine: String {
    let share = counts.totalTiles == 0 ? 0 : 100 * Double(counts.visited) / Double(counts.totalTiles)
    return
      "\(counts.visited) of \(counts.totalTiles) tiles visited (\(number(share)) %): \(counts.dense) dense, "
      + "\(counts.partial) partial; \(counts.minPerQuery) to \(counts.maxPerQuery) a query tile"
  }

  // MARK: Parts

  /// One path for each class of cells; neighbours in a row are joined.
  private mutating func drawCells() {
    var paths: [String: String] = [:]
    let extents = (map.queryTiles, columnTiles)
    let (dx, dy) = (plotWidth / Double(columnTiles), plotHeight / Double(map.queryTiles))
    for row in 0..<cells.rows {
      let y = Drawing.top + Double(row * cells.height) * dy
      let height = Double(min((row + 1) * cells.height, map.queryTiles) - row * cells.height) * dy
      var column = 0
      while column < cells.columns {
        let style = cells.style(row: row, column: column, of: extents)
        var end = column + 1
        while end < cells.columns, cells.style(row: row, column: end, of: extents) == style { end += 1 }
        if let style {
          let x = Drawing.left + Double(column * cells.width) * dx
          let width = Double(min(end * cells.width, columnTiles) - column * cells.width) * dx
          let corner = "M\(number(x)) \(number(y))"
          paths[style, default: ""] += corner + "h\(number(width))v\(number(height))h-\(number(width))z"
        }
        column = end
      }
    }
    let frame = "x=\"\(number(Drawing.left))\" y=\"\(number(Drawing.top))\" width=\"\(number(plotWidth))\""
    body += "<rect class=\"empty\" \(frame) height=\"\(number(plotHeight))\"/>\n"
    for (style, path) in paths.sorted(by: { $0.key < $1.key }) {
      body += "<path class=\"\(style)\" d=\"\(path)\"/>\n"
    }
    if cells.isExact { drawGrid(dx, dy) }
    body += "<rect class=\"frame\" \(frame) height=\"\(number(plotHeight))\"/>\n"
  }

  /// Lines between tiles, where those are large enough to be told apart.
  private mutating func drawGrid(_ dx: Double, _ dy: Double) {
    guard min(dx, dy) >= 7 else { return }
    var path = ""
    for column in 1..<max(columnTiles, 1) {
      path += "M\(number(Drawing.left + Double(column) * dx)) \(number(Drawing.top))v\(number(plotHeight))"
    }
    for row in 1..<max(map.queryTiles, 1) {
      path += "M\(number(Drawing.left)) \(number(Drawing.top + Double(row) * dy))h\(number(plotWidth))"
    }
    body += "<path class=\"grid\" d=\"\(path)\"/>\n"
  }

  /// Visited tiles of each query tile: what its work item costs.
  private mutating func drawBars() {
    let x = Drawing.left + plotWidth + Drawing.gap
    let dy = plotHeight / Double(map.queryTiles)
    let scale = Drawing.barWidth / Double(max(counts.maxPerQuery, 1))
    var path = "M\(number(x)) \(number(Drawing.top))"
    for row in 0..<cells.rows {
      let length = cells.meanVisited(row: row, queryTiles: map.queryTiles) * scale
      let end = Drawing.top + Double(min((row + 1) * cells.height, map.queryTiles)) * dy
      path += "H\(number(x + length))V\(number(end))"
    }
    body += "<path class=\"bar\" d=\"\(path)H\(number(x))z\"/>\n"
    body += text(x, Drawing.top - 8, "tiles visited", "dim small")
    body += text(x, Drawing.top + plotHeight + 15, "0", "dim small")
    body += text(
      x + Drawing.barWidth, Drawing.top + plotHeight + 15, "\(counts.maxPerQuery)", "dim small", anchor: "end"
    )
  }

  private mutating func drawAxes() {
    let (queryTokens, keyTokens) = (map.geometry.queryTokens, map.geometry.keyTokens)
    let bottom = Drawing.top + plotHeight
    let keyExtent = columnTiles * keyTokens
    for tick in ticks(upTo: keyExtent, room: plotWidth / 70) {
      let x = Drawing.left + plotWidth * Double(tick) / Double(keyExtent)
      body += "<path class=\"frame\" d=\"M\(number(x)) \(number(bottom))v4\"/>\n"
      body += text(x, bottom + 17, "\(tick)", "dim small", anchor: "middle")
    }
    let queryExtent = map.queryTiles * queryTokens
    for tick in ticks(upTo: queryExtent, room: plotHeight / 40) {
      let y = Drawing.top + plotHeight * Double(tick) / Double(queryExtent)
      body += "<path class=\"frame\" d=\"M\(number(Drawing.left)) \(number(y))h-4\"/>\n"
      body += text(Drawing.left - 8, y + 4, "\(tick)", "dim small", anchor: "end")
    }
    var (queries, keys) = ("query tokens", "key tokens")
    if case .boxes(_, _, let origin) = map.geometry {
      queries = "query tokens, box by box"
      keys = origin == .dynamic ? "key tokens of the query's own boxes" : "key tokens, box by box"
    }
    body += text(Drawing.left + plotWidth / 2, bottom + 36, keys, "ink", anchor: "middle")
    let middle = Drawing.top + plotHeight / 2
    body +=
      "<text class=\"ink\" text-anchor=\"middle\" transform=\"translate(24 \(number(middle))) rotate(-90)\">"
      + "\(queries)</text>\n"
  }

  private func legend(y: Double) -> String {
    var entries = [
      ("dense q4", "dense: no mask needed"), ("partial q4", "partial: masked"), ("empty", "not visited"),
    ]
    if !cells.isExact {
      entries.append(("dense q2", "paler: a part of the cell's \(cells.height) x \(cells.width) tiles"))
    }
    var x = 16.0
    var result = ""
    for (style, words) in entries {
      let place = "x=\"\(number(x))\" y=\"\(number(y - 10))\""
      result += "<rect class=\"page\" \(place) width=\"12\" height=\"12\"/>"
      result += "<rect class=\"\(style) key\" \(place) width=\"12\" height=\"12\"/>\n"
      result += text(x + 18, y, words, "ink small")
      x += 34 + Double(words.count) * 5.9
    }
    return result
  }

  // MARK: Text

  /// Round steps from 0 to `extent`, at most about `room` of them.
  private func ticks(upTo extent: Int, room: Double) -> [Int] {
    // Tokens come in powers of two more often than in powers of ten.
    let isBinary = extent & (extent - 1) == 0
    var step = 1
    var place = 0
    while Double(extent) / Double(step) > max(room, 2) {
      place += 1
      step = isBinary ? 1 << place : [1, 2, 5][place % 3] * power(ofTen: place / 3)
    }
    return Array(stride(from: 0, through: extent, by: step))
  }

  private func power(ofTen exponent: Int) -> Int { (0..<exponent).reduce(1) { power, _ in power * 10 } }

  private func text(_ x: Double, _ y: Double, _ words: String, _ style: String, anchor: String = "start")
    -> String
  {
    "<text class=\"\(style)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">"
      + "\(escaped(words))</text>\n"
  }

  private func shortened(_ words: String, to length: Int) -> String {
    words.count > length ? words.prefix(length - 3) + "..." : words
  }

  private func escaped(_ words: String) -> String {
    words.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
  }

  /// Two decimals at most.
  private func number(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    if rest == 0 { return "\(hundredths / 100)" }
    return "\(hundredths / 100)." + (rest % 10 == 0 ? "\(rest / 10)" : rest < 10 ? "0\(rest)" : "\(rest)")
  }

  private static let css =
    ".tilemap{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}"
    + ".tilemap .head{font-size:15px;font-weight:600;fill:#1a1f26}.tilemap .small{font-size:10.5px}"
    + ".tilemap .page{fill:#fff}.tilemap .ink{fill:#1a1f26}.tilemap .dim{fill:#59636e}"
    + ".tilemap .empty{fill:#eff1f4}.tilemap .dense{fill:#17408b}.tilemap .partial{fill:#e8923a}"
    + ".tilemap .bar{fill:#8b949e}.tilemap .frame{fill:none;stroke:#8b949e}.tilemap .key{stroke:#8b949e}"
    + ".tilemap .grid{fill:none;stroke:#fff;stroke-width:.7}"
    + ".tilemap .q1{fill-opacity:.3}.tilemap .q2{fill-opacity:.5}.tilemap .q3{fill-opacity:.75}"
    + ".tilemap path{shape-rendering:crispEdges}.tilemap path.grid{shape-rendering:auto}"
}
