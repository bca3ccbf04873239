import Schedules

/// Partial results of one row become one.
extension Machine {
  func merge(
    _ other: SoftmaxState, _ into: SoftmaxState, _ context: Context
  ) throws(ExecutionFault) {
    let (m0, m1) = (try read(into.maximum, context), try read(other.maximum, context))
    let most = table.larger(m0, m1)
    let (s0, s1) = (table.scale(old: m0, new: most), table.scale(old: m1, new: most))
    let sum = table.add(
      table.scaleRows(try read(into.sum, context), by: s0),
      table.scaleRows(try read(other.sum, context), by: s1))
    let output = table.add(
      table.scaleRows(try read(into.output, context), by: s0),
      table.scaleRows(try read(other.output, context), by: s1))
    try write(most, to: into.maximum, context)
    try write(sum, to: into.sum, context)
    try write(output, to: into.output, context)
  }

  /// `O = sum of exp(L_s - L) O_s`.
  func mergePartials(
    _ output: Tensor, _ coordinate: TileCoordinate, _ weights: TileRef?, _ context: Context
  ) throws(ExecutionFault) {
    let columns = DeviceMemory.extent(.partialO, program.shape).columns
    var factors: [Int32] = []
    if let weights {
      let packed = try read(weights, context)
      for split in 0..<table[packed].columns {
        factors.append(table.crop(packed, row: 0, rows: coordinate.rows, column: split, columns: 1))
      }
    } else {
      factors = try partialWeights(coordinate, context).single
    }
    var merged: Int32?
    for (factor, split) in zip(factors, try writtenSplits(coordinate, context)) {
      var part = coordinate
      part.split = .fixed(split)
      let scaled = table.scaleRows(try fetch(.partialO, part, coordinate.rows, columns, context), by: factor)
      merged = merged.map { table.add($0, scaled) } ?? scaled
    }
    if let merged { try put(merged, output, coordinate, context) }
  }

  /// `exp(L_s - L)` for each split s, one by one and as the columns of one tile; writes L.
  func partialWeights(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> (single: [Int32], packed: Int32) {
    var statistics: [Int32] = []
    for split in try writtenSplits(coordinate, context) {
      var part = coordinate
      part.split = .fixed(split)
      statistics.append(try fetch(.partialLogSumExp, part, coordinate.rows, 1, context))
    }
    let largest = statistics.dropFirst().reduce(statistics[0]) { table.larger($0, $1) }
    let unscaled = statistics.map { table.partialWeight($0, largest: largest) }
    let total = unscaled.dropFirst().reduce(unscaled[0]) { table.add($0, $1) }
    let merged = table.mergedLogSumExp(largest: largest, weights: total)
    try put(merged, .logSumExp, coordinate, context)
    let weights = unscaled.map { table.divideRows($0, by: total) }
    var packed = table.constant(0, rows: coordinate.rows, columns: weights.count)
    for (split, weight) in weights.enumerated() {
      packed = table.overlay(packed, with: weight, row: 0, column: split)
    }
    return (weights, packed)
  }

  /// Splits that some item wrote for these rows: a tile can be cut into fewer parts than another, and an empty part
  /// writes nothing.
  func writtenSplits(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> [Int] {
    var found: [Int] = []
    for split in 0..<memory.splits {
      var part = coordinate
      part.split = .fixed(split)
      let places =
        isFlat(.partialLogSumExp, context)
        ? try pieces(.partialLogSumExp, part, coordinate.rows, 1, context).map(\.1)
        : [try place(.partialLogSumExp, part, coordinate.rows, 1, context)]
      if places.contains(where: { memory.isWritten($0) }) { found.append(split) }
    }
    guard !found.isEmpty else {
      throw .mismatch(operation: context.name, message: "no split wrote these rows")
    }
    return found
  }
}
