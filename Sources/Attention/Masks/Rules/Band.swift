/// Keys in a band around the query: `query + lower ... query + upper`. nil is unbounded.
///
/// Bands move right with the query, so the first query of a range has the lowest keys and the last the highest.
public struct Band: Sendable, Hashable {
  public var lower: Int?
  public var upper: Int?
  public init(lower: Int?, upper: Int?) {
    self.lower = lower
    self.upper = upper
  }

  /// Keys of `[0, seqKV)` that some query of `queries` (not empty) attends to.
  @inlinable
  public func seen(by queries: Range<Int>, seqKV: Int) -> Range<Int> {
    clipped(queries.lowerBound, queries.upperBound - 1, seqKV: seqKV)
  }

  /// Keys of `[0, seqKV)` that all queries of `queries` (not empty) attend to.
  @inlinable
  public func common(to queries: Range<Int>, seqKV: Int) -> Range<Int> {
    clipped(queries.upperBound - 1, queries.lowerBound, seqKV: seqKV)
  }

  @inlinable
  package func clipped(_ lowerQuery: Int, _ upperQuery: Int, seqKV: Int) -> Range<Int> {
    let first = lower.map { Swift.max(lowerQuery + $0, 0) } ?? 0
    let end = upper.map { Swift.min(upperQuery + $0 + 1, seqKV) } ?? seqKV
    return first < end ? first..<end : 0..<0
  }

  /// Pairs of `[0, seqQ) x [0, seqKV)` in the band. O(1).
  public func pairs(seqQ: Int, seqKV: Int) -> Int {
    let atMost = upper.map { Band.pairs(upTo: $0, seqQ: seqQ, seqKV: seqKV) } ?? seqQ * seqKV
    let below = lower.map { Band.pairs(upTo: $0 - 1, seqQ: seqQ, seqKV: seqKV) } ?? 0
    return max(atMost - below, 0)
  }

  /// Pairs with `key <= query + offset`: the sum over queries of `clamp(query + offset + 1, 0, seqKV)`. O(1).
  package static func pairs(upTo offset: Int, seqQ: Int, seqKV: Int) -> Int {
    // Queries before `first` see nothing, queries from `full` on see every key.
    let first = min(max(-offset, 0), seqQ)
    let full = min(max(seqKV - 1 - offset, first), seqQ)
    let ramp = full - first
    return ramp * (first + offset + 1) + ramp * (ramp - 1) / 2 + (seqQ - full) * seqKV
  }
}
