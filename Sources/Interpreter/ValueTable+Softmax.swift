import Attention
import HWModels

/// Maxima, exponentials, sums and what is made of them.
extension ValueTable {
  /// Scores with forbidden pairs at minus infinity. Row r is row `firstRow + r` of a sequence of packed heads, the
  /// first of which is `head`; rows and keys count in the given orders where there are some.
  func masked(
    _ scores: Int32, firstRow: Int, firstKey: Int, packedHeads: Int, head: Int, lastKey: Int? = nil,
    rowOrder: TokenOrder? = nil, keyOrder: TokenOrder? = nil
  ) -> Int32 {
    let masks = (0..<packedHeads).map { visible.mask(ofHead: head + $0) }
    var key = Key(.mask)
    // Heads with different masks make different values of equal scores.
    key.b = Int32(masks[0])
    key.c = masks.allSatisfy { $0 == masks[0] } ? -1 : Int32(head % shape.headsQ)
    key.a = scores
    key.p = Int32(firstRow)
    key.q = Int32(firstKey)
    key.r = Int32(packedHeads)
    key.s = rowOrder == nil && keyOrder == nil ? lastKey.map { Int32($0) + 2 } ?? 0 : 1
    return value(key) {
      let tile = self[scores].copy()
      tile.type = .fp32
      if let rowOrder, let keyOrder {
        maskPermuted(
          tile, rows: (firstRow..<firstRow + tile.liveRows).map { rowOrder.token(ofRow: $0) },
          keys: (firstKey..<firstKey + tile.columns).map { keyOrder.token(ofRow: $0) }, mask: masks[0])
        return tile
      }
      for row in 0..<tile.liveRows {
        let start = tile.elements + row * tile.columns
        var from = 0
        let query = (firstRow + row) / packedHeads
        for visible in visible.keys(mask: masks[(firstRow + row) % packedHeads], query: query) {
          let upper = min(visible.upperBound, lastKey ?? .max) - firstKey
          let lower = min(max(visible.lowerBound - firstKey, from), tile.columns)
          if from < lower { (start + from).update(repeating: -.infinity, count: lower - from) }
          from = max(from, min(upper, tile.columns))
        }
        if from < tile.columns { (start + from).update(repeating: -.infinity, count: tile.columns - from) }
      }
      tile.liveColumns = tile.columns
      return tile
    }
  }

  /// The same where rows and columns are tokens in any order, or padding.
  private func maskPermuted(_ tile: Tile, rows: [Int?], keys: [Int?], mask: Int) {
    for (row, token) in rows.enumerated() {
      let runs = token.map { visible.keys(mask: mask, query: $0) } ?? []
      for (column, key) in keys.enumerated() {
        let isVisible = key.map { key in runs.contains { $0.contains(key) } } ?? false
        if !isVisible { tile.elements[row * tile.columns + column] = -.infinity }
      }
    }
    tile.liveColumns = tile.columns
  }

  /// `max(old, row max of scores)`, adopted where it grows by more than `threshold` powers of two.
  func maximum(_ scores: Int32, old: Int32, threshold: Double) -> Int32 {
    var key = Key(.maximum)
    key.a = scores
    key.b = old
    key.p = Int32(bitPattern: Float(threshold).bitPattern)
    return value(key) {
      let (tile, before) = (self[scores], self[old])
      let result = Tile(rows: before.rows, columns: 1, liveRows: min(tile.liveRows, before.rows))
      let limit = Float(threshold)
      for row in 0..<result.liveRows {
        let start = tile.elements + row * tile.columns
        var largest = before.elements[row]
        let old = largest
        var column = 0
        while column < tile.columns {
          let score = start[column]
          // Written so that NaN wins: poison must show.
          if !(score <= largest) { largest = score }
          column &+= 1
        }
        let growth = (largest - old) * exponentScale
        result.elements[row] = threshold > 0 && growth <= limit ? old : largest
      }
      return result
    }
  }

  /// Element by element, the larger of two.
  func larger(_ a: Int32, _ b: Int32) -> Int32 {
    var key = Key(.larger)
    key.a = a
    key.b = b
    return value(key) {
      let (x, y) = (self[a], self[b])
      let result = Tile(
        rows: x.rows, columns: x.columns, liveRows: max(x.liveRows, y.liveRows),
        liveColumns: max(x.liveColumns, y.liveColumns))
      for i in 0..<result.liveRows * result.columns {
        result.elements[i] = y.elements[i] <= x.elements[i] ? x.elements[i] : y.elements[i]
      }
      return result
    }
  }

  /// `exp2((old - new) * log2e / sqrt(d))` for each row: what a change of the maximum multiplies sums by.
  func scale(old: Int32, new: Int32) -> Int32 {
    var key = Key(.scale)
    key.a = old
    key.b = new
    return value(key) {
      let (x, y) = (self[old], self[new])
      let result = Tile(rows: x.rows, columns: 1, liveRows: y.liveRows)
      for row in 0..<result.liveRows {
        // A row that has seen no key yet counts from zero, so that minus infinity stays out of differences.
        let reference = y.elements[row] == -.infinity ? 0 : y.elements[row]
        result.elements[row] = Exponential.exp2((x.elements[row] - reference) * exponentScale)
      }
      return result
    }
  }

  /// `exp2((scores - maximum) * log2e / sqrt(d) + offset)`, `polynomialShare` of the columns by polynomial.
  func probabilities(_ scores: Int32, maximum: Int32, polynomialShare: Double, log2Offset: Double) -> Int32 {
    var key = Key(.probabilities)
    key.a = scores
    key.b = maximum
    key.p = Int32(bitPattern: Float(polynomialShare).bitPattern)
    key.q = Int32(bitPattern: Float(log2Offset).bitPattern)
    return value(key) {
      let (tile, largest) = (self[scores], self[maximum])
      let result = Tile(rows: tile.rows, columns: tile.columns, liveRows: tile.liveRows)
      let factor = Double(exponentScale)
      let isPolynomial = (0..<tile.columns).map { column in
        (Double(column + 1) * polynomialShare).rounded(.down)
          > (Double(column) * polynomialShare).rounded(.down)
      }
      for row in 0..<tile.liveRows {
        let from = tile.elements + row * tile.columns
        let to = result.elements + row * tile.columns
        let reference = largest.elements[row] == -.infinity ? 0 : largest.elements[row]
        // One fused multiply-add in fp32: its product is exact in double.
        let subtrahend = Double(Float(Double(reference) * factor - log2Offset))
        var column = 0
        if polynomialShare == 0 {
          while column < tile.columns {
            to[column] = Exponential.exp2(Float(Double(from[column]) * factor - subtrahend))
            column &+= 1
          }
        } else {
          while column < tile.columns {
            let exponent = Float(Double(from[column]) * factor - subtrahend)
            to[column] =
              isPolynomial[column] ? Exponential.polynomialExp2(exponent) : Exponential.exp2(exponent)
            column &+= 1
          }
        }
      }
      return result
    }
  }

  /// `sum * scale + row sum of probabilities`.
  func rowSum(_ probabilities: Int32, sum: Int32, scale: Int32) -> Int32 {
    var key = Key(.rowSum)
    key.a = probabilities
    key.b = sum
    key.c = scale
    return value(key) {
      let (tile, before, factor) = (self[probabilities], self[sum], self[scale])
      let result = Tile(rows: before.rows, columns: 1, liveRows: max(tile.liveRows, before.liveRows))
      for row in 0..<min(result.liveRows, tile.rows) {
        let start = tile.elements + row * tile.columns
        var even: Float = 0
        var odd: Float = 0
        var column = 0
        while column &+ 4 <= tile.columns {
          even += start[column] + start[column &+ 2]
          odd += start[column &+ 1] + start[column &+ 3]
          column &+= 4
        }
        while column < tile.columns {
          even += start[column]
          column &+= 1
        }
        result.elements[row] = before.elements[row] * factor.elements[row] + (even + odd)
      }
      return result
    }
  }

  /// Each row times its entry of a vector.
  func scaleRows(_ id: Int32, by vector: Int32) -> Int32 {
    var key = Key(.scaleRows)
    key.a = id
    key.b = vector
    return value(key) { rowwise(self[id], self[vector]) { $0 } }
  }

  /// Each row over its entry of a vector; zero where that is zero.
  func divideRows(_ id: Int32, by vector: Int32) -> Int32 {
    var key = Key(.divideRows)
    key.a = id
    key.b = vector
    return value(key) { rowwise(self[id], self[vector]) { $0 == 0 ? 0 : 1 / $0 } }
  }

  private func rowwise(_ source: Tile, _ vector: Tile, _ factor: (Float) -> Float) -> Tile {
    let result = Tile(
      rows: source.rows, columns: source.columns, liveRows: source.liveRows, liveColumns: source.liveColumns)
    for row in 0..<source.liveRows {
      let from = source.elements + row * source.columns
      let to = result.elements + row * source.columns
      let multiplier = factor(vector.elements[row])
      var column = 0
      while column < source.liveColumns {
        to[column] = from[column] * multiplier
        column &+= 1
      }
    }
    return result
  }

  func multiply(_ id: Int32, by number: Double) -> Int32 {
    let factor = Float(number)
    var key = Key(.multiply)
    key.a = id
    key.p = Int32(bitPattern: factor.bitPattern)
    return value(key) {
      let source = self[id]
      let result = source.copy()
      result.type = .fp32
      for i in 0..<source.liveRows * source.columns { result.elements[i] *= factor }
      return result
    }
  }

  func add(_ a: Int32, _ b: Int32) -> Int32 {
    var key = Key(.add)
    key.a = a
    key.b = b
    return value(key) {
      let (x, y) = (self[a], self[b])
      let result = x.copy()
      result.type = .fp32
      result.liveRows = max(x.liveRows, y.liveRows)
      result.liveColumns = max(x.liveColumns, y.liveColumns)
      let count = min(result.rows, y.rows) * result.columns
      var i = 0
      while i < min(count, result.liveRows * result.columns) {
        result.elements[i] = result.elements[i] + y.elements[i]
        i &+= 1
      }
      return result
    }
  }

  /// `maximum / sqrt(d) + ln(sum) - offset ln 2`; minus infinity for a row that saw no key.
  func logSumExp(maximum: Int32, sum: Int32, log2Offset: Double) -> Int32 {
    var key = Key(.logSumExp)
    key.a = maximum
    key.b = sum
    key.p = Int32(bitPattern: Float(log2Offset).bitPattern)
    return value(key) {
      let (largest, total) = (self[maximum], self[sum])
      let result = Tile(rows: total.rows, columns: 1, liveRows: max(largest.liveRows, total.liveRows))
      for row in 0..<result.liveRows {
        let l = total.elements[row]
        result.elements[row] =
          l == 0
          ? -.infinity
          : Float(
            Double(largest.elements[row]) * softmaxScale + Exponential.log(Double(l)) - log2Offset
              * Exponential.ln2)
      }
      return result
    }
  }

  /// `exp(logSumExp - largest)`: the weight of a partial result in the merge; zero where it saw no key.
  func partialWeight(_ logSumExp: Int32, largest: Int32) -> Int32 {
    var key = Key(.partialWeight)
    key.a = logSumExp
    key.b = largest
    return value(key) {
      let (own, most) = (self[logSumExp], self[largest])
      let result = Tile(rows: own.rows, columns: 1, liveRows: own.liveRows)
      for row in 0..<result.liveRows {
        let reference = most.elements[row] == -.infinity ? 0 : most.elements[row]
        result.elements[row] = Exponential.exp2((own.elements[row] - reference) * Float(Exponential.log2E))
      }
      return result
    }
  }

  /// `largest + ln(sum)`: the log-sum-exp of merged partial results.
  func mergedLogSumExp(largest: Int32, weights: Int32) -> Int32 {
    var key = Key(.normalise)
    key.a = largest
    key.b = weights
    return value(key) {
      let (most, total) = (self[largest], self[weights])
      let result = Tile(rows: most.rows, columns: 1, liveRows: most.liveRows)
      for row in 0..<result.liveRows {
        let l = total.elements[row]
        result.elements[row] =
          l == 0 ? -.infinity : Float(Double(most.elements[row]) + Exponential.log(Double(l)))
      }
      return result
    }
  }
}
