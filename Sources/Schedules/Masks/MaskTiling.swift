/// What one query tile sees of the key-value tiles: a run of tiles, and how many at its ends need masking.
///
/// Tiles are counted from key 0. `range` is empty where no query of the tile attends to anything.
public struct TileSpan: Sendable, Hashable {
  /// Key-value tiles visited, ascending.
  public var range: Range<Int>
  /// Tiles at the upper end of the range that need the mask (diagonal or ragged end of the sequence).
  public var maskedHigh: Int
  /// Tiles at the lower end that need it (left edge of a window) and are not counted in `maskedHigh`.
  public var maskedLow: Int
}

extension Mask {
  /// Span of the query rows `[queryStart, queryStart + queryRows)` over key tiles of `keyTile` keys.
  ///
  /// Rows beyond the sequence are ignored. With packed grouped heads, pass the query positions and not the rows.
  /// Complexity: O(1).
  public func span(
    queryStart: Int, queryRows: Int, keyTile: Int, seqQ: Int, seqKV: Int
  ) -> TileSpan {
    let last = min(queryStart + queryRows, seqQ) - 1
    let empty = TileSpan(range: 0..<0, maskedHigh: 0, maskedLow: 0)
    guard last >= queryStart, let lastKeys = keys(query: last, seqQ: seqQ, seqKV: seqKV) else { return empty }
    // Bands move right with the query, so the first row has the lowest keys and the last row the highest.
    let firstRow = (queryStart...last).first { keys(query: $0, seqQ: seqQ, seqKV: seqKV) != nil } ?? last
    let firstKeys = keys(query: firstRow, seqQ: seqQ, seqKV: seqKV) ?? lastKeys
    let range = (firstKeys.lowerBound / keyTile)..<(lastKeys.upperBound / keyTile + 1)
    // A tile is whole when every row sees all of it: keys [lastKeys.lower, firstKeys.upper].
    let rowsAllSee = firstRow == queryStart
    let wholeFrom = (lastKeys.lowerBound + keyTile - 1) / keyTile
    let wholeTo = rowsAllSee ? (firstKeys.upperBound + 1) / keyTile : range.lowerBound
    guard wholeFrom < wholeTo else {
      return TileSpan(range: range, maskedHigh: range.count, maskedLow: 0)
    }
    return TileSpan(
      range: range, maskedHigh: range.upperBound - wholeTo, maskedLow: max(wholeFrom - range.lowerBound, 0))
  }
}
