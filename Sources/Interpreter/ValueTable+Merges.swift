/// Merging the parts of rows: what it computes depends on lists of values, each list computed once.
extension ValueTable {
  /// What merges the parts of some rows.
  struct MergeWeights {
    /// `ln sum exp L_s`.
    var logSumExp: Int32
    /// List of `exp(L_s - L)`, one value for each part.
    var factors: Int32
    /// The same as the columns of one tile.
    var packed: Int32
  }

  /// Weights of the parts with these log-sum-exps, of which there is at least one.
  func mergeWeights(_ statistics: Int32, rows: Int) -> MergeWeights {
    let known = note(Key(.mergeWeights, statistics))
    if let found = mergeWeights[known] { return found }
    let parts = values(of: statistics)
    let largest = parts.dropFirst().reduce(parts[0]) { larger($0, $1) }
    let unscaled = parts.map { partialWeight($0, largest: largest) }
    let total = unscaled.dropFirst().reduce(unscaled[0]) { add($0, $1) }
    var (packed, factors) = (constant(0, rows: rows, columns: parts.count), Self.emptyList)
    for (place, part) in unscaled.enumerated() {
      let weight = divideRows(part, by: total)
      packed = overlay(packed, with: weight, row: 0, column: place)
      factors = list(factors, adding: weight)
    }
    let made = MergeWeights(
      logSumExp: mergedLogSumExp(largest: largest, weights: total), factors: factors, packed: packed)
    mergeWeights[known] = made
    return made
  }

  /// Sum of the parts, each row times its factor; nil where there is no part.
  func weightedSum(_ parts: Int32, _ factors: Int32) -> Int32? {
    let known = note(Key(.weightedSum, parts, factors))
    if let found = weightedSums[known] { return found }
    var sum: Int32?
    for (part, factor) in zip(values(of: parts), values(of: factors)) {
      let scaled = scaleRows(part, by: factor)
      sum = sum.map { add($0, scaled) } ?? scaled
    }
    weightedSums[known] = sum
    return sum
  }

  // MARK: Lists

  /// The list of nothing.
  static let emptyList: Int32 = -1

  /// A list with one value more.
  func list(_ list: Int32, adding value: Int32) -> Int32 { note(Key(.list, list, value)) }

  func values(of list: Int32) -> [Int32] {
    var values: [Int32] = []
    var list = list
    while list != Self.emptyList {
      let key = noted(list)
      values.append(key.b)
      list = key.a
    }
    return values.reversed()
  }

  func count(of list: Int32) -> Int {
    values(of: list).count
  }
}
