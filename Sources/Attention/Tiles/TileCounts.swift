/// Tiles of a map, counted over all query tiles.
public struct TileCounts: Sendable, Hashable {
  /// Query tiles launched, those of padding only among them.
  public var queryTiles = 0
  /// Query tiles with at least one query.
  public var queryTilesNotEmpty = 0
  /// Pairs of tiles without a mask: of all documents by themselves, where those restart tiles.
  public var totalTiles = 0
  public var visited = 0
  public var dense = 0
  /// Tiles from the first visited to the last, over all query tiles.
  public var span = 0
  /// Most and fewest tiles visited by a query tile that has queries.
  public var maxPerQuery = 0
  public var minPerQuery = 0

  public var partial: Int { visited - dense }
}

/// Counts that only tiles of several axes have.
public struct BoxCounts: Sendable, Hashable {
  /// Padded key tiles of one dilation group.
  public var keyTilesPerGroup: Int
  /// Tiles that NATTEN's kernels walk: padding-only query tiles work too.
  public var walked: Int
  public var maxWalkedPerQuery: Int
  /// Whether those kernels take their path without masks.
  public var takesFastPath: Bool
  /// Tiles of dense self attention, undilated.
  public var selfQueryTiles: Int
  public var selfKeyTiles: Int
}

extension TileMap {
  /// Counts all tiles.
  ///
  /// Complexity: O(tiles along each axis) for boxes, O(query tiles) for bands and documents, about O(tiles visited)
  /// otherwise.
  public var counts: TileCounts { counts { _, _, _ in } }

  /// The same, and the query tiles by how many tiles they visit. Complexity: as `counts`, and O(query tiles).
  func countsAndClasses() -> (counts: TileCounts, classes: [TileClasses.Class]) {
    if countsWithoutRows { return (counts, classes(by: .counts).classes) }
    var sorter = ClassSorter(remembersTiles: false)
    let counts = counts { index, visited, dense in
      sorter.add(index, key: [], visited: visited, dense: dense)
    }
    return (counts, sorter.classes)
  }

  /// - Parameter body: called with each query tile and the tiles it visits, where counting looks at tiles one by one.
  private func counts(_ body: (_ queryTile: Int, _ visited: Int, _ dense: Int) -> Void) -> TileCounts {
    if case .boxes(let boxes) = source { return boxes.counts }
    var counts = TileCounts(queryTiles: queryTiles, queryTilesNotEmpty: queryTiles)
    counts.totalTiles = queryTiles * keyTiles
    if case .restarting(let documents) = source { counts.totalTiles = documents.totalTiles }
    counts.minPerQuery = queryTiles == 0 ? 0 : Int.max
    if case .band(let band) = source {
      addCounts(of: band, to: &counts)
      return counts
    }
    forEachRow { index, row in
      let (visited, dense) = (row.visitedCount, row.denseCount)
      counts.visited += visited
      counts.dense += dense
      counts.span += row.hull.count
      counts.maxPerQuery = max(counts.maxPerQuery, visited)
      counts.minPerQuery = min(counts.minPerQuery, visited)
      body(index, visited, dense)
    }
    return counts
  }

  /// Whether counting keeps nothing of a query tile.
  var countsWithoutRows: Bool {
    switch source {
    case .boxes, .band: true
    case .rows, .sequence, .restarting: false
    }
  }

  /// A band has one run of tiles for each query tile, so that nothing needs to be kept of it.
  private func addCounts(of band: Band, to counts: inout TileCounts) {
    for index in 0..<queryTiles {
      let span = band.span(of: queries(index), keyTile: geometry.keyTokens, seqKV: seqKV)
      let visited = span?.range.count ?? 0
      counts.visited += visited
      if let span { counts.dense += max(visited - span.maskedLow - span.maskedHigh, 0) }
      counts.maxPerQuery = max(counts.maxPerQuery, visited)
      counts.minPerQuery = min(counts.minPerQuery, visited)
    }
    counts.span = counts.visited
  }

  /// nil for linear tiles. Complexity: O(tiles along each axis).
  public var boxCounts: BoxCounts? {
    guard case .boxes(let tiles) = source, case .boxes(let query, let key, _) = geometry else { return nil }
    func tilesOfSelfAttention(_ tile: [Int]) -> Int {
      zip(tiles.neighborhood.shape, tile).reduce(1) { $0 * (($1.0 + $1.1 - 1) / $1.1) }
    }
    return BoxCounts(
      keyTilesPerGroup: tiles.keyTilesPerGroup,
      walked: tiles.product { axis in axis.tiles.reduce(0) { $0 + $1.walked.count } },
      maxWalkedPerQuery: tiles.product { axis in axis.tiles.reduce(0) { max($0, $1.walked.count) } },
      takesFastPath: tiles.takesKernelFastPath, selfQueryTiles: tilesOfSelfAttention(query),
      selfKeyTiles: tilesOfSelfAttention(key))
  }
}

extension NeighborhoodTiles {
  package func product(_ count: (Axis) -> Int) -> Int { axes.reduce(1) { $0 * count($1) } }

  /// Sums over products are products of sums, and so are the extremes, since all factors are positive.
  package var counts: TileCounts {
    var counts = TileCounts(queryTiles: queryTiles)
    counts.queryTilesNotEmpty = product { axis in axis.tiles.count { $0.queries > 0 } }
    counts.totalTiles = queryTiles * keyTilesPerGroup
    counts.visited = product { axis in axis.tiles.reduce(0) { $0 + $1.visited.count } }
    counts.dense = product { axis in axis.tiles.reduce(0) { $0 + $1.dense.count } }
    counts.maxPerQuery = product { axis in axis.tiles.reduce(0) { max($0, $1.visited.count) } }
    counts.minPerQuery = product { axis in
      axis.tiles.filter { $0.queries > 0 }.reduce(Int.max) { min($0, $1.visited.count) }
    }
    counts.span = isDynamic ? counts.visited : span
    return counts
  }

  /// The last visited tile minus the first is a sum over the axes, each with the row-major step of its key tiles.
  private var span: Int {
    let tiles = axes.map { axis in axis.tiles.count { $0.queries > 0 } }
    let total = tiles.reduce(1, *)
    var (sum, step) = (total, 1)
    for index in axes.indices.reversed() {
      let extents = axes[index].tiles.reduce(0) { $0 + max($1.visited.count - 1, 0) }
      sum += step * extents * (total / tiles[index])
      step *= axes[index].keyTiles
    }
    return sum
  }
}
