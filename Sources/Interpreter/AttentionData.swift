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
        let tile = Tile(rows: rows, columns: columns, type: type)
        let elements = tile.elements
        var place = 0
        for row in 0..<rows {
          var column = 0
          while column < columns {
            let number = Float(entry(row, column, generator.normal()))
            elements[place] = number.isFinite ? Rounding.round(number, to: type) : number
            place &+= 1
            column &+= 1
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
    k = matrices(keyHeads, shape.seqKV, shape.headDim) { row, column, number in
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
    v =
      shape.valuesInKeys
      ? k.map { keys in
        let tile = Tile(rows: keys.rows, columns: shape.headDimV, type: type)
        for row in 0..<keys.rows {
          for column in 0..<shape.headDimV {
            tile.elements[row * shape.headDimV + column] = keys.elements[row * keys.columns + column]
          }
        }
        return tile
      } : matrices(keyHeads, shape.seqKV, shape.headDimV) { _, _, number in number }
    // Sequences after the first have its leading keys.
    for (tensor, columns) in [(k, shape.headDim), (v, shape.headDimV)] where shape.sharedPrefix > 0 {
      for head in shape.headsKV..<keyHeads {
        tensor[head].elements.update(
          from: tensor[head % shape.headsKV].elements, count: shape.sharedPrefix * columns)
      }
    }
    gradO =
      shape.pass == .backward
      ? matrices(queryHeads, shape.seqQ, shape.headDimV) { _, _, number in number } : []
  }
}
