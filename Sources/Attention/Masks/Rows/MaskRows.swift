/// A mask laid over sequence lengths, ready to say which keys each query sees.
///
/// Making it costs the size of the mask (documents, listed blocks, drawn blocks); asking costs the runs that the
/// answer has. Heads must share the mask: take each entry of a per-head mask on its own.
public struct MaskRows: Sendable {
  public let seqQ: Int
  public let seqKV: Int
  let rule: Rule

  indirect enum Rule: Sendable {
    case band(Band)
    /// Keys before `length`, and the band.
    case prefix(length: Int, Band)
    /// Keys of `causal` that are before `tokens` or in `window`.
    case sink(tokens: Int, causal: Band, window: Band)
    case documents(DocumentRows)
    case neighborhood(NeighborhoodRows)
    case blocks(BlockRows)
    case intersection([Rule])
    case union([Rule])
  }
}

extension Mask {
  /// Lays the mask over lengths, for which it must have no `problems(seqQ:seqKV:)`.
  public func rows(seqQ: Int, seqKV: Int) -> MaskRows {
    MaskRows(seqQ: seqQ, seqKV: seqKV, rule: rule(seqQ: seqQ, seqKV: seqKV))
  }

  private func rule(seqQ: Int, seqKV: Int) -> MaskRows.Rule {
    switch self {
    case .none, .causal, .causalTopLeft, .slidingWindow, .slidingWindowTopLeft:
      return .band(band(seqQ: seqQ, seqKV: seqKV) ?? Band(lower: nil, upper: nil))
    case .prefix(let length, let alignment):
      return .prefix(
        length: min(length, seqKV), Band(lower: nil, upper: alignment.offset(seqQ: seqQ, seqKV: seqKV)))
    case .sink(let tokens, let window, let alignment):
      let offset = alignment.offset(seqQ: seqQ, seqKV: seqKV)
      return .sink(
        tokens: min(tokens, seqKV), causal: Band(lower: nil, upper: offset),
        window: Band(lower: offset - window + 1, upper: offset))
    case .documents(let documents): return .documents(DocumentRows(documents))
    case .neighborhood(let neighborhood): return .neighborhood(NeighborhoodRows(neighborhood))
    case .blockSparse(let blocks): return .blocks(BlockRows(blocks, seqQ: seqQ, seqKV: seqKV))
    case .intersection(let masks): return .intersection(masks.map { $0.rule(seqQ: seqQ, seqKV: seqKV) })
    case .union(let masks): return .union(masks.map { $0.rule(seqQ: seqQ, seqKV: seqKV) })
    case .perHead: fatalError("rows of a per-head mask: ask for the rows of each head's mask")
    }
  }
}

extension MaskRows {
  /// Keys that query `query` attends to, as ascending runs.
  public func keys(of query: Int) -> [Range<Int>] { reach(of: query..<query + 1).seen.runs }

  /// From the first key that any of `queries` (not empty) attends to, to the last.
  public func hull(of queries: Range<Int>) -> Range<Int>? {
    let reach = reach(of: queries)
    guard let hull = reach.seenAtMost.hull else { return nil }
    if reach.seen.hull == hull || queries.count == 1 { return hull }
    let (low, high) = queries.halves
    return KeyRuns(merging: [self.hull(of: low), self.hull(of: high)].compactMap(\.self)).hull
  }

  public func allows(query: Int, key: Int) -> Bool {
    !rule.reach(of: query..<query + 1, within: key..<key + 1, seqKV: seqKV).seen.isEmpty
  }

  func reach(of queries: Range<Int>) -> Reach {
    rule.reach(of: queries, within: 0..<seqKV, seqKV: seqKV)
  }
}

extension MaskRows.Rule {
  /// - Parameters:
  ///   - queries: not empty.
  ///   - keys: only keys in this range are reported.
  package func reach(of queries: Range<Int>, within keys: Range<Int>, seqKV: Int) -> Reach {
    switch self {
    case .band(let band):
      return Reach(
        seen: KeyRuns(band.seen(by: queries, seqKV: seqKV).clamped(to: keys)),
        common: KeyRuns(band.common(to: queries, seqKV: seqKV).clamped(to: keys)))
    case .prefix(let length, let band):
      let prefix = KeyRuns((0..<length).clamped(to: keys))
      return Reach(
        seen: KeyRuns(band.seen(by: queries, seqKV: seqKV).clamped(to: keys)).union(prefix),
        common: KeyRuns(band.common(to: queries, seqKV: seqKV).clamped(to: keys)).union(prefix))
    case .sink(let tokens, let causal, let window):
      let sink = KeyRuns((0..<tokens).clamped(to: keys))
      return Reach(
        seen: KeyRuns(causal.seen(by: queries, seqKV: seqKV)).intersection(sink).union(
          KeyRuns(window.seen(by: queries, seqKV: seqKV).clamped(to: keys))),
        common: KeyRuns(causal.common(to: queries, seqKV: seqKV)).intersection(
          sink.union(
            KeyRuns(
              Band(lower: window.lower, upper: nil).common(to: queries, seqKV: seqKV).clamped(to: keys)))))
    case .documents(let rows): return rows.reach(of: queries, within: keys)
    case .neighborhood(let rows): return rows.reach(of: queries, within: keys)
    case .blocks(let rows): return rows.reach(of: queries, within: keys)
    case .intersection(let rules):
      return rules.dropFirst().reduce(rules[0].reach(of: queries, within: keys, seqKV: seqKV)) {
        $0.intersection($1.reach(of: queries, within: keys, seqKV: seqKV))
      }
    case .union(let rules):
      return rules.dropFirst().reduce(rules[0].reach(of: queries, within: keys, seqKV: seqKV)) {
        $0.union($1.reach(of: queries, within: keys, seqKV: seqKV))
      }
    }
  }
}

extension Range where Bound == Int {
  /// Two parts, both not empty for a range of two or more.
  package var halves: (Range<Int>, Range<Int>) {
    let middle = lowerBound + count / 2
    return (lowerBound..<middle, middle..<upperBound)
  }
}
