/// A neighborhood mask over boxes of its token grid.
///
/// Both sides are products over the axes, so what a query box visits is a product too: one short table per axis holds
/// everything, and counts are products of sums.
package struct NeighborhoodTiles: Sendable {
  package let neighborhood: Neighborhood
  package let axes: [Axis]
  let isDynamic: Bool
  /// Whether NATTEN's kernels would take their path without masks for this problem.
  package let takesKernelFastPath: Bool

  /// One axis: its query tiles, group by group.
  package struct Axis: Sendable {
    package let groups: Int
    package let queryTiles: Int
    /// Padded key tiles of one group.
    package let keyTiles: Int
    package let tiles: [Tile]
  }

  package struct Tile: Sendable, Hashable {
    /// Real queries, without padding.
    package var queries: Int
    /// Key tiles of the group; empty for a tile of padding only.
    package var visited: Range<Int>
    package var dense: Range<Int>
    /// Tiles that a kernel walks: from the window of the tile's first slot to the window of its last, padding included.
    package var walked: Range<Int>
  }

  /// - Throws: `MaskProblem` where a tile does not fit the token grid's axes.
  package init(
    _ neighborhood: Neighborhood, queryTile: [Int], keyTile: [Int], origin: TileGeometry.KeyOrigin
  ) throws(MaskProblem) {
    let count = neighborhood.axes.count
    for (field, tile) in [("tile-q", queryTile), ("tile-kv", keyTile)] {
      guard tile.count == count else {
        throw MaskProblem(
          field: field, limit: count,
          message: "\(field) has \(tile.count) entries for a token grid of \(count) axes")
      }
      let largest = AttentionShape.largestExtent
      if let size = tile.first(where: { $0 < 1 || $0 > largest }) {
        throw MaskProblem(
          field: field, limit: size < 1 ? 1 : largest,
          message: "\(field): a tile's extent is \(size); it must lie between 1 and \(largest)")
      }
      guard tile.reduce(1, { min($0 * $1, largest + 1) }) <= largest else {
        throw MaskProblem(
          field: field, limit: largest, message: "\(field): the tile has more than \(largest) tokens")
      }
    }
    for (axis, tile) in zip(neighborhood.axes, queryTile) where !Self.isListed(axis, queryTile: tile) {
      throw MaskProblem(
        field: "tile-q", limit: Self.mostTilesOfAxis,
        message: "an axis of \(axis.length) tokens has more than \(Self.mostTilesOfAxis) tiles of \(tile): "
          + "take larger tiles")
    }
    self.init(checked: neighborhood, queryTile: queryTile, keyTile: keyTile, isDynamic: origin == .dynamic)
  }

  private init(checked neighborhood: Neighborhood, queryTile: [Int], keyTile: [Int], isDynamic: Bool) {
    self.neighborhood = neighborhood
    self.isDynamic = isDynamic
    axes = neighborhood.axes.indices.map {
      Axis(neighborhood.axes[$0], queryTile: queryTile[$0], keyTile: keyTile[$0], isDynamic: isDynamic)
    }
    takesKernelFastPath = neighborhood.axes.indices.allSatisfy {
      neighborhood.axes[$0].isBlockSparseForKernel(queryTile: queryTile[$0], keyTile: keyTile[$0])
    }
  }

  /// Query tiles of one axis that are kept in a table.
  private static let mostTilesOfAxis = 1 << 24

  private static func isListed(_ axis: NeighborhoodAxis, queryTile: Int) -> Bool {
    axis.dilation * ((axis.groupLength(0) + queryTile - 1) / queryTile) <= mostTilesOfAxis
  }

  /// Linear tiles of the token sequence, where those are boxes: nil where some tile is none, or where a table of the tiles of
  /// an axis is too long.
  package init?(_ neighborhood: Neighborhood, linearQuery: Int, linearKey: Int) {
    guard let query = neighborhood.box(ofLinearTile: linearQuery),
      let key = neighborhood.box(ofLinearTile: linearKey),
      zip(neighborhood.axes, query).allSatisfy({ Self.isListed($0, queryTile: $1) })
    else { return nil }
    self.init(checked: neighborhood, queryTile: query, keyTile: key, isDynamic: false)
  }

  package var groups: Int { axes.reduce(1) { $0 * $1.groups } }
  package var queryTiles: Int { axes.reduce(groups) { $0 * $1.queryTiles } }
  var keyTilesPerGroup: Int { axes.reduce(1) { $0 * $1.keyTiles } }
  package var keyTiles: Int { groups * keyTilesPerGroup }

  /// The tile of each axis that query tile `index` is made of, and its dilation group.
  package func tiles(of index: Int) -> (tiles: [Tile], group: Int) {
    let perGroup = queryTiles / groups
    let group = index / perGroup
    var (place, groupRest) = (index % perGroup, group)
    var tiles: [Tile] = []
    for axis in axes.reversed() {
      tiles.append(axis.tiles[groupRest % axis.groups * axis.queryTiles + place % axis.queryTiles])
      place /= axis.queryTiles
      groupRest /= axis.groups
    }
    return (tiles.reversed(), group)
  }

  /// The key tiles that a kernel walks for query tile `index`: the bounding box from the window of its first slot to that of
  /// its last, padding included. Counted over all groups, as runs.
  package func walk(_ index: Int) -> [Range<Int>] {
    let (tiles, group) = tiles(of: index)
    var runs = KeyRuns()
    ProductSet(
      axes: tiles.map { [ProductSet.Progression($0.walked)] }, shape: axes.map(\.keyTiles)
    ).forEachRun { runs.append($0.shifted(by: group * keyTilesPerGroup)) }
    return runs.runs
  }

  /// Key tiles are counted over all groups; with a dynamic origin from 0 in the query tile's own box.
  package func row(_ index: Int) -> TileRow {
    let (tiles, group) = tiles(of: index)
    let shape = isDynamic ? tiles.map(\.visited.count) : axes.map(\.keyTiles)
    let base = isDynamic ? 0 : group * keyTilesPerGroup
    func runs(_ ranges: [Range<Int>]) -> [Range<Int>] {
      if ranges.contains(where: \.isEmpty) { return [] }
      var runs = KeyRuns()
      ProductSet(axes: ranges.map { [ProductSet.Progression($0)] }, shape: shape).forEachRun {
        runs.append($0.shifted(by: base))
      }
      return runs.runs
    }
    return TileRow(visited: runs(tiles.map(\.visited)), dense: runs(tiles.map(\.dense)))
  }
}

extension NeighborhoodTiles.Axis {
  package init(_ axis: NeighborhoodAxis, queryTile: Int, keyTile: Int, isDynamic: Bool) {
    let longest = axis.groupLength(0)
    groups = axis.dilation
    queryTiles = (longest + queryTile - 1) / queryTile
    keyTiles = (longest + keyTile - 1) / keyTile
    // Groups come in two lengths, the longer ones first.
    let first = Self.tiles(
      axis, groupLength: longest, queryTile: queryTile, keyTile: keyTile, count: queryTiles,
      isDynamic: isDynamic)
    let longer = axis.length % axis.dilation
    if longer == 0 || groups == 1 {
      tiles = (0..<groups).flatMap { _ in first }
    } else {
      let second = Self.tiles(
        axis, groupLength: longest - 1, queryTile: queryTile, keyTile: keyTile, count: queryTiles,
        isDynamic: isDynamic)
      tiles = (0..<groups).flatMap { $0 < longer ? first : second }
    }
  }

  private static func tiles(
    _ axis: NeighborhoodAxis, groupLength: Int, queryTile: Int, keyTile: Int, count: Int, isDynamic: Bool
  ) -> [NeighborhoodTiles.Tile] {
    (0..<count).map { index in
      let start = index * queryTile
      let walk = axis.seen(by: start..<start + queryTile, groupLength: groupLength)
      let walked = walk.lowerBound / keyTile..<(walk.upperBound - 1) / keyTile + 1
      guard start < groupLength else {
        return NeighborhoodTiles.Tile(queries: 0, visited: 0..<0, dense: 0..<0, walked: walked)
      }
      let places = start..<min(start + queryTile, groupLength)
      let seen = axis.seen(by: places, groupLength: groupLength)
      let common = axis.common(to: places, groupLength: groupLength)
      let origin = isDynamic ? seen.lowerBound : 0
      let touched = KeyRuns(seen.shifted(by: -origin)).tilesTouched(size: keyTile).hull ?? 0..<0
      let full = KeyRuns(common.shifted(by: -origin)).tilesInside(size: keyTile).hull ?? 0..<0
      return NeighborhoodTiles.Tile(queries: places.count, visited: touched, dense: full, walked: walked)
    }
  }
}

extension NeighborhoodAxis {
  /// NATTEN's test whether every tile of the axis is visited in full, on every dilation group.
  ///
  /// Source: NATTEN csrc/include/natten/cuda/fna_blackwell/collective/fna_fusion.hpp, `fully_block_sparse`.
  func isBlockSparseForKernel(queryTile: Int, keyTile: Int) -> Bool {
    if isCausal { return false }
    return Set([groupLength(0), groupLength(dilation - 1)]).allSatisfy { length in
      if length == window { return true }
      let center = stride / 2
      let lastLeader = min(length / stride * stride + center, length - 1)
      let lastStart = windowStart(lastLeader, groupLength: length)
      let alignsAtEnd = length % stride == 0 || lastStart % keyTile == 0
      let alignsInside = (window / 2 - center) % keyTile == 0
      let hasTwoShiftedGroups =
        length % keyTile == 0 && (length + stride - 1) / stride == 2 && stride + center >= length - window
      return stride % queryTile == 0 && window % keyTile == 0 && alignsAtEnd
        && (alignsInside || hasTwoShiftedGroups)
    }
  }
}

extension Neighborhood {
  /// The box that `tokens` consecutive tokens always are, from any multiple of `tokens`; nil where they are none.
  package func box(ofLinearTile tokens: Int) -> [Int]? {
    if let order { return order.reduce(1, *) == tokens ? order : nil }
    // In row-major order dilation groups interleave.
    guard axes.allSatisfy({ $0.dilation == 1 }) else { return nil }
    var box = [Int](repeating: 1, count: axes.count)
    var rest = tokens
    for (index, axis) in axes.enumerated().reversed() {
      if index == 0 {
        box[index] = rest
      } else if rest % axis.length == 0 {
        box[index] = axis.length
        rest /= axis.length
      } else {
        guard axis.length % rest == 0 else { return nil }
        box[index] = rest
        rest = 1
      }
      if rest == 1, index > 0, box[index] < axis.length { break }
    }
    return box
  }
}
