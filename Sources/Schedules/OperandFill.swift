extension Kernel {
  /// Share of its matrix flops whose operands are rows of the call: the rest multiplies the zeros that fill up the last
  /// tile of queries or of keys.
  ///
  /// A decode call with one query in a tile of 16 rows fills a sixteenth. What a mask forbids counts as filled: its
  /// scores are worked out in full before they are dropped.
  ///
  /// - Complexity: O(operations).
  public func operandFill(_ shape: AttentionShape) -> Double {
    var queryTile = 0
    var keyTile = 0
    for actor in actors {
      for block in actor.blocks {
        for index in block.operations.indices
        where block.operations[index].work.globalRead + block.operations[index].work.streamRead > 0 {
          block.operations[index].action.forEachLoad { tensor, coordinate in
            switch tensor {
            case .q, .permutedQ: queryTile = max(queryTile, coordinate.tileRows)
            case .k, .permutedK: keyTile = max(keyTile, coordinate.tileRows)
            default: break
            }
          }
        }
      }
    }
    return Self.fill(shape.seqQ * items.packedHeads, tile: queryTile) * Self.fill(shape.seqKV, tile: keyTile)
  }

  private static func fill(_ rows: Int, tile: Int) -> Double {
    guard tile > 0, rows > 0 else { return 1 }
    return Double(rows) / (Double((rows - 1) / tile + 1) * Double(tile))
  }
}

extension TileCoordinate {
  /// Rows of the work item's tile of which it is the whole or a part.
  fileprivate var tileRows: Int {
    if case .item(let scale, _) = index { rows * max(scale, 1) } else { rows }
  }
}

extension Action {
  fileprivate func forEachLoad(_ body: (Tensor, TileCoordinate) -> Void) {
    switch self {
    case .load(let tensor, let coordinate, _): body(tensor, coordinate)
    case .sequence(let actions): for action in actions { action.forEachLoad(body) }
    default: break
    }
  }
}
