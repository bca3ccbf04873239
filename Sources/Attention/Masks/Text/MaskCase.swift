/// One row of a table of masks: a mask, lengths, tiles, and the counts that follow from them.
public struct MaskCase: Sendable, Hashable {
  public var mask: Mask
  public var seqQ: Int
  public var seqKV: Int
  public var geometry: TileGeometry

  public init(mask: Mask, seqQ: Int, seqKV: Int, geometry: TileGeometry) {
    self.mask = mask
    self.seqQ = seqQ
    self.seqKV = seqKV
    self.geometry = geometry
  }

  /// Query tiles that are looked at one by one in a few seconds.
  private static let mostRows = 1 << 24

  /// Counts everything that the columns of either table ask for.
  ///
  /// - Throws: `MaskProblem` for a mask that does not fit the lengths or the tiles.
  public func counts() throws(MaskProblem) -> MaskCaseCounts {
    let map = try mask.tiles(seqQ: seqQ, seqKV: seqKV, geometry: geometry)
    if !map.countsWithoutRows, map.queryTiles > Self.mostRows {
      throw MaskProblem(
        field: "tile-q", limit: Self.mostRows,
        message:
          "\(map.queryTiles) query tiles; this mask is counted row by row, for at most \(Self.mostRows):"
          + " take larger tiles")
    }
    var (pairs, emptyRows) = (0, 0)
    if case .neighborhood(let neighborhood) = mask {
      pairs = neighborhood.attendedPairs
    } else {
      let rows = if case .rows(let rows) = map.source { rows } else { mask.rows(seqQ: seqQ, seqKV: seqKV) }
      (pairs, emptyRows) = (rows.attendedPairs, rows.emptyRows)
    }
    let listsClasses = map.queryTiles <= MaskCaseCounts.mostListedTiles
    let (tiles, classes) = listsClasses ? map.countsAndClasses() : (map.counts, nil)
    return MaskCaseCounts(
      map: map, tiles: tiles, boxes: map.boxCounts, attendedPairs: pairs, emptyQueryRows: emptyRows,
      classes: classes)
  }
}

/// Counts of one mask over its tiles, and the speed-ups they bound.
public struct MaskCaseCounts: Sendable {
  public let map: TileMap
  public let tiles: TileCounts
  /// nil for linear tiles.
  public let boxes: BoxCounts?
  public let attendedPairs: Int
  public let emptyQueryRows: Int
  /// Query tiles by how many tiles they visit, numbered in the order of their first tiles; nil for more than
  /// `mostListedTiles`.
  public let classes: [TileClasses.Class]?
  /// Query tiles of a map whose classes are listed; of more only the totals are told.
  public static let mostListedTiles = 1 << 20

  /// Key tiles of self attention over those of the worst query tile; nil where that has no meaning: no tile visited, or
  /// tiles that restart at documents.
  ///
  /// Source: Hassani et al. 2025, "Generalized Neighborhood Attention", appendix B.1.
  public var tileSpeedupMax: Double? {
    if case .restarting = map.source { return nil }
    return ratio(boxes?.selfKeyTiles ?? keyTiles, tiles.maxPerQuery)
  }
  /// Tiles of self attention over visited tiles.
  public var tileSpeedupMean: Double? { ratio(selfTiles, tiles.visited) }
  /// All pairs over attended pairs.
  public var flopSpeedup: Double? { ratio(map.seqQ * map.seqKV, attendedPairs) }
  /// Pairs in visited tiles, padding included.
  public var issuedPairs: Int { tiles.visited * map.geometry.queryTokens * map.geometry.keyTokens }
  /// Attended pairs over issued pairs.
  public var tileEfficiency: Double? { ratio(attendedPairs, issuedPairs) }
  public var keyTiles: Int { map.keyTiles }
  public var selfTiles: Int { boxes.map { $0.selfQueryTiles * $0.selfKeyTiles } ?? tiles.totalTiles }
  public var isBlockSparse: Bool { tiles.partial == 0 }

  private func ratio(_ a: Int, _ b: Int) -> Double? { b == 0 ? nil : Double(a) / Double(b) }
}
