package import Schedules

extension AttentionShape {
  /// The keys that a query may attend to, as ascending runs. The one place where numbers meet masks.
  package func visibleKeys(query: Int) -> [Range<Int>] {
    guard let keys = mask.keys(query: query, seqQ: seqQ, seqKV: seqKV) else { return [] }
    return [keys.lowerBound..<keys.upperBound + 1]
  }
}
