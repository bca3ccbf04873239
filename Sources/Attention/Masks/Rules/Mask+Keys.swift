extension Mask {
  /// From the first key to the last that query `query` may attend to, or nil where the row is empty.
  ///
  /// A mask that is no band may have gaps in between: `rows(seqQ:seqKV:)` tells all runs.
  /// Complexity: O(1) for bands; else that of `rows(seqQ:seqKV:)`.
  public func keys(query: Int, seqQ: Int, seqKV: Int) -> ClosedRange<Int>? {
    let queries = query..<query + 1
    let hull: Range<Int>?
    if let band = band(seqQ: seqQ, seqKV: seqKV) {
      hull = band.seen(by: queries, seqKV: seqKV)
    } else {
      hull = rows(seqQ: seqQ, seqKV: seqKV).hull(of: queries)
    }
    return hull.flatMap { $0.isEmpty ? nil : $0.lowerBound...$0.upperBound - 1 }
  }

  /// Query-key pairs of one head that may attend; of masks per head, the mean over the heads.
  ///
  /// Complexity: O(1) for bands; else that of `rows(seqQ:seqKV:)` and its count.
  public func attendedPairs(seqQ: Int, seqKV: Int) -> Double {
    if case .perHead(let entries) = self {
      let heads = entries.reduce(0) { $0 + $1.heads.count }
      let pairs = entries.reduce(0.0) {
        $0 + Double($1.heads.count) * $1.mask.attendedPairs(seqQ: seqQ, seqKV: seqKV)
      }
      return heads == 0 ? 0 : pairs / Double(heads)
    }
    if let band = band(seqQ: seqQ, seqKV: seqKV) { return Double(band.pairs(seqQ: seqQ, seqKV: seqKV)) }
    return Double(rows(seqQ: seqQ, seqKV: seqKV).attendedPairs)
  }
}
