import HWModels
import Schedules

/// Every matrix that runs of one program on one set of inputs have computed, each once.
///
/// A value is named by what made it: an operator and the values it read. Two orders of the same program make the same
/// values unless a step reads something else, so the second order costs bookkeeping only, and two runs agree to the
/// bit exactly where the names of their results agree.
final class ValueTable {
  /// Names a value: equal keys, equal numbers.
  struct Key: Hashable {
    var operator_: Operator
    var type: DataType
    var a: Int32 = -1
    var b: Int32 = -1
    var c: Int32 = -1
    var p: Int32 = 0
    var q: Int32 = 0
    var r: Int32 = 0
    var s: Int32 = 0

    init(_ operator_: Operator, _ type: DataType = .fp32) {
      self.operator_ = operator_
      self.type = type
    }

    func hash(into hasher: inout Hasher) {
      // Four words instead of nine fields: the hash is most of the cost of a repeated step.
      hasher.combine(UInt64(operator_.rawValue) << 40 | UInt64(UInt32(bitPattern: a)))
      hasher.combine(UInt64(UInt32(bitPattern: b)) << 32 | UInt64(UInt32(bitPattern: c)))
      hasher.combine(UInt64(UInt32(bitPattern: p)) << 32 | UInt64(UInt32(bitPattern: q)))
      hasher.combine(UInt64(UInt32(bitPattern: r)) << 32 | UInt64(UInt32(bitPattern: s)))
    }

    static func == (x: Key, y: Key) -> Bool {
      x.a == y.a && x.b == y.b && x.c == y.c && x.p == y.p && x.q == y.q && x.r == y.r && x.s == y.s
        && x.operator_.rawValue == y.operator_.rawValue && x.type.bytes == y.type.bytes && x.type == y.type
    }
  }

  enum Operator: UInt8 {
    case input, constant, crop, overlay, assembly, round, packHead, unpackHead
    case matmul, mask, maximum, larger, scale, probabilities, rowSum, scaleRows, multiply, add
    case normalise, logSumExp, partialWeight, divideRows, rowDot, recompute, scoreGradient
  }

  let shape: AttentionShape
  /// log2(e) / sqrt(headDim): scores to exponents of two.
  let exponentScale: Float
  let softmaxScale: Double
  private let visible: VisibleKeys
  private(set) var tiles: [Tile] = []
  private(set) var keys: [Key] = []
  private var known: [Key: Int32] = [:]
  private var assemblies: [[Int32]: Int32] = [:]
  private var inputs: Int32 = 0

  init(shape: AttentionShape) {
    self.shape = shape
    visible = VisibleKeys(shape)
    softmaxScale = 1 / Double(shape.headDim).squareRoot()
    exponentScale = Float(Exponential.log2E * softmaxScale)
  }

  subscript(id: Int32) -> Tile { tiles[Int(id)] }

  /// Adds a matrix that no operation made.
  func add(input tile: Tile) -> Int32 {
    var key = Key(.input)
    key.p = inputs
    inputs += 1
    return insert(key, tile)
  }

  private func insert(_ key: Key, _ tile: Tile) -> Int32 {
    let id = Int32(tiles.count)
    tiles.append(tile)
    keys.append(key)
    known[key] = id
    return id
  }

  /// The value named `key`, computed where it is new.
  private func value(_ key: Key, _ make: () -> Tile) -> Int32 {
    if let id = known[key] { return id }
    return insert(key, make())
  }

  // MARK: Shapes

  func constant(_ number: Float, rows: Int, columns: Int) -> Int32 {
    var key = Key(.constant)
    key.p = Int32(bitPattern: number.bitPattern)
    key.q = Int32(rows)
    key.r = Int32(columns)
    return value(key) {
      let isZero = number == 0
      let tile = Tile(
        rows: rows, columns: columns, liveRows: isZero ? 0 : rows, liveColumns: isZero ? 0 : columns,
        type: number == 0 || number.isInfinite || number.isNaN ? .bf16 : .fp32)
      if !isZero { tile.elements.update(repeating: number, count: rows * columns) }
      return tile
    }
  }

  /// Rows from `row` and columns from `column` of a value; zero outside of it.
  func crop(_ id: Int32, row: Int, rows: Int, column: Int, columns: Int) -> Int32 {
    let source = self[id]
    if row == 0, column == 0, rows == source.rows, columns == source.columns { return id }
    var key = Key(.crop)
    key.a = id
    key.p = Int32(row)
    key.q = Int32(rows)
    key.r = Int32(column)
    key.s = Int32(columns)
    return value(key) {
      let liveRows = min(max(source.liveRows - row, 0), rows)
      let liveColumns = min(max(source.liveColumns - column, 0), columns)
      let tile = Tile(
        rows: rows, columns: columns, liveRows: liveRows, liveColumns: liveColumns, type: source.type)
      var i = 0
      while i < liveRows {
        (tile.elements + i * columns).update(
          from: source.elements + (row + i) * source.columns + column, count: liveColumns)
        i += 1
      }
      return tile
    }
  }

  /// `base` with `top` written over it at a place.
  func overlay(_ base: Int32, with top: Int32, row: Int, column: Int) -> Int32 {
    var key = Key(.overlay)
    key.a = base
    key.b = top
    key.p = Int32(row)
    key.q = Int32(column)
    return value(key) {
      let (below, above) = (self[base], self[top])
      let tile = below.copy()
      tile.type = below.type == above.type ? below.type : .fp32
      tile.liveRows = max(below.liveRows, min(row + above.rows, below.rows))
      tile.liveColumns = max(below.liveColumns, min(column + above.columns, below.columns))
      let rows = min(above.rows, below.rows - row)
      let columns = min(above.columns, below.columns - column)
      for i in 0..<max(rows, 0) {
        (tile.elements + (row + i) * below.columns + column).update(
          from: above.elements + i * above.columns, count: columns)
      }
      return tile
    }
  }

  /// A value at its place in a larger one.
  struct Part {
    var value: Int32
    var row: Int
    var column: Int
  }

  /// Parts laid one over another; NaN where there is none.
  func assemble(_ parts: [Part], rows: Int, columns: Int) -> Int32 {
    guard let first = parts.first else { return constant(.nan, rows: rows, columns: columns) }
    var name = [Int32(rows), Int32(columns)]
    for part in parts { name += [part.value, Int32(part.row), Int32(part.column)] }
    if let id = assemblies[name] { return id }
    var key = Key(.assembly)
    key.a = first.value
    key.p = Int32(assemblies.count)
    let type = self[first.value].type
    let tile = Tile(
      rows: rows, columns: columns, type: parts.allSatisfy { self[$0.value].type == type } ? type : .fp32)
    tile.elements.update(repeating: .nan, count: rows * columns)
    for part in parts {
      let source = self[part.value]
      for row in 0..<source.rows {
        (tile.elements + (part.row + row) * columns + part.column).update(
          from: source.elements + row * source.columns, count: source.columns)
      }
    }
    let id = insert(key, tile)
    assemblies[name] = id
    return id
  }

  func rounded(_ id: Int32, to type: DataType) -> Int32 {
    let source = self[id]
    if type == .fp32 || source.type == type { return id }
    var key = Key(.round, type)
    key.a = id
    return value(key) {
      let tile = source.copy()
      Rounding.round(tile.elements, count: tile.liveRows * tile.columns, to: type)
      tile.type = type
      return tile
    }
  }

  /// Rows of one head (`row = position`) into their places among `heads` packed heads (`row = position * heads + head`).
  func packHead(_ base: Int32, head value: Int32, _ head: Int, of heads: Int) -> Int32 {
    var key = Key(.packHead)
    key.a = base
    key.b = value
    key.p = Int32(head)
    key.q = Int32(heads)
    return self.value(key) {
      let source = self[value]
      let tile = self[base].copy()
      tile.type = tile.type == source.type || tile.liveRows == 0 ? source.type : .fp32
      tile.liveRows = tile.rows
      tile.liveColumns = tile.columns
      for row in 0..<source.rows {
        (tile.elements + (row * heads + head) * tile.columns).update(
          from: source.elements + row * source.columns, count: source.columns)
      }
      return tile
    }
  }

  /// Rows of one of `heads` packed heads.
  func unpackHead(_ id: Int32, _ head: Int, of heads: Int) -> Int32 {
    if heads == 1 { return id }
    var key = Key(.unpackHead)
    key.a = id
    key.p = Int32(head)
    key.q = Int32(heads)
    return value(key) {
      let source = self[id]
      let tile = Tile(rows: source.rows / heads, columns: source.columns, type: source.type)
      for row in 0..<tile.rows {
        (tile.elements + row * tile.columns).update(
          from: source.elements + (row * heads + head) * source.columns, count: source.columns)
      }
      return tile
    }
  }

  // MARK: Products

  /// `a * b` (`+ c`), operands transposed where said, accumulated in fp32.
  func matmul(_ a: Int32, _ b: Int32, plus c: Int32?, transposeA: Bool, transposeB: Bool) -> Int32 {
    var key = Key(.matmul)
    key.a = a
    key.b = b
    key.c = c ?? -1
    key.p = (transposeA ? 1 : 0) + (transposeB ? 2 : 0)
    return value(key) { product(self[a], self[b], c.map { self[$0] }, transposeA, transposeB) }
  }

  private func product(_ a: Tile, _ b: Tile, _ c: Tile?, _ transposeA: Bool, _ transposeB: Bool) -> Tile {
    let rows = transposeA ? a.columns : a.rows
    let columns = transposeB ? b.rows : b.columns
    let liveRows = transposeA ? a.liveColumns : a.liveRows
    let liveColumns = transposeB ? b.liveRows : b.liveColumns
    let inner = min(transposeA ? a.liveRows : a.liveColumns, transposeB ? b.liveColumns : b.liveRows)
    let tile: Tile
    if let c {
      tile = c.copy()
      tile.type = .fp32
      tile.liveRows = max(c.liveRows, liveRows)
      tile.liveColumns = max(c.liveColumns, liveColumns)
    } else {
      tile = Tile(rows: rows, columns: columns, liveRows: liveRows, liveColumns: liveColumns)
    }
    let aRow = transposeA ? 1 : a.columns
    let aColumn = transposeA ? a.columns : 1
    if transposeB {
      let turned = UnsafeMutablePointer<Float>.allocate(capacity: max(inner * liveColumns, 1))
      MatrixKernels.transpose(b.elements, rows: liveColumns, columns: inner, stride: b.columns, into: turned)
      MatrixKernels.multiplyAdd(
        rows: liveRows, columns: liveColumns, inner: inner, a: a.elements, aRow: aRow, aColumn: aColumn,
        b: turned, bStride: liveColumns, c: tile.elements, cStride: tile.columns)
      turned.deallocate()
    } else {
      MatrixKernels.multiplyAdd(
        rows: liveRows, columns: liveColumns, inner: inner, a: a.elements, aRow: aRow, aColumn: aColumn,
        b: b.elements, bStride: b.columns, c: tile.elements, cStride: tile.columns)
    }
    return tile
  }

  // MARK: Softmax

  /// Scores with forbidden pairs at minus infinity. Row r is row `firstRow + r` of a sequence of packed heads, the
  /// first of which is `head`.
  func masked(_ scores: Int32, firstRow: Int, firstKey: Int, packedHeads: Int, head: Int) -> Int32 {
    let masks = (0..<packedHeads).map { visible.mask(ofHead: head + $0) }
    var key = Key(.mask)
    // Heads with different masks make different values of equal scores.
    key.b = Int32(masks[0])
    key.c = masks.allSatisfy { $0 == masks[0] } ? -1 : Int32(head % shape.headsQ)
    key.a = scores
    key.p = Int32(firstRow)
    key.q = Int32(firstKey)
    key.r = Int32(packedHeads)
    return value(key) {
      let tile = self[scores].copy()
      tile.type = .fp32
      for row in 0..<tile.liveRows {
        let start = tile.elements + row * tile.columns
        var from = 0
        let query = (firstRow + row) / packedHeads
        for visible in visible.keys(mask: masks[(firstRow + row) % packedHeads], query: query) {
          let lower = min(max(visible.lowerBound - firstKey, from), tile.columns)
          if from < lower { (start + from).update(repeating: -.infinity, count: lower - from) }
          from = max(from, min(visible.upperBound - firstKey, tile.columns))
        }
        if from < tile.columns { (start + from).update(repeating: -.infinity, count: tile.columns - from) }
      }
      tile.liveColumns = tile.columns
      return tile
    }
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

  // MARK: Gradients

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
