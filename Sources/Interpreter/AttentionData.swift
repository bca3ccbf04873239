package import Attention
import HWModels

/// Inputs of one attention call, seeded: the same shape, kind and seed give the same numbers everywhere.
package struct AttentionData: Sendable {
  /// What the numbers look like.
  package enum Kind: String, Sendable, CaseIterable, Codable {
    /// Standard normal.
    case normal
    /// Keys grow along the sequence, so that the maximum changes at every step of an ascending walk.
    case rising
    /// Keys shrink along the sequence: the maximum changes at every step of a descending walk.
    case falling
    /// Scores of some hundred after scaling.
    case huge
    /// One key that takes nearly all of the weight.
    case dominant
    /// All keys alike.
    case equalKeys = "equal-keys"
    /// Some scores minus infinity.
    case minusInfinity = "minus-infinity"
  }

  package let shape: AttentionShape
  package let kind: Kind
  /// One matrix for each query head over the batch, or each key-value head.
  let q: [Tile]
  let k: [Tile]
  let v: [Tile]
  let gradO: [Tile]

  package init(shape: AttentionShape, kind: Kind, seed: UInt64) {
    self.shape = shape
    self.kind = kind
    var generator = SplitMix(seed: seed)
    let type = shape.dataType
    func matrices(_ count: Int, _ rows: Int, _ columns: Int, _ entry: (Int, Int, Double) -> Double) -> [Tile]
    {
      (0..<count).map { _ in
        var tile = Tile(rows: rows, columns: columns, type: type)
        for row in 0..<rows {
          for column in 0..<columns {
            let number = Float(entry(row, column, generator.normal()))
            tile.elements[row * columns + column] =
              number.isFinite ? Rounding.round(number, to: type) : number
          }
        }
        return tile
      }
    }
    let largest = type == .fp8 ? 8.0 : 12
    let (queryHeads, keyHeads) = (shape.batch * shape.headsQ, shape.batch * shape.headsKV)
    let last = Double(max(shape.seqKV - 1, 1))
    let favourite = shape.seqKV / 2
    // The coordinate that queries and keys play on. Values that lie in the keys do not have the last one, where there
    // are more columns than values: infinities belong there.
    let chosen = shape.valuesInKeys && kind == .minusInfinity ? shape.headDim - 1 : 0
    q = matrices(queryHeads, shape.seqQ, shape.headDim) { _, column, number in
      switch kind {
      case .huge: number * largest
      // Every query looks the same way in its first coordinate, which the keys below play on.
      case .rising, .falling, .dominant: column == chosen ? 4 + number.magnitude : number
      case .minusInfinity: column == chosen ? 1 : number
      case .normal, .equalKeys: number
      }
    }
    var k = matrices(keyHeads, shape.seqKV, shape.headDim) { row, column, number in
      switch kind {
      case .huge: number * largest
      case .rising where column == chosen: number + 16 * Double(row) / last
      case .falling where column == chosen: number + 16 * (1 - Double(row) / last)
      case .dominant where column == chosen && row == favourite: 24
      case .minusInfinity where column == chosen && row % 3 == 1: -.infinity
      case .equalKeys: (Double(column % 7) - 3) / 4
      case .normal, .rising, .falling, .dominant, .minusInfinity: number
      }
    }
    var v =
      shape.valuesInKeys
      ? k.map { keys in
        var tile = Tile(rows: keys.rows, columns: shape.headDimV, type: type)
        tile.copy(
          rows: keys.rows, count: shape.headDimV, from: keys, at: 0, stride: keys.columns, to: 0,
          stride: shape.headDimV)
        return tile
      } : matrices(keyHeads, shape.seqKV, shape.headDimV) { _, _, number in number }
    // Sequences after the first have its leading keys.
    for head in shape.headsKV..<keyHeads where shape.sharedPrefix > 0 {
      let first = head % shape.headsKV
      k[head].copy(
        rows: 1, count: shape.sharedPrefix * shape.headDim, from: k[first], at: 0, stride: 0, to: 0, stride: 0
      )
      v[head].copy(
        rows: 1, count: shape.sharedPrefix * shape.headDimV, from: v[first], at: 0, stride: 0, to: 0,
        stride: 0)
    }
    (self.k, self.v) = (k, v)
    gradO =
      shape.pass == .backward
      ? matrices(queryHeads, shape.seqQ, shape.headDimV) { _, _, number in number } : []
  }
}
