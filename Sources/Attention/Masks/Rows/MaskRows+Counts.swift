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

  /// Pairs of a range of queries with the keys of `window`.
  ///
  /// A part of an intersection or a union that allows all of the window, or nothing of it, is left out; a single part left
  /// counts by itself. Keys on which the first part is open are looked at with ever fewer queries.
  private func pairs(of queries: Range<Int>, within window: Range<Int>, seqKV: Int) -> Int {
    if window.isEmpty { return 0 }
    switch self {
    case .band(let band):
      return band.pairs(of: queries, within: window)
    case .neighborhood(let rows): return rows.pairs(of: queries, within: window)
    case .intersection(let rules):
      return Self.pairs(
        of: queries, within: window, seqKV: seqKV, rules: rules.cheapestFirst, isUnion: false)
    case .union(let rules):
      return Self.pairs(
        of: queries, within: window, seqKV: seqKV, rules: rules.cheapestFirst, isUnion: true)
    case .blocks(let rows): return rows.pairs(of: queries, within: window)
    default: return halvedPairs(of: queries, within: window, seqKV: seqKV)
    }
  }

  private static func pairs(
    of queries: Range<Int>, within window: Range<Int>, seqKV: Int, rules: [MaskRows.Rule], isUnion: Bool
  ) -> Int {
    guard let first = rules.first else { return isUnion ? 0 : queries.count * window.count }
    if rules.count == 1 { return first.pairs(of: queries, within: window, seqKV: seqKV) }
    let rest = Array(rules.dropFirst())
    if case .neighborhood = first {
      if rules.count == 2, case .neighborhood(let a) = first, case .neighborhood(let b) = rules[1],
        queries.count == seqKV, window.count == seqKV,
        let both = a.neighborhood.sharedPairs(with: b.neighborhood)
      {
        return isUnion ? a.neighborhood.attendedPairs + b.neighborhood.attendedPairs - both : both
      }
      let all: MaskRows.Rule = isUnion ? .union(rules) : .intersection(rules)
      return all.halvedPairs(of: queries, within: window, seqKV: seqKV)
    }
    let reach = first.reach(of: queries, within: window, seqKV: seqKV)
    let (certain, possible) = (reach.common, reach.seenAtMost)
    let open = certain.differingHull(from: possible) ?? window.upperBound..<window.upperBound
    var pairs = 0
    for part in [window.lowerBound..<open.lowerBound, open.upperBound..<window.upperBound]
    where !part.isEmpty {
      let allowed = certain.intersection(part)
      if isUnion { pairs += allowed.count * queries.count }
      for keys in (isUnion ? KeyRuns(part).subtracting(allowed) : allowed).runs {
        pairs += Self.pairs(of: queries, within: keys, seqKV: seqKV, rules: rest, isUnion: isUnion)
      }
    }
    guard !open.isEmpty else { return pairs }
    // Where another rule allows all of the open keys or none of them, it does not matter, or settles the matter. Few queries
    // are asked: many rarely agree.
    for (place, rule) in rules.enumerated().dropFirst()
    where rule.hasFewRuns && queries.count <= mostQueriesAsked {
      let reach = rule.reach(of: queries, within: open, seqKV: seqKV)
      let isAll = reach.common.count == open.count
      guard isAll || reach.seenAtMost.isEmpty else { continue }
      if isAll == isUnion { return pairs + (isAll ? open.count * queries.count : 0) }
      var others = rules
      others.remove(at: place)
      return pairs + Self.pairs(of: queries, within: open, seqKV: seqKV, rules: others, isUnion: isUnion)
    }
    if queries.count == 1 {
      let all: MaskRows.Rule = isUnion ? .union(rules) : .intersection(rules)
      return pairs + all.reach(of: queries, within: open, seqKV: seqKV).seen.count
    }
    for half in [queries.halves.0, queries.halves.1] {
      pairs += Self.pairs(of: half, within: open, seqKV: seqKV, rules: rules, isUnion: isUnion)
    }
    return pairs
  }

  private var hasFewRuns: Bool { if case .neighborhood = self { false } else { true } }

  /// What all queries see counts at once, the rest by halves.
  private func halvedPairs(of queries: Range<Int>, within window: Range<Int>, seqKV: Int) -> Int {
    let reach = reach(of: queries, within: window, seqKV: seqKV)
    let (certain, possible) = (reach.common, reach.seenAtMost)
    if certain == possible { return certain.count * queries.count }
    guard let open = certain.differingHull(from: possible) else { return 0 }
    let decided = (certain.count - certain.intersection(open).count) * queries.count
    let (low, high) = queries.halves
    return decided + halvedPairs(of: low, within: open, seqKV: seqKV)
      + halvedPairs(of: high, within: open, seqKV: seqKV)
  }

  /// Whether every query attends to the key at its own position, as far as the rule's form says.
  private var includesDiagonal: Bool {
    switch self {
    case .band(let band): (band.lower ?? 0) <= 0 && (band.upper ?? 0) >= 0
    case .prefix(_, let band): (band.upper ?? 0) >= 0
    case .sink(_, let causal, let window):
      (causal.upper ?? 0) >= 0 && (window.lower ?? 0) <= 0 && (window.upper ?? 0) >= 0
    case .neighborhood: true
    case .documents, .blocks: false
    case .intersection(let rules): rules.allSatisfy(\.includesDiagonal)
    case .union(let rules): rules.contains(where: \.includesDiagonal)
    }
  }

  /// Queries that are asked at once whether they see anything: many rarely have a key in common.
  private static let mostQueriesAsked = 1 << 7

  fileprivate func emptyRows(of queries: Range<Int>, seqKV: Int) -> Int {
    guard !queries.isEmpty else { return 0 }
    if queries.upperBound <= seqKV, includesDiagonal { return 0 }
    if queries.count > Self.mostQueriesAsked {
      let (low, high) = queries.halves
      return emptyRows(of: low, seqKV: seqKV) + emptyRows(of: high, seqKV: seqKV)
    }
    let reach = reach(of: queries, within: 0..<seqKV, seqKV: seqKV)
    if reach.seenAtMost.isEmpty { return queries.count }
    if !reach.common.isEmpty || queries.count == 1 { return reach.seen.isEmpty ? queries.count : 0 }
    let (low, high) = queries.halves
    return emptyRows(of: low, seqKV: seqKV) + emptyRows(of: high, seqKV: seqKV)
  }
}

extension [MaskRows.Rule] {
  /// Rules by the runs of keys that a query has: those with few say sooner where the others do not matter.
  fileprivate var cheapestFirst: [MaskRows.Rule] {
    func runs(_ rule: MaskRows.Rule) -> Int {
      switch rule {
      case .band, .prefix, .sink, .documents: 0
      case .intersection, .union: 1
      case .blocks: 2
      case .neighborhood: 3
      }
    }
    return (0...3).flatMap { rank in filter { runs($0) == rank } }
  }
}

extension Band {
  /// Pairs of `queries` and `keys` in the band. O(1).
  fileprivate func pairs(of queries: Range<Int>, within keys: Range<Int>) -> Int {
    let shift = queries.lowerBound - keys.lowerBound
    return Band(lower: lower.map { $0 + shift }, upper: upper.map { $0 + shift })
      .pairs(seqQ: queries.count, seqKV: keys.count)
  }
}

extension Neighborhood {
  /// Pairs that this mask and `other` both allow; nil where their grids or orders differ, or where counting takes long.
  fileprivate func sharedPairs(with other: Neighborhood) -> Int? {
    // A permuted order depends on the dilation.
    guard shape == other.shape, order == other.order, order == nil || dilation == other.dilation else {
      return nil
    }
    var pairs = 1
    for (axis, otherAxis) in zip(axes, other.axes) {
      if axis.dilation == otherAxis.dilation {
        pairs *= axis.sharedPairs(with: otherAxis)
      } else if axis.length * axis.window <= 1 << 26 {
        pairs *= axis.pairsListed(sharedWith: otherAxis)
      } else {
        return nil
      }
    }
    return pairs
  }
}

extension NeighborhoodAxis {
  /// As `sharedPairs(with:)` for axes of different dilations. Complexity: O(length x window).
  fileprivate func pairsListed(sharedWith other: NeighborhoodAxis) -> Int {
    var shared = 0
    for token in 0..<length {
      func seen(_ axis: NeighborhoodAxis) -> (group: Int, places: Range<Int>) {
        let (group, place) = (token % axis.dilation, token / axis.dilation)
        return (group, axis.seen(by: place..<place + 1, groupLength: axis.groupLength(group)))
      }
      let (mine, others) = (seen(self), seen(other))
      for place in mine.places {
        let key = place * dilation + mine.group
        if key % other.dilation == others.group, others.places.contains(key / other.dilation) { shared += 1 }
      }
    }
    return shared
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
