extension TileMap {
  /// What query tile `index` visits. Complexity: about O(tiles visited).
  public func row(_ index: Int) -> TileRow {
    var result = TileRow(visited: [], dense: [])
    forEachRow(in: index..<index + 1) { _, row in result = row }
    return result
  }

  /// Calls `body` with each query tile and what it visits, in ascending order. Complexity: about O(tiles visited).
  public func forEachRow(_ body: (_ queryTile: Int, _ row: TileRow) -> Void) {
    forEachRow(in: 0..<queryTiles, body)
  }

  package func forEachRow(in tiles: Range<Int>, _ body: (_ queryTile: Int, _ row: TileRow) -> Void) {
    switch source {
    case .band(let band):
      for index in tiles { body(index, row(of: band, index)) }
    case .rows(let rows):
      if case .blocks(let blocks) = rows.rule, blocks.queryBlock == geometry.queryTokens,
        blocks.keyBlock == geometry.keyTokens
      {
        for index in tiles {
          let (seen, full) = blocks.tiles(ofRow: index)
          body(index, TileRow(visited: seen, dense: full))
        }
        return
      }
      var marks = TileMarks(tiles: keyTiles, of: geometry.keyTokens)
      for index in tiles {
        let (seen, full) = rows.tiles(of: queries(index), marks: &marks)
        body(index, TileRow(visited: seen.runs, dense: full.runs))
      }
    case .sequence(let rows):
      var marks = TileMarks(tiles: keyTiles, of: geometry.keyTokens)
      for index in tiles {
        let (seen, full) = rows.tiles(of: queries(index), marks: &marks)
        body(index, TileRow(visited: seen.runs, dense: full.runs))
      }
    case .boxes(let boxes):
      for index in tiles { body(index, boxes.row(index)) }
    case .restarting(let documents):
      for index in tiles { body(index, documents.row(index)) }
    }
  }

  /// Queries of a linear tile.
  package func queries(_ index: Int) -> Range<Int> {
    index * geometry.queryTokens..<min((index + 1) * geometry.queryTokens, seqQ)
  }

  private func row(of band: Band, _ index: Int) -> TileRow {
    guard let span = band.span(of: queries(index), keyTile: geometry.keyTokens, seqKV: seqKV) else {
      return TileRow(visited: [], dense: [])
    }
    return TileRow(span: span, offset: 0)
  }
}

extension TileRow {
  /// The walk of a band, its tiles counted from `offset`.
  init(span: TileSpan, offset: Int) {
    let (first, end) = (span.range.lowerBound + offset, span.range.upperBound + offset)
    visited = first < end ? [first..<end] : []
    let (whole, wholeEnd) = (first + span.maskedLow, end - span.maskedHigh)
    dense = whole < wholeEnd ? [whole..<wholeEnd] : []
  }
}

/// Tiles of documents that restart them: each document is a small attention call of its own.
struct DocumentTiles: Sendable {
  private let rows: DocumentRows
  private let queryTile: Int
  private let keyTile: Int
  /// First query tile and first key tile of each document, and the totals.
  private let queryStarts: [Int]
  private let keyStarts: [Int]

  init(_ documents: Documents, queryTile: Int, keyTile: Int) {
    rows = DocumentRows(documents)
    self.queryTile = queryTile
    self.keyTile = keyTile
    queryStarts = documents.queryLengths.reduce(into: [0]) {
      $0.append($0[$0.count - 1] + ($1 + queryTile - 1) / queryTile)
    }
    keyStarts = documents.keyLengths.reduce(into: [0]) {
      $0.append($0[$0.count - 1] + ($1 + keyTile - 1) / keyTile)
    }
  }

  var queryTiles: Int { queryStarts[queryStarts.count - 1] }
  var keyTiles: Int { keyStarts[keyStarts.count - 1] }
  /// Tiles of all documents without a mask inside them.
  var totalTiles: Int {
    rows.documents.queryLengths.indices.reduce(0) {
      $0 + (queryStarts[$1 + 1] - queryStarts[$1]) * (keyStarts[$1 + 1] - keyStarts[$1])
    }
  }

  func row(_ index: Int) -> TileRow {
    var (low, high) = (0, rows.documents.queryLengths.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if queryStarts[middle] <= index { low = middle } else { high = middle }
    }
    let start = (index - queryStarts[low]) * queryTile
    let queries = start..<min(start + queryTile, rows.documents.queryLengths[low])
    let length = rows.documents.keyLengths[low]
    guard let span = rows.band(of: low).span(of: queries, keyTile: keyTile, seqKV: length) else {
      return TileRow(visited: [], dense: [])
    }
    return TileRow(span: span, offset: keyStarts[low])
  }
}
