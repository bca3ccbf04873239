package import Attention

extension ItemSpace {
  /// The items of a batch of different lengths, from those of one sequence of each.
  ///
  /// - Parameters:
  ///   - heads: sequences of a batch element: its heads, packed ones once.
  ///   - rowTiles: tiles that are launched for every sequence, whatever it has; those beyond its own are of class `beyond`.
  ///   - one: the items of a batch element; all of its sequences have the same.
  /// - Complexity: O(runs of equal neighbours + tiles of each different one).
  package init(
    _ runs: [BatchLengths.Run], heads: Int, packedHeads: Int, rowTiles: Int = 0, beyond: ItemClass? = nil,
    of one: (BatchLengths.Run) -> ItemSpace
  ) {
    struct Tiles {
      var runs: [TileRun]
      var splits: Int
      var rowTiles: Int
    }
    var classes: [ItemClass] = []
    var places: [ItemClass: Int] = [:]
    func place(_ itemClass: ItemClass) -> Int {
      if let place = places[itemClass] { return place }
      places[itemClass] = classes.count
      classes.append(itemClass)
      return classes.count - 1
    }
    var known: [BatchLengths.Run: Tiles] = [:]
    var all: [(count: Int, tiles: Tiles)] = []
    for run in runs {
      let key = BatchLengths.Run(count: 1, queries: run.queries, keys: run.keys)
      let tiles: Tiles
      if let same = known[key] {
        tiles = same
      } else {
        let space = one(key)
        let group = space.groups.first
        var own: [TileRun] = (group?.runs ?? []).map {
          TileRun(itemClass: place(space.classes[$0.itemClass]), count: $0.count)
        }
        let present = group?.rowTiles(splits: space.splits) ?? 0
        if let beyond, rowTiles > present {
          own.append(TileRun(itemClass: place(beyond), count: rowTiles - present))
        }
        tiles = Tiles(runs: own, splits: space.splits, rowTiles: max(present, beyond == nil ? 0 : rowTiles))
        known[key] = tiles
      }
      all.append((run.count * heads, tiles))
    }
    let splits = all.map(\.tiles.splits).max() ?? 1
    let isUneven = all.contains { $0.tiles.splits != splits }
    self.init(
      classes: classes,
      groups: all.map { count, tiles in
        var group = Group(count: count, runs: tiles.runs)
        if isUneven { group.tileSplits = Array(repeating: tiles.splits, count: tiles.rowTiles) }
        return group
      }, packedHeads: packedHeads, splits: splits)
  }
}
