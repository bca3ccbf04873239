import Attention
import HWModels
package import Programs

/// Attention on given inputs in double precision, row by row from the definition, and how far plain attention in fp32
/// and in the element type stays from it: the yardstick for programs.
package final class Reference: Sendable {
  package let data: AttentionData
  /// Outputs of each head: `o` and `logSumExp` forward, gradients backward.
  let outputs: [Tensor: [[Double]]]
  /// O and log-sum-exp as a forward pass leaves them, inputs of a backward pass.
  let forward: (o: [Tile], logSumExp: [Tile])
  /// Errors of plain attention in fp32 throughout.
  package let single: [Tensor: OutputError]
  /// Errors of plain attention with products accumulated in fp32, probabilities (and their gradients) and outputs
  /// rounded to the element type.
  package let rounded: [Tensor: OutputError]

  package init(_ data: AttentionData) {
    self.data = data
    let exact = ExactAttention(data)
    outputs = exact.outputs
    forward = exact.forward
    let type = data.shape.dataType
    let plain = PlainAttention(data, forward: exact.forward, precision: .fp32).outputs
    let low = PlainAttention(data, forward: exact.forward, precision: type).outputs
    single = exact.outputs.reduce(into: [:]) {
      $0[$1.key] = OutputError(plain[$1.key] ?? [], against: $1.value)
    }
    rounded = exact.outputs.reduce(into: [:]) {
      $0[$1.key] = OutputError(low[$1.key] ?? [], against: $1.value)
    }
  }

  /// Largest errors that a right program may make: twice those of plain attention in the element type, or twice what
  /// one rounding of the largest output costs.
  func tolerance(_ tensor: Tensor) -> (maximum: Double, mean: Double) {
    let yardstick = rounded[tensor] ?? OutputError()
    if tensor == .logSumExp {
      return (
        2 * max(yardstick.maximum, 1e-4 * yardstick.largest),
        2 * max(yardstick.mean, 2.5e-5 * yardstick.typical)
      )
    }
    let type = data.shape.dataType.outputType
    return (
      2 * max(yardstick.maximum, Rounding.halfSpacing(type, at: yardstick.largest)),
      2 * max(yardstick.mean, Rounding.unit(type) / 4 * yardstick.typical)
    )
  }
}

/// How far outputs lie from the reference.
package struct OutputError: Sendable, Hashable {
  /// Largest and mean absolute error; infinite where a number should be finite and is not, or the other way round.
  package var maximum = 0.0
  package var mean = 0.0
  /// Largest and mean magnitude of the reference.
  package var largest = 0.0
  package var typical = 0.0
  private var count = 0

  package init() {}

  init(_ tiles: [Tile], against reference: [[Double]]) {
    for (tile, numbers) in zip(tiles, reference) { add(tile, against: numbers) }
  }

  /// Takes one more head in.
  mutating func add(_ tile: Tile, against numbers: [Double]) {
    var (sum, magnitude) = (mean * Double(count), typical * Double(count))
    for (found, expected) in zip(tile.elements, numbers) {
      let found = Double(found)
      if found != expected {
        let error = (found - expected).magnitude
        // Also NaN, and a minus infinity where none belongs.
        if !(error <= maximum) { maximum = error.isFinite ? error : .infinity }
        sum += error.isFinite ? error : .infinity
      }
      if expected.isFinite {
        if expected.magnitude > largest { largest = expected.magnitude }
        magnitude += expected.magnitude
      }
    }
    count += numbers.count
    mean = count == 0 ? 0 : sum / Double(count)
    typical = count == 0 ? 0 : magnitude / Double(count)
  }

  mutating func add(_ other: OutputError) {
    let total = count + other.count
    guard total > 0 else { return }
    maximum = max(maximum, other.maximum)
    largest = max(largest, other.largest)
    mean = (mean * Double(count) + other.mean * Double(other.count)) / Double(total)
    typical = (typical * Double(count) + other.typical * Double(other.count)) / Double(total)
    count = total
  }
}

/// Attention and its gradients in double precision.
private struct ExactAttention {
  private(set) var outputs: [Tensor: [[Double]]] = [:]
  private(set) var forward: (o: [Tile], logSumExp: [Tile]) = ([], [])

  init(_ data: AttentionData) {
    let shape = data.shape
    let visible = VisibleKeys(shape)
    let isBackward = shape.pass == .backward
    var (gradK, gradV) = ([[Double]](), [[Double]]())
    if isBackward {
      gradK = .init(
        repeating: .init(repeating: 0, count: shape.seqKV * shape.headDim), count: shape.batch * shape.headsKV
      )
      gradV = .init(
        repeating: .init(repeating: 0, count: shape.seqKV * shape.headDimV),
        count: shape.batch * shape.headsKV)
    }
    var (o, statistics, gradQ) = ([[Double]](), [[Double]](), [[Double]]())
    for head in 0..<shape.batch * shape.headsQ {
      let keyHead = head / shape.group
      let one = ExactHead(
        shape, visible, head, q: Matrix(data.q[head]), k: Matrix(data.k[keyHead]), v: Matrix(data.v[keyHead]))
      // A sequence with fewer queries than others ends where its own do.
      let queries = shape.queries(of: head / shape.headsQ)
      o.append(Array(one.output.numbers.prefix(queries * shape.headDimV)))
      statistics.append(Array(one.logSumExp.prefix(queries)))
      guard isBackward else { continue }
      let gradients = one.gradients(of: Matrix(data.gradO[head]))
      gradQ.append(gradients.q.numbers)
      gradients.k.add(to: &gradK[keyHead])
      gradients.v.add(to: &gradV[keyHead])
    }
    if isBackward {
      outputs = [.gradQ: gradQ, .gradK: gradK, .gradV: gradV]
    } else {
      outputs = [.o: o, .logSumExp: statistics]
    }
    let type = shape.dataType.outputType
    forward = (
      o.map { Self.tile($0, rows: shape.seqQ, columns: shape.headDimV, type) },
      statistics.map { Self.tile($0, rows: shape.seqQ, columns: 1, .fp32) }
    )
  }

  private static func tile(_ numbers: [Double], rows: Int, columns: Int, _ type: DataType) -> Tile {
    var tile = Tile(rows: rows, columns: columns, type: type)
    for (place, number) in numbers.enumerated() {
      tile.elements[place] = Rounding.round(Float(number), to: type)
    }
    return tile
  }
}

/// One head in double precision.
private struct ExactHead {
  let q: Matrix
  let k: Matrix
  let v: Matrix
  let scale: Double
  let probabilities: Matrix
  let output: Matrix
  let logSumExp: [Double]

  init(_ shape: AttentionShape, _ visible: VisibleKeys, _ head: Int, q: Matrix, k: Matrix, v: Matrix) {
    (self.q, self.k, self.v) = (q, k, v)
    let scale = 1 / Double(shape.headDim).squareRoot()
    self.scale = scale
    let scores = q.times(k.transposed()).numbers
    let mask = visible.mask(ofHead: head)
    var weights = Matrix(rows: shape.seqQ, columns: shape.seqKV)
    var statistics = [Double](repeating: -.infinity, count: shape.seqQ)
    for row in 0..<shape.seqQ {
      let start = row * shape.seqKV
      let seen = visible.keys(mask: mask, query: row)
      var largest = -Double.infinity
      for keys in seen {
        for key in keys where scores[start + key] > largest { largest = scores[start + key] }
      }
      if largest == -.infinity { continue }
      var sum = 0.0
      for keys in seen {
        for key in keys {
          let weight = Exponential.exp((scores[start + key] - largest) * scale)
          weights.numbers[start + key] = weight
          sum += weight
        }
      }
      statistics[row] = largest * scale + Exponential.log(sum)
      for keys in seen { for key in keys { weights.numbers[start + key] /= sum } }
    }
    logSumExp = statistics
    probabilities = weights
    output = weights.times(v)
  }

  /// dP = dO Vᵀ, dS = P (dP - rowsum(dO O)), dQ = dS K / sqrt(d), dK = dSᵀ Q / sqrt(d), dV = Pᵀ dO.
  func gradients(of gradO: Matrix) -> (q: Matrix, k: Matrix, v: Matrix) {
    var scores = gradO.times(v.transposed())
    let (columns, width) = (scores.columns, output.columns)
    for row in 0..<scores.rows {
      var delta = 0.0
      for i in row * width..<(row + 1) * width { delta += gradO.numbers[i] * output.numbers[i] }
      for i in row * columns..<(row + 1) * columns {
        scores.numbers[i] = probabilities.numbers[i] * (scores.numbers[i] - delta) * scale
      }
    }
    return (scores.times(k), scores.transposed().times(q), probabilities.transposed().times(gradO))
  }
}

/// A matrix of doubles.
private struct Matrix {
  let rows: Int
  let columns: Int
  var numbers: [Double]

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    numbers = .init(repeating: 0, count: rows * columns)
  }

  init(_ tile: Tile) {
    self.init(rows: tile.rows, columns: tile.columns)
    for i in numbers.indices { numbers[i] = Double(tile.elements[i]) }
  }

  /// Adds its numbers to others.
  func add(to sums: inout [Double]) {
    for i in numbers.indices { sums[i] += numbers[i] }
  }

  func transposed() -> Matrix {
    var result = Matrix(rows: columns, columns: rows)
    result.numbers = MatrixKernels.transposed(numbers, rows: rows, columns: columns, stride: columns)
    return result
  }

  func times(_ other: Matrix) -> Matrix {
    var result = Matrix(rows: rows, columns: other.columns)
    MatrixKernels.multiplyAdd(
      rows: rows, columns: other.columns, inner: columns, .init(numbers: numbers, row: columns),
      .init(numbers: other.numbers, row: other.columns), to: &result.numbers, cStride: other.columns)
    return result
  }
}

/// Attention without tiles: whole score matrices, fp32 accumulation, probabilities normalised before they are rounded.
private struct PlainAttention {
  private(set) var outputs: [Tensor: [Tile]] = [:]

  init(_ data: AttentionData, forward: (o: [Tile], logSumExp: [Tile]), precision: DataType) {
    let shape = data.shape
    let table = ValueTable(shape: shape)
    let type = precision.outputType
    let k = data.k.map { table.add(input: $0) }
    let v = data.v.map { table.add(input: $0) }
    var (gradK, gradV): ([Int: Int32], [Int: Int32]) = ([:], [:])
    for head in data.q.indices {
      let keyHead = head / shape.group
      let q = table.add(input: data.q[head])
      let product = table.matmul(q, k[keyHead], plus: nil, transposeA: false, transposeB: true)
      let scores = table.masked(product, firstRow: 0, firstKey: 0, packedHeads: 1, head: head)
      if shape.pass == .forward {
        let start = table.constant(-.infinity, rows: shape.seqQ, columns: 1)
        let zero = table.constant(0, rows: shape.seqQ, columns: 1)
        let maximum = table.maximum(scores, old: start, threshold: 0)
        let weights = table.probabilities(scores, maximum: maximum, polynomialShare: 0)
        let sum = table.rowSum(weights, sum: zero, scale: zero)
        let operand = table.rounded(table.divideRows(weights, by: sum), to: precision)
        let o = table.matmul(operand, v[keyHead], plus: nil, transposeA: false, transposeB: false)
        outputs[.o, default: []].append(table[table.rounded(o, to: type)])
        outputs[.logSumExp, default: []].append(
          table[table.logSumExp(maximum: maximum, sum: sum)])
        continue
      }
      let gradO = table.add(input: data.gradO[head])
      let weights = table.recompute(scores, logSumExp: table.add(input: forward.logSumExp[head]))
      let delta = table.rowDot(gradO, table.add(input: forward.o[head]))
      let gradP = table.matmul(gradO, v[keyHead], plus: nil, transposeA: false, transposeB: true)
      let gradS = table.rounded(table.scoreGradient(weights, gradient: gradP, delta: delta), to: precision)
      let operand = table.rounded(weights, to: precision)
      let gradQ = table.matmul(gradS, k[keyHead], plus: nil, transposeA: false, transposeB: false)
      outputs[.gradQ, default: []].append(
        table[table.rounded(table.multiply(gradQ, by: table.softmaxScale), to: type)])
      gradK[keyHead] = table.matmul(gradS, q, plus: gradK[keyHead], transposeA: true, transposeB: false)
      gradV[keyHead] = table.matmul(operand, gradO, plus: gradV[keyHead], transposeA: true, transposeB: false)
    }
    guard shape.pass == .backward else { return }
    for head in data.k.indices {
      guard let key = gradK[head], let value = gradV[head] else { continue }
      outputs[.gradK, default: []].append(
        table[table.rounded(table.multiply(key, by: table.softmaxScale), to: type)])
      outputs[.gradV, default: []].append(table[table.rounded(value, to: type)])
    }
  }
}
