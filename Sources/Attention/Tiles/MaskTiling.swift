/// What one query tile sees of the key-value tiles: a run of tiles, and how many at its ends need masking.
///
/// Tiles are counted from key 0. `range` is empty where no query of the tile attends to anything.
public struct TileSpan: Sendable, Hashable {
  /// Key-value tiles from the first visited to the last, ascending.
  public var range: Range<Int>
  /// Tiles at the upper end of the range that need the mask (diagonal or ragged end of the sequence).
  public var maskedHigh: Int
  /// Tiles at the lower end that need it (left edge of a window) and are not counted in `maskedHigh`.
  public var maskedLow: Int

  package init(
    range: Range<Int>, maskedHigh: Int, maskedLow: Int
  ) {
    self.range = range
    self.maskedHigh = maskedHigh
    self.maskedLow = maskedLow
  }
}

extension Mask {
  /// Span of the query rows `[queryStart, queryStart + queryRows)` over key tiles of `keyTile` keys.
  ///
  /// Rows beyond the sequence are ignored. With packed grouped heads, pass the query positions and not the rows.
  /// Exact for bands (none, causal, windows), which a kernel walks from end to end. Any other mask gives its range from
  /// first to last visited tile, all of it marked as masked; its exact lists come from `tiles(seqQ:seqKV:tiling:)`.
  /// Complexity: O(1) for bands; else that of `rows(seqQ:seqKV:)`.
  public func span(
    queryStart: Int, queryRows: Int, keyTile: Int, seqQ: Int, seqKV: Int
  ) -> TileSpan {
    let end = min(queryStart + queryRows, seqQ)
    let empty = TileSpan(range: 0..<0, maskedHigh: 0, maskedLow: 0)
    guard queryStart < end else { return empty }
    let queries = queryStart..<end
    guard let band = band(seqQ: seqQ, seqKV: seqKV) else {
      guard let hull = rows(seqQ: seqQ, seqKV: seqKV).hull(of: queries) else { return empty }
      let range = hull.lowerBound / keyTile..<(hull.upperBound - 1) / keyTile + 1
      return TileSpan(range: range, maskedHigh: range.count, maskedLow: 0)
    }
    return band.span(of: queries, keyTile: keyTile, seqKV: seqKV) ?? empty
  }
}

extension Band {
  /// nil where no query of `queries` (not empty) attends to anything.
  package func span(of queries: Range<Int>, keyTile: Int, seqKV: Int) -> TileSpan? {
    let seen = seen(by: queries, seqKV: seqKV)
    guard !seen.isEmpty else { return nil }
    let range = seen.lowerBound / keyTile..<(seen.upperBound - 1) / keyTile + 1
    // A tile is whole when every row sees all of it.
    let common = common(to: queries, seqKV: seqKV)
    let wholeFrom = (common.lowerBound + keyTile - 1) / keyTile
    let wholeTo = common.upperBound / keyTile
    guard wholeFrom < wholeTo else {
      return TileSpan(range: range, maskedHigh: range.count, maskedLow: 0)
    }
    return TileSpan(
      range: range, maskedHigh: range.upperBound - wholeTo, maskedLow: wholeFrom - range.lowerBound)
  }
}
