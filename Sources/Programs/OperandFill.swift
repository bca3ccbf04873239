public import Attention

extension Kernel {
  /// Share of the kernel's matrix flops whose operands are elements of the call. The rest is padding: of the last tile of
  /// queries or keys, of the rows of an instruction, of the columns of a head. Its operands are zeros, or equal
  /// probabilities, which toggle as little.
  ///
  /// A decode call with one query in a tile of 16 rows fills a sixteenth. What a mask forbids counts as filled: its
  /// scores are worked out in full before they are dropped.
  ///
  /// - Leaves out: that FlashAttention-2 does not clear the rows past the end, which keep the tile before.
  /// - Complexity: O(operations + classes).
  public func operandFill(_ shape: AttentionShape) -> Double {
    if operandsAreZero { return 0 }
    var query = Side()
    var key = Side()
    var value = Side()
    var executed = 0.0
    var needed = 0.0
    for actor in actors {
      for block in actor.blocks {
        for index in block.operations.indices {
          let work = block.operations[index].work
          if work.matrixFlops > 0 {
            executed += work.matrixFlops
            needed += min(flops(block.operations[index].action), work.matrixFlops)
          } else if work.globalRead + work.streamRead > 0 {
            block.operations[index].action.forEachLoad { tensor, coordinate, target in
              let columns = buffers[target.buffer.index].columns
              switch tensor {
              case .q, .permutedQ: query.add(tensor, coordinate, columns)
              case .k, .permutedK: key.add(tensor, coordinate, columns)
              case .v, .permutedV: value.add(tensor, coordinate, columns)
              default: break
              }
            }
          }
        }
      }
    }
    guard executed > 0 else { return 1 }
    // Kernels without actions for their products say nothing of their instructions.
    let instructions = needed > 0 ? needed / executed : 1
    let columns =
      key.columns >= shape.headDim && value.columns >= shape.headDimV
      ? Double(shape.headDim + shape.headDimV) / Double(key.columns + value.columns) : 1
    let rows =
      shape.hasQueryLengths ? raggedFill(query, shape) : fill(query, rows: shape.seqQ * items.packedHeads)
    return instructions * columns * rows * fill(key, rows: shape.seqKV)
  }

  /// The same over sequences with different numbers of queries, each by the keys that its tiles walk over.
  private func raggedFill(_ side: Side, _ shape: AttentionShape) -> Double {
    guard side.tile > 0 else { return 1 }
    var (filled, all) = (0.0, 0.0)
    for run in shape.runs {
      let rows = run.queries * items.packedHeads
      let tiles = (rows + side.tile - 1) / side.tile
      let keys = Double(run.count) * Double(run.keys)
      filled += keys * Double(rows)
      all += keys * Double(tiles * side.tile)
    }
    return all > 0 ? filled / all : 1
  }

  /// Tiles of one tensor as a kernel reads them.
  private struct Side {
    var tile = 0
    var columns = 0
    /// Whether a work item owns a tile of it, instead of walking over its tiles.
    var isOwned = false
    var isPermuted = false

    mutating func add(_ tensor: Tensor, _ coordinate: TileCoordinate, _ columns: Int) {
      self.columns = max(self.columns, columns)
      isPermuted = tensor.isIntermediate
      switch coordinate.index {
      case .item(let scale, _):
        isOwned = true
        tile = max(tile, coordinate.rows * max(scale, 1))
      case .walk: tile = max(tile, coordinate.rows)
      }
    }
  }

  /// Rows over the rows of the tiles that hold them.
  private func fill(_ side: Side, rows: Int) -> Double {
    guard side.tile > 0, rows > 0 else { return 1 }
    var tiles = Double((rows - 1) / side.tile + 1)
    if side.isOwned, items.groups.count == 1 {
      tiles = Double(items.groups[0].rowTiles(splits: items.splits))
    } else if side.isPermuted {
      // The order pads each tile of tokens; walks reach the last of them.
      tiles = Double(items.classes.reduce(0) { max($0, $1.walk.end) })
    }
    guard tiles > 0 else { return 1 }
    return min(Double(rows) / (tiles * Double(side.tile)), 1)
  }

  /// Flops of the products of an action, on the rows and columns of its tiles.
  private func flops(_ action: Action) -> Double {
    switch action {
    case .matmul(let into, let a, _, let transposeA, _, _):
      let target = extent(into)
      let inner = transposeA ? extent(a).rows : extent(a).columns
      return 2 * Double(target.rows) * Double(target.columns) * Double(inner)
    case .sequence(let actions): return actions.reduce(0) { $0 + flops($1) }
    default: return 0
    }
  }

  private func extent(_ tile: TileRef) -> (rows: Int, columns: Int) {
    let buffer = buffers[tile.buffer.index]
    return (tile.rows?.count ?? buffer.rows, tile.columns?.count ?? buffer.columns)
  }
}

extension ItemClass.Walk {
  /// One past the last tile it visits. Complexity: O(1), for lists O(tiles), for runs O(runs).
  fileprivate var end: Int {
    switch self {
    case .ascending(let range), .descending(let range): range.upperBound
    case .list(let tiles): (tiles.max() ?? -1) + 1
    case .runs(let runs, _): runs.reduce(0) { max($0, $1.upperBound) }
    }
  }
}

extension Action {
  fileprivate func forEachLoad(_ body: (Tensor, TileCoordinate, TileRef) -> Void) {
    switch self {
    case .load(let tensor, let coordinate, let into): body(tensor, coordinate, into)
    case .sequence(let actions): for action in actions { action.forEachLoad(body) }
    default: break
    }
  }
}
