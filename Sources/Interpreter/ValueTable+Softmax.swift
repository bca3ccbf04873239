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
    // Heads with different masks make different values of equal scores.
    let heads = masks.allSatisfy { $0 == masks[0] } ? -1 : Int32(head % shape.headsQ)
    let keys = rowOrder == nil && keyOrder == nil ? lastKey.map { $0 + 2 } ?? 0 : 1
    return value(
      Key(.mask, scores, Int32(masks[0]), heads, p: firstRow, q: firstKey, r: packedHeads, s: keys)
    ) {
      var tile = self[scores]
      tile.type = .fp32
      if let rowOrder, let keyOrder {
        maskPermuted(
          &tile, rows: (firstRow..<firstRow + tile.liveRows).map { rowOrder.token(ofRow: $0) },
          keys: (firstKey..<firstKey + tile.columns).map { keyOrder.token(ofRow: $0) }, mask: masks[0])
      } else {
        for row in 0..<tile.liveRows {
          let start = row * tile.columns
          var from = 0
          let query = (firstRow + row) / packedHeads
          for visible in visible.keys(mask: masks[(firstRow + row) % packedHeads], query: query) {
            let upper = min(visible.upperBound, lastKey ?? .max) - firstKey
            let lower = min(max(visible.lowerBound - firstKey, from), tile.columns)
            for column in from..<lower { tile.elements[start + column] = -.infinity }
            from = max(from, min(upper, tile.columns))
          }
          for column in from..<tile.columns { tile.elements[start + column] = -.infinity }
        }
      }
      tile.liveColumns = tile.columns
      return tile
    }
  }

  /// The same where rows and columns are tokens in any order, or padding.
  private func maskPermuted(_ tile: inout Tile, rows: [Int?], keys: [Int?], mask: Int) {
    for (row, token) in rows.enumerated() {
      let runs = token.map { visible.keys(mask: mask, query: $0) } ?? []
      for (column, key) in keys.enumerated() {
        let isVisible = key.map { key in runs.contains { $0.contains(key) } } ?? false
        if !isVisible { tile.elements[row * tile.columns + column] = -.infinity }
      }
    }
  }

  /// `max(old, row max of scores)`, adopted where it grows by more than `threshold` powers of two.
  func maximum(_ scores: Int32, old: Int32, threshold: Double) -> Int32 {
    value(Key(.maximum, scores, old, p: Key.bits(threshold))) {
      let (tile, before) = (self[scores], self[old])
      return Tile(rows: before.rows, liveRows: min(tile.liveRows, before.rows)) { row in
        let old = before.elements[row]
        var largest = old
        for place in tile.places(ofRow: row) {
          let score = tile.elements[place]
          // Written so that NaN wins: poison must show.
          if !(score <= largest) { largest = score }
        }
        let growth = (largest - old) * exponentScale
        return threshold > 0 && growth <= Float(threshold) ? old : largest
      }
    }
  }

  /// Element by element, the larger of two.
  func larger(_ a: Int32, _ b: Int32) -> Int32 {
    value(Key(.larger, a, b)) {
      let (x, y) = (self[a], self[b])
      var result = Tile(
        rows: x.rows, columns: x.columns, liveRows: max(x.liveRows, y.liveRows),
        liveColumns: max(x.liveColumns, y.liveColumns))
      for i in 0..<result.liveRows * result.columns {
        result.elements[i] = y.elements[i] <= x.elements[i] ? x.elements[i] : y.elements[i]
      }
      return result
    }
  }

  /// A row that has seen no key yet counts from zero, so that minus infinity stays out of differences.
  private func reference(_ maximum: Float) -> Float { maximum == -.infinity ? 0 : maximum }

  /// `exp2((old - new) * log2e / sqrt(d))` for each row: what a change of the maximum multiplies sums by.
  func scale(old: Int32, new: Int32) -> Int32 {
    value(Key(.scale, old, new)) {
      let (x, y) = (self[old], self[new])
      return Tile(rows: x.rows, liveRows: y.liveRows) { row in
        Exponential.exp2((x.elements[row] - reference(y.elements[row])) * exponentScale)
      }
    }
  }

  /// `exp2((scores - maximum) * log2e / sqrt(d))`, `polynomialShare` of the columns by polynomial.
  func probabilities(_ scores: Int32, maximum: Int32, polynomialShare: Double) -> Int32 {
    value(Key(.probabilities, scores, maximum, p: Key.bits(polynomialShare))) {
      let (tile, largest) = (self[scores], self[maximum])
      var result = Tile(rows: tile.rows, columns: tile.columns, liveRows: tile.liveRows)
      let factor = Double(exponentScale)
      let isPolynomial = (0..<tile.columns).map { column in
        (Double(column + 1) * polynomialShare).rounded(.down)
          > (Double(column) * polynomialShare).rounded(.down)
      }
      for row in 0..<tile.liveRows {
        let start = row * tile.columns
        // One fused multiply-add in fp32: its product is exact in double.
        let subtrahend = Double(Float(Double(reference(largest.elements[row])) * factor))
        for column in 0..<tile.columns {
          let exponent = Float(Double(tile.elements[start + column]) * factor - subtrahend)
          result.elements[start + column] =
            isPolynomial[column] ? Exponential.polynomialExp2(exponent) : Exponential.exp2(exponent)
        }
      }
      return result
    }
  }

  /// `sum * scale + row sum of probabilities`.
  func rowSum(_ probabilities: Int32, sum: Int32, scale: Int32) -> Int32 {
    value(Key(.rowSum, probabilities, sum, scale)) {
      let (tile, before, factor) = (self[probabilities], self[sum], self[scale])
      var result = Tile(rows: before.rows, columns: 1, liveRows: max(tile.liveRows, before.liveRows))
      for row in 0..<min(result.liveRows, tile.rows) {
        var (even, odd): (Float, Float) = (0, 0)
        var places = tile.places(ofRow: row)
        while places.count >= 4 {
          let place = places.lowerBound
          even += tile.elements[place] + tile.elements[place + 2]
          odd += tile.elements[place + 1] + tile.elements[place + 3]
          places = place + 4..<places.upperBound
        }
        for place in places { even += tile.elements[place] }
        result.elements[row] = before.elements[row] * factor.elements[row] + (even + odd)
      }
      return result
    }
  }

  /// Each row times its entry of a vector.
  func scaleRows(_ id: Int32, by vector: Int32) -> Int32 {
    value(Key(.scaleRows, id, vector)) { rowwise(self[id], self[vector]) { $0 } }
  }

  /// Each row over its entry of a vector; zero where that is zero.
  func divideRows(_ id: Int32, by vector: Int32) -> Int32 {
    value(Key(.divideRows, id, vector)) { rowwise(self[id], self[vector]) { $0 == 0 ? 0 : 1 / $0 } }
  }

  private func rowwise(_ source: Tile, _ vector: Tile, _ factor: (Float) -> Float) -> Tile {
    var result = Tile(
      rows: source.rows, columns: source.columns, liveRows: source.liveRows, liveColumns: source.liveColumns)
    for row in 0..<source.liveRows {
      let multiplier = factor(vector.elements[row])
      for place in source.places(ofRow: row).prefix(source.liveColumns) {
        result.elements[place] = source.elements[place] * multiplier
      }
    }
    return result
  }

  func multiply(_ id: Int32, by number: Double) -> Int32 {
    value(Key(.multiply, id, p: Key.bits(number))) {
      var result = self[id]
      result.type = .fp32
      for i in 0..<result.liveRows * result.columns { result.elements[i] *= Float(number) }
      return result
    }
  }

  func add(_ a: Int32, _ b: Int32) -> Int32 {
    value(Key(.add, a, b)) {
      let (x, y) = (self[a], self[b])
      var result = x
      result.type = .fp32
      result.liveRows = max(x.liveRows, y.liveRows)
      result.liveColumns = max(x.liveColumns, y.liveColumns)
      for i in 0..<min(result.rows, y.rows, result.liveRows) * result.columns {
        result.elements[i] += y.elements[i]
      }
      return result
    }
  }

  /// `maximum / sqrt(d) + ln(sum) - offset ln 2`; minus infinity for a row that saw no key.
  func logSumExp(maximum: Int32, sum: Int32) -> Int32 {
    value(Key(.logSumExp, maximum, sum)) {
      let (largest, total) = (self[maximum], self[sum])
      return Tile(rows: total.rows, liveRows: max(largest.liveRows, total.liveRows)) { row in
        if total.elements[row] == 0 { return -.infinity }
        let base = Double(largest.elements[row]) * softmaxScale
        return Float(base + Exponential.log(Double(total.elements[row])))
      }
    }
  }

  /// `exp(logSumExp - largest)`: the weight of a partial result in the merge; zero where it saw no key.
  func partialWeight(_ logSumExp: Int32, largest: Int32) -> Int32 {
    value(Key(.partialWeight, logSumExp, largest)) {
      let (own, most) = (self[logSumExp], self[largest])
      return Tile(rows: own.rows, liveRows: own.liveRows) { row in
        Exponential.exp2((own.elements[row] - reference(most.elements[row])) * Float(Exponential.log2E))
      }
    }
  }

  /// `largest + ln(sum)`: the log-sum-exp of merged partial results.
  func mergedLogSumExp(largest: Int32, weights: Int32) -> Int32 {
    value(Key(.normalise, largest, weights)) {
      let (most, total) = (self[largest], self[weights])
      return Tile(rows: most.rows, liveRows: most.liveRows) { row in
        let sum = total.elements[row]
        return sum == 0 ? -.infinity : Float(Double(most.elements[row]) + Exponential.log(Double(sum)))
      }
    }
  }
}
