extension MaskRows {
  /// Pairs that the mask allows.
  ///
  /// Complexity: O(1) for bands, prefixes and sinks; O(documents), O(blocks), O(axis lengths) for those masks; for
  /// intersections and unions about the number of queries on an edge of the mask, times a logarithm.
  public var attendedPairs: Int { rule.pairs(seqQ: seqQ, seqKV: seqKV) }

  /// Queries that attend to nothing. Complexity: at most that of asking for every row; far less for long runs of equals.
  public var emptyRows: Int {
    if case .blocks(let rows) = rule { return rows.emptyQueries }
    return rule.emptyRows(of: 0..<seqQ, seqKV: seqKV)
  }
}

extension MaskRows.Rule {
  fileprivate func pairs(seqQ: Int, seqKV: Int) -> Int {
    switch self {
    case .band(let band): band.pairs(seqQ: seqQ, seqKV: seqKV)
    case .prefix(let length, let band):
      seqQ * length + band.pairs(seqQ: seqQ, seqKV: seqKV) - band.pairs(seqQ: seqQ, seqKV: length)
    case .sink(let tokens, _, let window):
      // Sink keys that lie before the window, and the window.
      window.pairs(seqQ: seqQ, seqKV: seqKV)
        + Band(lower: nil, upper: window.lower.map { $0 - 1 }).pairs(seqQ: seqQ, seqKV: tokens)
    case .documents(let rows): rows.pairs
    case .neighborhood(let rows): rows.neighborhood.attendedPairs
    case .blocks(let rows): rows.pairs
    case .intersection, .union:
      seqQ == 0 ? 0 : pairs(of: 0..<seqQ, within: 0..<seqKV, seqKV: seqKV)
    }
  }

  /// Pairs of a range of queries with the keys of `window`: what all see counts at once, the rest by halves.
  private func pairs(of queries: Range<Int>, within window: Range<Int>, seqKV: Int) -> Int {
    let reach = reach(of: queries, within: window, seqKV: seqKV)
    let (certain, possible) = (reach.common, reach.seenAtMost)
    if certain == possible { return certain.count * queries.count }
    guard let open = certain.differingHull(from: possible) else { return 0 }
    let decided = (certain.count - certain.intersection(open).count) * queries.count
    let (low, high) = queries.halves
    return decided + pairs(of: low, within: open, seqKV: seqKV) + pairs(of: high, within: open, seqKV: seqKV)
  }

  fileprivate func emptyRows(of queries: Range<Int>, seqKV: Int) -> Int {
    guard !queries.isEmpty else { return 0 }
    let reach = reach(of: queries, within: 0..<seqKV, seqKV: seqKV)
    if reach.seenAtMost.isEmpty { return queries.count }
    if !reach.common.isEmpty || queries.count == 1 { return 0 }
    let (low, high) = queries.halves
    return emptyRows(of: low, seqKV: seqKV) + emptyRows(of: high, seqKV: seqKV)
  }
}

extension KeyRuns {
  /// From the first to the last key that is in one of two sets and not in the other.
  func differingHull(from other: KeyRuns) -> Range<Int>? {
    var (i, j) = (0, 0)
    while i < runs.count, j < other.runs.count, runs[i] == other.runs[j] {
      i += 1
      j += 1
    }
    var (iEnd, jEnd) = (runs.count, other.runs.count)
    while iEnd > i, jEnd > j, runs[iEnd - 1] == other.runs[jEnd - 1] {
      iEnd -= 1
      jEnd -= 1
    }
    let rest = [runs[i..<iEnd], other.runs[j..<jEnd]].filter { !$0.isEmpty }
    guard let low = rest.map({ $0.first?.lowerBound ?? 0 }).min(),
      let high = rest.map({ $0.last?.upperBound ?? 0 }).max()
    else { return nil }
    return low..<high
  }
}
