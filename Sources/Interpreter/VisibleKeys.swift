package import Attention

/// The keys that each query may attend to: the one place where numbers meet masks.
package struct VisibleKeys: Sendable {
  /// By mask of a range of heads and length, then by query: ascending runs of keys.
  private let runs: [[[Range<Int>]]]
  /// The mask and length of each query head, over one batch element or all.
  private let maskOfHead: [Int]

  package init(_ shape: AttentionShape) {
    let masks = shape.mask.headMasks(headCount: shape.headsQ)
    var groups: [BatchLengths.Run: Int] = [:]
    var found: [[[Range<Int>]]] = []
    let ofElement = (0..<shape.headsQ).map { head in masks.firstIndex { $0.heads.contains(head) } ?? 0 }
    var maskOfHead: [Int] = []
    for element in 0..<(shape.lengths == nil ? 1 : shape.batch) {
      let own = BatchLengths.Run(count: 1, queries: shape.queries(of: element), keys: shape.keys(of: element))
      if groups[own] == nil {
        groups[own] = found.count
        found += masks.map { entry in
          let rows = entry.mask.rows(seqQ: own.queries, seqKV: own.keys)
          return (0..<own.queries).map { rows.keys(of: $0) }
        }
      }
      let first = groups[own] ?? 0
      maskOfHead += ofElement.map { first + $0 }
    }
    runs = found
    self.maskOfHead = maskOfHead
  }

  /// Which mask a query head, counted over the batch, has.
  func mask(ofHead head: Int) -> Int { maskOfHead[head % maskOfHead.count] }

  func keys(mask: Int, query: Int) -> [Range<Int>] { query < runs[mask].count ? runs[mask][query] : [] }
}
