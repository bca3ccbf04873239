package import Schedules

/// The keys that each query may attend to: the one place where numbers meet masks.
package struct VisibleKeys: Sendable {
  /// By mask of a range of heads, then by query: ascending runs of keys.
  private let runs: [[[Range<Int>]]]
  /// The mask of each query head of a batch element.
  private let maskOfHead: [Int]

  package init(_ shape: AttentionShape) {
    let masks = shape.mask.headMasks(headCount: shape.headsQ)
    runs = masks.map { entry in
      let rows = entry.mask.rows(seqQ: shape.seqQ, seqKV: shape.seqKV)
      return (0..<shape.seqQ).map { rows.keys(of: $0) }
    }
    maskOfHead = (0..<shape.headsQ).map { head in masks.firstIndex { $0.heads.contains(head) } ?? 0 }
  }

  /// Which mask a query head, counted over the batch, has.
  func mask(ofHead head: Int) -> Int { maskOfHead[head % maskOfHead.count] }

  func keys(mask: Int, query: Int) -> [Range<Int>] { query < runs[mask].count ? runs[mask][query] : [] }
}
