extension MaskCaseTable.Kind {
  var requiredColumns: [String] {
    switch self {
    case .neighborhoods: ["shape", "window", "q_tile", "kv_tile"]
    case .sequences: ["mask", "seq_q", "seq_kv", "bq", "bk"]
    }
  }

  public var countColumns: [String] {
    switch self {
    case .neighborhoods:
      [
        "seq", "attended_pairs", "flop_speedup", "q_tiles_grid", "q_tiles_nonempty", "kv_tiles_per_group",
        "visited_tiles", "dense_tiles", "partial_tiles", "max_kv_per_q", "min_kv_per_q",
        "visited_tiles_kernel",
        "max_kv_per_q_kernel", "sa_q_tiles", "sa_kv_tiles", "sa_tiles", "tile_speedup_max",
        "tile_speedup_mean",
        "issued_pairs", "tile_efficiency", "block_sparse_exact", "kernel_fast_path",
      ]
    case .sequences:
      [
        "attended_pairs", "empty_q_rows", "q_tiles", "kv_tiles", "total_tiles", "visited_tiles",
        "dense_tiles",
        "partial_tiles", "span_tiles", "max_kv_per_q", "min_kv_per_q", "flop_speedup", "tile_speedup_mean",
        "tile_speedup_max", "issued_pairs",
      ]
    }
  }
}

extension MaskCaseCounts {
  /// The text of a count column; nil for a column that holds no count.
  package func column(_ name: String, kind: MaskCaseTable.Kind) -> String? {
    guard kind.countColumns.contains(name) else { return nil }
    // Only kernels with key tiles at fixed places have the columns of the kernel.
    let kernel = hasFixedBoxes ? boxes : nil
    let count: Int? =
      switch name {
      case "seq": map.seqQ
      case "attended_pairs": attendedPairs
      case "empty_q_rows": emptyQueryRows
      case "q_tiles_grid", "q_tiles": tiles.queryTiles
      case "q_tiles_nonempty": tiles.queryTilesNotEmpty
      case "kv_tiles_per_group": boxes?.keyTilesPerGroup ?? keyTiles
      case "kv_tiles": keyTiles
      case "total_tiles": tiles.totalTiles
      case "visited_tiles": tiles.visited
      case "dense_tiles": tiles.dense
      case "partial_tiles": tiles.partial
      case "span_tiles": tiles.span
      case "max_kv_per_q": tiles.maxPerQuery
      case "min_kv_per_q": tiles.minPerQuery
      case "visited_tiles_kernel": kernel?.walked
      case "max_kv_per_q_kernel": kernel?.maxWalkedPerQuery
      case "sa_q_tiles": boxes?.selfQueryTiles ?? tiles.queryTiles
      case "sa_kv_tiles": boxes?.selfKeyTiles ?? keyTiles
      case "sa_tiles": selfTiles
      case "issued_pairs": issuedPairs
      case "block_sparse_exact": isBlockSparse ? 1 : 0
      case "kernel_fast_path": kernel.map { $0.takesFastPath ? 1 : 0 }
      default: nil
      }
    if let count { return String(count) }
    let ratio: Double? =
      switch name {
      case "flop_speedup": flopSpeedup
      case "tile_speedup_max": tileSpeedupMax
      case "tile_speedup_mean": tileSpeedupMean
      case "tile_efficiency": tileEfficiency
      default: nil
      }
    return ratio.map(sixDecimals) ?? ""
  }

  private var hasFixedBoxes: Bool {
    if case .boxes(_, _, .fixed) = map.geometry { true } else { false }
  }
}
