import Attention
import HWModels
import Programs

/// Key tiles of a backward kernel: which query tiles each walks, and which of them are masked.
///
/// Every kernel that owns a tile of keys of one query head and streams queries past it has the same item space.
struct KeyTiles {
  let shape: AttentionShape
  let queryTile: Int
  let keyTile: Int
  let order: Order
  /// Kernels that run the masking body in every step.
  let alwaysMasked: Bool

  /// Whether query tiles are walked from the first or from the last.
  enum Order { case ascending, descending }

  var tilesPerSequence: Int { (shape.seqKV + keyTile - 1) / keyTile }
  /// Sequences: (batch element, query head) pairs.
  var sequences: Int { shape.batch * shape.headsQ }

  /// Query tiles that see a key of tile `index`, and masked ones at either end.
  ///
  /// The transpose of a band is a band: key k is seen by the queries from k - upper to k - lower.
  private func span(_ index: Int) -> TileSpan {
    let empty = TileSpan(range: 0..<0, maskedHigh: 0, maskedLow: 0)
    guard let band = shape.mask.band(seqQ: shape.seqQ, seqKV: shape.seqKV) else { return empty }
    let keys = index * keyTile..<min((index + 1) * keyTile, shape.seqKV)
    let transposed = Band(lower: band.upper.map { -$0 }, upper: band.lower.map { -$0 })
    guard var span = transposed.span(of: keys, keyTile: queryTile, seqKV: shape.seqQ) else { return empty }
    // A ragged last tile of queries holds zeros, which add nothing: only its real rows ask for a mask.
    let common = transposed.common(to: keys, seqKV: shape.seqQ)
    let wholeFrom = (common.lowerBound + queryTile - 1) / queryTile
    let wholeTo =
      (common.upperBound == shape.seqQ ? common.upperBound + queryTile - 1 : common.upperBound) / queryTile
    if wholeFrom < wholeTo {
      span.maskedLow = max(wholeFrom - span.range.lowerBound, 0)
      span.maskedHigh = max(span.range.upperBound - wholeTo, 0)
    }
    let raggedKeys = (index + 1) * keyTile > shape.seqKV
    if alwaysMasked || raggedKeys { span.maskedHigh = span.range.count - span.maskedLow }
    return span
  }

  /// Steps of a walk: masked ones at its start, unmasked ones, masked ones at its end.
  struct Steps: StepCounts {
    var before = 0
    var whole = 0
    var after = 0
    /// Whether there is a step at all, and how many follow the first.
    var any = 0
    var rest = 0
  }

  /// - Parameter counting: the kernel's own counts of a walk.
  func items(_ counting: (Steps) -> some StepCounts) -> ItemSpace {
    var classes: [ItemClass] = []
    var runs: [ItemSpace.TileRun] = []
    let tiles = tilesPerSequence
    var index = 0
    while index < tiles {
      let (steps, walk) = walk(span(index))
      let itemClass = ItemClass(counting(steps), walk: walk)
      var count = 1
      // Without a mask all tiles but a ragged last one are equal.
      if shape.mask == .none, index == 0, tiles > 2 { count = tiles - 1 }
      if let last = classes.last, last == itemClass {
        runs[runs.count - 1].count += count
      } else {
        classes.append(itemClass)
        runs.append(.init(itemClass: classes.count - 1, count: count))
      }
      index += count
    }
    return ItemSpace(classes: classes, groups: [.init(count: sequences, runs: runs)])
  }

  private func walk(_ span: TileSpan) -> (Steps, ItemClass.Walk) {
    let steps = span.range.count
    let low = min(span.maskedLow, steps)
    let high = min(span.maskedHigh, steps - low)
    let isAscending = order == .ascending
    let any = min(steps, 1)
    return (
      Steps(
        before: isAscending ? low : high, whole: steps - low - high, after: isAscending ? high : low,
        any: any,
        rest: steps - any),
      isAscending ? .ascending(span.range) : .descending(span.range)
    )
  }
}
