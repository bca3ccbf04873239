import Attention
import HWModels
import Programs

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

  /// Tiles with rows, over all sequences.
  var allTiles: Int {
    shape.runs.reduce(0) {
      $0 + $1.count * (shape.headsQ / packedHeads) * (($1.queries * packedHeads + queryTile - 1) / queryTile)
    }
  }

  /// Rows that exist of `count` rows from row `first` of a tile on: all where a sequence has several tiles, the mean over
  /// all tiles where sequences have different ones.
  func usedRows(from first: Int = 0, count: Int) -> Double {
    guard shape.hasQueryLengths else { return Double(min(max(rows - first, 0), count)) }
    let used = shape.runs.reduce(0.0) { sum, run in
      let own = run.queries * packedHeads
      let rest = own % queryTile
      let inTiles = own / queryTile * min(count, queryTile - first) + min(max(rest - first, 0), count)
      return sum + Double(run.count * (shape.headsQ / packedHeads)) * Double(inTiles)
    }
    return used / Double(max(allTiles, 1))
  }

  /// Tiles that a batch of different lengths may list one after another: more would take seconds.
  private static let mostListed = 1 << 24

  /// - Throws: `ScheduleError.unsupported` where lengths make more different tiles than are listed.
  func checkLengths(schedule: String) throws(ScheduleError) {
    guard shape.lengths != nil else { return }
    let heads = shape.headsQ / packedHeads
    let listed = shape.runs.reduce(0.0) { sum, run in
      let tiles = (run.queries * packedHeads + queryTile - 1) / queryTile
      // Without a mask the tiles of a sequence are alike, but for those beyond its end.
      return sum + Double(run.count * heads) * Double(shape.mask == .none ? min(tiles, 2) : tiles + 1)
    }
    guard listed <= Double(Self.mostListed) else {
      throw .unsupported(
        schedule: schedule, field: "lengths",
        message: "takes at most \(Self.mostListed) different tiles with lengths, and these make \(listed)")
    }
  }

  /// The tiles of one sequence of these lengths.
  func one(_ run: BatchLengths.Run) -> QueryTiles {
    QueryTiles(
      shape: shape.sequence(run), queryTile: queryTile, keyTile: keyTile, packedHeads: packedHeads,
      firstAlwaysMasked: firstAlwaysMasked)
  }

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

  /// Items whose walks are cut into `splits` parts of equal length, the last ones shorter or empty.
  func items(splits: Int) -> ItemSpace {
    let base = items()
    guard splits > 1 else { return base }
    let classes = base.classes.flatMap { itemClass -> [ItemClass] in
      guard case .descending(let range) = itemClass.walk else { return [itemClass] }
      let cut = FixedSplit(blocks: range.count, splits: splits)
      return (0..<splits).map { split in
        let part = cut.range(of: split)
        return Self.cut(
          itemClass, to: range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
      }
    }
    let groups = base.groups.map { group in
      ItemSpace.Group(
        count: group.count,
        tileClasses: group.tileClasses.flatMap { tile in (0..<splits).map { tile * splits + $0 } })
    }
    return ItemSpace(classes: classes, groups: groups, packedHeads: packedHeads, splits: splits)
  }

  /// The part of a walk that lies in `tiles`; masked steps are those at the upper end, edge steps those at the lower.
  static func cut(_ itemClass: ItemClass, to tiles: Range<Int>) -> ItemClass {
    guard case .descending(let range) = itemClass.walk else { return itemClass }
    let part = range.clamped(to: tiles)
    let first = min(part.count, 1)
    let maskedFrom = range.upperBound - itemClass.values[0] - itemClass.values[1]
    let masked = max(part.upperBound - max(part.lowerBound, maskedFrom), first)
    let edgeTo = range.lowerBound + itemClass.values[3]
    let edge = min(max(min(part.upperBound, edgeTo) - part.lowerBound, 0), part.count - masked)
    return ItemClass(
      values: [first, masked - first, part.count - masked - edge, edge], walk: .descending(part))
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
