/// How sequences are cut into tiles.
public enum TileGeometry: Sendable, Hashable {
  /// Tiles of consecutive tokens, from token 0 (or from the start of each document, where those restart tiles).
  case linear(query: Int, key: Int)
  /// Boxes of a neighborhood mask's token grid: tokens are permuted so that each dilation group and each box in it is
  /// contiguous, and padded to whole boxes. Tiles are counted group by group, row-major.
  case boxes(query: [Int], key: [Int], KeyOrigin)

  /// Where tiles of keys are counted from.
  public enum KeyOrigin: Sendable, Hashable {
    /// Key boxes start at multiples of their shape.
    case fixed
    /// Key boxes start where the query tile's own bounding box of keys does; they are counted from 0 in that box.
    case dynamic
  }

  public var queryTokens: Int {
    switch self {
    case .linear(let query, _): query
    case .boxes(let query, _, _): query.reduce(1, *)
    }
  }
  public var keyTokens: Int {
    switch self {
    case .linear(_, let key): key
    case .boxes(_, let key, _): key.reduce(1, *)
    }
  }
}

/// Key tiles that a query tile visits, as ascending runs.
///
/// A tile is visited when at least one pair of the two tiles is allowed. It is dense when every query of the query tile
/// sees every slot of it (a tile that ends in padding is not dense); such tiles need no mask.
public struct TileRow: Sendable, Hashable {
  public let visited: [Range<Int>]
  /// Contained in `visited`.
  public let dense: [Range<Int>]

  public var visitedCount: Int { visited.reduce(0) { $0 + $1.count } }
  public var denseCount: Int { dense.reduce(0) { $0 + $1.count } }
  /// From the first visited tile to the last: what a kernel walks that knows no lists.
  public var hull: Range<Int> { (visited.first?.lowerBound ?? 0)..<(visited.last?.upperBound ?? 0) }

  /// The visited tiles in ascending order, each with whether it is dense. Complexity: O(visited).
  public var tiles: [(tile: Int, isDense: Bool)] {
    var result: [(tile: Int, isDense: Bool)] = []
    result.reserveCapacity(visitedCount)
    var next = 0
    for tile in visited.joined() {
      while next < dense.count, dense[next].upperBound <= tile { next += 1 }
      result.append((tile, next < dense.count && dense[next].lowerBound <= tile))
    }
    return result
  }
}

/// A mask laid over tiles: which key tiles each query tile visits.
///
/// Rows are worked out when asked for. Making a map costs what `Mask.rows(seqQ:seqKV:)` does, and for boxes O(tiles of
/// each axis).
public struct TileMap: Sendable {
  public let seqQ: Int
  public let seqKV: Int
  public let geometry: TileGeometry
  /// Query tiles launched: over all dilation groups, with tiles of padding only.
  public let queryTiles: Int
  /// Key tiles over all groups or documents.
  public let keyTiles: Int
  let source: Source

  enum Source: Sendable {
    case band(Band)
    case rows(MaskRows)
    case sequence(NeighborhoodRows)
    case boxes(NeighborhoodTiles)
    case restarting(DocumentTiles)
  }
}

extension TileMap {
  /// The grids whose row-major order numbers query and key tiles: dilation groups, then tiles of each axis. One entry
  /// for linear tiles.
  public var tileGrids: (query: [Int], key: [Int]) {
    guard case .boxes(let tiles) = source else { return ([queryTiles], [keyTiles]) }
    return ([tiles.groups] + tiles.axes.map(\.queryTiles), [tiles.groups] + tiles.axes.map(\.keyTiles))
  }
}

extension Mask {
  /// Lays the mask over tiles.
  ///
  /// - Throws: `MaskProblem` for the first thing that is wrong with the mask, the lengths or the tiles. Masks per head
  ///   are laid one by one.
  public func tiles(seqQ: Int, seqKV: Int, geometry: TileGeometry) throws(MaskProblem) -> TileMap {
    if case .perHead = self {
      throw MaskProblem(field: "heads", message: "a mask per head has a tile map for each head's mask")
    }
    if let problem = check(seqQ: seqQ, seqKV: seqKV).first { throw problem }
    let extents = [("seq-q", seqQ), ("seq-kv", seqKV)]
    for (field, length) in extents where length < 1 || length > AttentionShape.largestExtent {
      throw MaskProblem(
        field: field, limit: AttentionShape.largestExtent,
        message: "\(field) is \(length); it must lie between 1 and \(AttentionShape.largestExtent)")
    }
    switch geometry {
    case .linear(let query, let key):
      for (field, size) in [("tile-q", query), ("tile-kv", key)]
      where size < 1 || size > AttentionShape.largestExtent {
        throw MaskProblem(
          field: field, limit: size < 1 ? 1 : AttentionShape.largestExtent,
          message: "a tile of \(size) tokens; it must have 1 to \(AttentionShape.largestExtent)")
      }
      return linearTiles(seqQ: seqQ, seqKV: seqKV, query: query, key: key)
    case .boxes(let query, let key, let origin):
      guard case .neighborhood(let neighborhood) = self else {
        throw MaskProblem(field: "tile-q", message: "tiles of several axes need a token grid: a gna mask")
      }
      let tiles = try NeighborhoodTiles(neighborhood, queryTile: query, keyTile: key, origin: origin)
      return TileMap(
        seqQ: seqQ, seqKV: seqKV, geometry: geometry, queryTiles: tiles.queryTiles, keyTiles: tiles.keyTiles,
        source: .boxes(tiles))
    }
  }

  private func linearTiles(seqQ: Int, seqKV: Int, query: Int, key: Int) -> TileMap {
    var queryTiles = (seqQ + query - 1) / query
    var keyTiles = (seqKV + key - 1) / key
    let source: TileMap.Source
    if let band = band(seqQ: seqQ, seqKV: seqKV) {
      source = .band(band)
    } else if case .neighborhood(let neighborhood) = self {
      if let boxes = NeighborhoodTiles(neighborhood, linearQuery: query, linearKey: key) {
        source = .boxes(boxes)
      } else {
        source = .sequence(NeighborhoodRows(neighborhood))
      }
    } else if case .documents(let documents) = self, documents.tiling == .restarting {
      let tiles = DocumentTiles(documents, queryTile: query, keyTile: key)
      (queryTiles, keyTiles) = (tiles.queryTiles, tiles.keyTiles)
      source = .restarting(tiles)
    } else {
      source = .rows(rows(seqQ: seqQ, seqKV: seqKV))
    }
    return TileMap(
      seqQ: seqQ, seqKV: seqKV, geometry: .linear(query: query, key: key), queryTiles: queryTiles,
      keyTiles: keyTiles, source: source)
  }
}
