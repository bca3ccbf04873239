import HWModels

/// The vector code of backward passes.
extension ValueTable {
  /// Row sums of `a * b`.
  func rowDot(_ a: Int32, _ b: Int32) -> Int32 {
    var key = Key(.rowDot)
    key.a = a
    key.b = b
    return value(key) {
      let (x, y) = (self[a], self[b])
      let result = Tile(rows: x.rows, columns: 1, liveRows: max(x.liveRows, y.liveRows))
      for row in 0..<result.liveRows {
        let left = x.elements + row * x.columns
        let right = y.elements + row * y.columns
        var total: Float = 0
        var column = 0
        while column < x.columns {
          total += left[column] * right[column]
          column &+= 1
        }
        result.elements[row] = total
      }
      return result
    }
  }

  /// `exp2(scores * log2e / sqrt(d) - logSumExp * log2e)`; zero in rows that saw no key.
  func recompute(_ scores: Int32, logSumExp: Int32) -> Int32 {
    var key = Key(.recompute)
    key.a = scores
    key.b = logSumExp
    return value(key) {
      let (tile, statistics) = (self[scores], self[logSumExp])
      let result = Tile(rows: tile.rows, columns: tile.columns, liveRows: tile.liveRows)
      let factor = Double(exponentScale)
      for row in 0..<tile.liveRows {
        let from = tile.elements + row * tile.columns
        let to = result.elements + row * tile.columns
        let statistic = statistics.elements[row]
        let subtrahend = statistic == -.infinity ? 0 : Double(Float(Double(statistic) * Exponential.log2E))
        var column = 0
        while column < tile.columns {
          to[column] = Exponential.exp2(Float(Double(from[column]) * factor - subtrahend))
          column &+= 1
        }
      }
      return result
    }
  }

  /// `probabilities * (gradient - delta)`, delta one per row.
  func scoreGradient(_ probabilities: Int32, gradient: Int32, delta: Int32) -> Int32 {
    var key = Key(.scoreGradient)
    key.a = probabilities
    key.b = gradient
    key.c = delta
    return value(key) {
      let (p, dp, d) = (self[probabilities], self[gradient], self[delta])
      let result = Tile(rows: p.rows, columns: p.columns, liveRows: max(p.liveRows, dp.liveRows))
      for row in 0..<result.liveRows {
        let left = p.elements + row * p.columns
        let right = dp.elements + row * dp.columns
        let to = result.elements + row * p.columns
        let subtrahend = d.elements[row]
        var column = 0
        while column < p.columns {
          to[column] = left[column] * (right[column] - subtrahend)
          column &+= 1
        }
      }
      return result
    }
  }
}
