package import Schedules

/// The keys that each query may attend to: the one place where numbers meet masks.
package struct VisibleKeys: Sendable {
  /// By mask of a range of heads and length, then by query: ascending runs of keys.
  private let runs: [[[Range<Int>]]]
  /// The mask and length of each query head, over one batch element or all.
  private let maskOfHead: [Int]

  package init(_ shape: AttentionShape) {
    let masks = shape.mask.headMasks(headCount: shape.headsQ)
    let lengths = Set(shape.lengths?.keys ?? [shape.seqKV]).sorted()
    runs = lengths.flatMap { length in
      masks.map { entry in
        let rows = entry.mask.rows(seqQ: shape.seqQ, seqKV: length)
        return (0..<shape.seqQ).map { rows.keys(of: $0) }
      }
    }
    let ofElement = (0..<shape.headsQ).map { head in masks.firstIndex { $0.heads.contains(head) } ?? 0 }
    maskOfHead = (shape.lengths?.keys ?? [shape.seqKV]).flatMap { length in
      let first = (lengths.firstIndex(of: length) ?? 0) * masks.count
      return ofElement.map { first + $0 }
    }
  }

  /// Which mask a query head, counted over the batch, has.
  func mask(ofHead head: Int) -> Int { maskOfHead[head % maskOfHead.count] }

  func keys(mask: Int, query: Int) -> [Range<Int>] { query < runs[mask].count ? runs[mask][query] : [] }
}
