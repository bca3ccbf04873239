import HWModels

/// The vector code of backward passes.
extension ValueTable {
  /// Row sums of `a * b`.
  func rowDot(_ a: Int32, _ b: Int32) -> Int32 {
    value(Key(.rowDot, a, b)) {
      let (x, y) = (self[a], self[b])
      return Tile(rows: x.rows, liveRows: max(x.liveRows, y.liveRows)) { row in
        var total: Float = 0
        for place in x.places(ofRow: row) { total += x.elements[place] * y.elements[place] }
        return total
      }
    }
  }

  /// `exp2(scores * log2e / sqrt(d) - logSumExp * log2e)`; zero in rows that saw no key.
  func recompute(_ scores: Int32, logSumExp: Int32) -> Int32 {
    value(Key(.recompute, scores, logSumExp)) {
      let (tile, statistics) = (self[scores], self[logSumExp])
      var result = Tile(rows: tile.rows, columns: tile.columns, liveRows: tile.liveRows)
      let factor = Double(exponentScale)
      for row in 0..<tile.liveRows {
        let statistic = statistics.elements[row]
        let subtrahend = statistic == -.infinity ? 0 : Double(Float(Double(statistic) * Exponential.log2E))
        for place in tile.places(ofRow: row) {
          result.elements[place] = Exponential.exp2(Float(Double(tile.elements[place]) * factor - subtrahend))
        }
      }
      return result
    }
  }

  /// `probabilities * (gradient - delta)`, delta one per row.
  func scoreGradient(_ probabilities: Int32, gradient: Int32, delta: Int32) -> Int32 {
    value(Key(.scoreGradient, probabilities, gradient, delta)) {
      let (p, dp, d) = (self[probabilities], self[gradient], self[delta])
      var result = Tile(rows: p.rows, columns: p.columns, liveRows: max(p.liveRows, dp.liveRows))
      for row in 0..<result.liveRows {
        for place in p.places(ofRow: row) {
          result.elements[place] = p.elements[place] * (dp.elements[place] - d.elements[row])
        }
      }
      return result
    }
  }
}
