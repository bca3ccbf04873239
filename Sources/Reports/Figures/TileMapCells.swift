import Attention

/// Tiles of a map gathered into cells.
struct TileMapCells {
  static let most = 256
  let rows: Int
  let columns: Int
  /// Tiles of a cell on each side.
  let height: Int
  let width: Int
  private var visited: [Int]
  private var dense: [Int]
  private var rowVisited: [Int]

  init(_ map: TileMap, columnTiles: Int) {
    let grids = map.tileGrids
    height = TileMapCells.size(of: map.queryTiles, grid: grids.query)
    width = TileMapCells.size(of: columnTiles, grid: columnTiles == map.keyTiles ? grids.key : [columnTiles])
    rows = (map.queryTiles + height - 1) / height
    columns = (columnTiles + width - 1) / width
    visited = [Int](repeating: 0, count: rows * columns)
    dense = visited
    rowVisited = [Int](repeating: 0, count: rows)
    let (height, width, columns) = (height, width, columns)
    var (visited, dense, rowVisited) = (visited, dense, rowVisited)
    func add(_ runs: [Range<Int>], row: Int, to counts: inout [Int]) {
      for run in runs {
        for column in run.lowerBound / width...(run.upperBound - 1) / width {
          counts[row * columns + column] += run.clamped(to: column * width..<(column + 1) * width).count
        }
      }
    }
    map.forEachRow { index, row in
      add(row.visited, row: index / height, to: &visited)
      add(row.dense, row: index / height, to: &dense)
      rowVisited[index / height] += row.visitedCount
    }
    (self.visited, self.dense, self.rowVisited) = (visited, dense, rowVisited)
  }

  /// Tiles a cell, at least as many as keep the cells few.
  ///
  /// Cells that end where rows of the grid end keep its pattern, so a size somewhat larger is taken for that.
  private static func size(of tiles: Int, grid: [Int]) -> Int {
    let needed = max((tiles + most - 1) / most, 1)
    var rowTiles = 1
    for extent in grid.reversed() {
      for part in 1...max(extent, 1) where extent % part == 0 && rowTiles * part >= needed {
        return rowTiles * part <= 3 * needed ? rowTiles * part : needed
      }
      rowTiles *= extent
    }
    return needed
  }

  var isExact: Bool { height == 1 && width == 1 }

  /// Visited tiles of the query tiles of a row of cells, on average.
  func meanVisited(row: Int, queryTiles: Int) -> Double {
    Double(rowVisited[row]) / Double(min((row + 1) * height, queryTiles) - row * height)
  }

  /// The class of a cell: what most of its visited tiles are, and how many quarters of its tiles are visited.
  func style(row: Int, column: Int, of map: (rows: Int, columns: Int)) -> String? {
    let index = row * columns + column
    guard visited[index] > 0 else { return nil }
    let tiles =
      (min((row + 1) * height, map.rows) - row * height)
      * (min((column + 1) * width, map.columns) - column * width)
    let kind = 2 * dense[index] >= visited[index] ? "dense" : "partial"
    return "\(kind) q\(min(max((4 * visited[index] + tiles - 1) / tiles, 1), 4))"
  }
}
