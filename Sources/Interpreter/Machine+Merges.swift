import Programs

/// Partial results of one row become one.
extension Machine {
  /// `O = sum of exp(L_s - L) O_s`.
  func mergePartials(
    _ output: Tensor, _ coordinate: TileCoordinate, _ weights: TileRef?, _ context: Context
  ) throws(ExecutionFault) {
    let columns = DeviceMemory.extent(.partialO, program.shape).columns
    let splits = try writtenSplits(coordinate, context)
    var factors = ValueTable.emptyList
    if let weights {
      let packed = try read(weights, context)
      for split in 0..<min(table[packed].columns, splits.count) {
        let factor = table.crop(packed, row: 0, rows: coordinate.rows, column: split, columns: 1)
        factors = table.list(factors, adding: factor)
      }
    } else {
      factors = try partialWeights(splits, coordinate, context).factors
    }
    var parts = ValueTable.emptyList
    for split in splits.prefix(table.count(of: factors)) {
      var part = coordinate
      part.split = .fixed(split)
      parts = table.list(parts, adding: try fetch(.partialO, part, coordinate.rows, columns, context))
    }
    if let merged = table.weightedSum(parts, factors) { try put(merged, output, coordinate, context) }
  }

  /// `exp(L_s - L)` for each split s as the columns of one tile; writes L.
  func partialWeights(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> Int32 {
    try partialWeights(try writtenSplits(coordinate, context), coordinate, context).packed
  }

  private func partialWeights(
    _ splits: [Int], _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> ValueTable.MergeWeights {
    var statistics = ValueTable.emptyList
    for split in splits {
      var part = coordinate
      part.split = .fixed(split)
      let statistic = try fetch(.partialLogSumExp, part, coordinate.rows, 1, context)
      statistics = table.list(statistics, adding: statistic)
    }
    let weights = table.mergeWeights(statistics, rows: coordinate.rows)
    try put(weights.logSumExp, .logSumExp, coordinate, context)
    return weights
  }

  /// Splits that some item wrote for these rows: a tile can be cut into fewer parts than another, and an empty part
  /// writes nothing.
  private func writtenSplits(
    _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> [Int] {
    var found: [Int] = []
    for split in 0..<memory.splits {
      var part = coordinate
      part.split = .fixed(split)
      if let place = try onePlace(.partialLogSumExp, part, coordinate.rows, 1, context) {
        if memory.isWritten(place) { found.append(split) }
        continue
      }
      let places = try pieces(.partialLogSumExp, part, coordinate.rows, 1, context)
      if places.contains(where: { memory.isWritten($0.1) }) { found.append(split) }
    }
    guard !found.isEmpty else {
      throw .mismatch(operation: context.name, message: "no split wrote these rows")
    }
    return found
  }
}
