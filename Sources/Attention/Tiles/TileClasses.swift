/// Query tiles that do the same, so that a kernel's work items can be given by class.
public struct TileClasses: Sendable, Hashable {
  /// What makes two query tiles equal.
  public enum Equality: Sendable {
    /// As many tiles visited, as many of them dense.
    case counts
    /// The same order of dense and partial tiles along the walk.
    case pattern
    /// The same key tiles.
    case walk
  }

  /// Tiles of queries that visit equally many tiles of keys.
  public struct Class: Sendable, Hashable {
    /// The first query tile of the class.
    public var representative: Int
    public var visited: Int
    public var dense: Int
    /// Query tiles in the class.
    public var count: Int
  }

  public let classes: [Class]
  /// Class of each query tile, in ascending order.
  public let classOfTile: [Int]
}

extension TileMap {
  /// Sorts query tiles into classes, numbered in the order of their first tiles.
  ///
  /// Complexity: O(query tiles) by counts for boxes; about O(tiles visited) otherwise.
  public func classes(by equality: TileClasses.Equality) -> TileClasses {
    var sorter = ClassSorter()
    switch (equality, source) {
    case (.counts, .boxes(let boxes)):
      for index in 0..<queryTiles {
        let (tiles, _) = boxes.tiles(of: index)
        let visited = tiles.reduce(1) { $0 * $1.visited.count }
        let dense = tiles.reduce(1) { $0 * $1.dense.count }
        sorter.add(index, key: [], visited: visited, dense: dense)
      }
    case (.counts, _):
      forEachRow { index, row in
        sorter.add(index, key: [], visited: row.visitedCount, dense: row.denseCount)
      }
    case (.pattern, _):
      forEachRow { index, row in
        sorter.add(index, key: row.pattern, visited: row.visitedCount, dense: row.denseCount)
      }
    case (.walk, _):
      forEachRow { index, row in
        let key = row.visited + [0..<0] + row.dense
        sorter.add(index, key: key, visited: row.visitedCount, dense: row.denseCount)
      }
    }
    return TileClasses(classes: sorter.classes, classOfTile: sorter.classOfTile)
  }
}

extension TileRow {
  /// Runs of dense places along the walk, which numbers visited tiles from 0.
  fileprivate var pattern: [Range<Int>] {
    var runs = KeyRuns()
    var (index, passed) = (0, 0)
    for run in dense {
      while visited[index].upperBound <= run.lowerBound {
        passed += visited[index].count
        index += 1
      }
      let start = passed + run.lowerBound - visited[index].lowerBound
      runs.append(start..<start + run.count)
    }
    return runs.runs
  }
}

/// Query tiles as they come, sorted into classes.
struct ClassSorter {
  private struct Key: Hashable {
    var runs: [Range<Int>]
    var visited: Int
    var dense: Int
  }
  var classes: [TileClasses.Class] = []
  var classOfTile: [Int] = []
  /// Whether `classOfTile` is kept.
  var remembersTiles = true
  private var known: [Key: Int] = [:]

  init(remembersTiles: Bool = true) { self.remembersTiles = remembersTiles }

  mutating func add(_ tile: Int, key: [Range<Int>], visited: Int, dense: Int) {
    let key = Key(runs: key, visited: visited, dense: dense)
    if let index = known[key] {
      classes[index].count += 1
      if remembersTiles { classOfTile.append(index) }
    } else {
      known[key] = classes.count
      if remembersTiles { classOfTile.append(classes.count) }
      classes.append(.init(representative: tile, visited: visited, dense: dense, count: 1))
    }
  }
}
