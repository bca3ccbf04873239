import HWModels

/// Query tiles of a forward kernel: which key tiles each walks, and how many of them are masked.
///
/// Every kernel that owns a tile of queries and streams keys past it has the same item space.
struct QueryTiles {
  let shape: AttentionShape
  let queryTile: Int
  let keyTile: Int
  /// Query heads packed into the rows of a tile (1 without packing).
  let packedHeads: Int
  /// Kernels that always run the masking body for the first tile visited.
  let firstAlwaysMasked: Bool

  /// Rows of one sequence, packing included.
  var rows: Int { shape.seqQ * packedHeads }
  var tilesPerSequence: Int { (rows + queryTile - 1) / queryTile }
  /// Sequences: (batch, head) pairs that own rows of their own.
  var sequences: Int { shape.batch * shape.headsQ / packedHeads }

  /// Key tiles and masked ones of query tile `index`.
  func span(_ index: Int) -> TileSpan {
    let firstToken = index * queryTile / packedHeads
    let lastToken = min((index + 1) * queryTile - 1, rows - 1) / packedHeads
    return shape.mask.span(
      queryStart: firstToken, queryRows: lastToken - firstToken + 1, keyTile: keyTile, seqQ: shape.seqQ,
      seqKV: shape.seqKV)
  }

  /// Item space with variables `[first, masked, whole, edge]`: whether there is a first step at all, further masked
  /// steps, unmasked ones, and masked ones at the left edge of a window. Key tiles are walked from the last to the
  /// first, as flash-attention kernels do, so that the edge comes last.
  func items() -> ItemSpace {
    // Without a mask every tile sees every key.
    if shape.mask == .none {
      return ItemSpace(
        classes: [makeClass(span(0))],
        groups: [.init(count: sequences, runs: [.init(itemClass: 0, count: tilesPerSequence)])],
        packedHeads: packedHeads)
    }
    var classes: [ItemClass] = []
    var tileClasses: [Int] = []
    tileClasses.reserveCapacity(tilesPerSequence)
    for index in 0..<tilesPerSequence {
      let itemClass = makeClass(span(index))
      // Neighbouring tiles are the ones that can be equal: bands only move.
      if let last = classes.last, last.values == itemClass.values, last.walk == itemClass.walk {
        tileClasses.append(classes.count - 1)
      } else {
        classes.append(itemClass)
        tileClasses.append(classes.count - 1)
      }
    }
    return ItemSpace(
      classes: classes, groups: [.init(count: sequences, tileClasses: tileClasses)], packedHeads: packedHeads)
  }

  private func makeClass(_ span: TileSpan) -> ItemClass {
    let steps = span.range.count
    var masked = min(span.maskedHigh, steps)
    if firstAlwaysMasked, steps > 0 { masked = max(masked, 1) }
    if shape.seqKV % keyTile != 0, span.range.upperBound * keyTile > shape.seqKV { masked = max(masked, 1) }
    let first = min(steps, 1)
    let edge = min(span.maskedLow, steps - max(masked, first))
    let furtherMasked = max(masked - first, 0)
    return ItemClass(
      values: [first, furtherMasked, steps - first - furtherMasked - edge, edge],
      walk: .descending(span.range))
  }
}
