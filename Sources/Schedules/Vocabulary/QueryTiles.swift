import Attention
import HWModels
import Programs

/// Query tiles of a forward kernel: which key tiles each walks, and how many of them are masked.
///
/// Every kernel that owns a tile of queries and streams keys past it has the same item space.
struct QueryTiles {
  /// Steps of a walk from the last key tile to the first, as flash-attention kernels go.
  struct Steps: StepCounts {
    /// Whether there is a step at all.
    var first = 0
    /// Further steps under the mask.
    var masked = 0
    /// Steps without one.
    var whole = 0
    /// Steps under the mask at the left edge of a window; they come last.
    var edge = 0
  }

  let shape: AttentionShape
  let queryTile: Int
  let keyTile: Int
  /// Query heads packed into the rows of a tile (1 without packing).
  let packedHeads: Int

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
      shape: shape.sequence(run), queryTile: queryTile, keyTile: keyTile, packedHeads: packedHeads)
  }

  /// Key tiles and masked ones of query tile `index`.
  func span(_ index: Int) -> TileSpan {
    let firstToken = index * queryTile / packedHeads
    let lastToken = min((index + 1) * queryTile - 1, rows - 1) / packedHeads
    return shape.mask.span(
      queryStart: firstToken, queryRows: lastToken - firstToken + 1, keyTile: keyTile, seqQ: shape.seqQ,
      seqKV: shape.seqKV)
  }

  /// A walk over key tiles, from the last to the first.
  private struct Walk: Equatable {
    var steps: Steps
    var range: Range<Int>

    /// The part that lies in `tiles`: masked steps are those at the upper end, edge steps those at the lower.
    func cut(to tiles: Range<Int>) -> Walk {
      let part = range.clamped(to: tiles)
      let first = min(part.count, 1)
      let maskedFrom = range.upperBound - steps.first - steps.masked
      let masked = max(part.upperBound - max(part.lowerBound, maskedFrom), first)
      let edgeTo = range.lowerBound + steps.edge
      let edge = min(max(min(part.upperBound, edgeTo) - part.lowerBound, 0), part.count - masked)
      return Walk(
        steps: Steps(first: first, masked: masked - first, whole: part.count - masked - edge, edge: edge),
        range: part)
    }
  }

  /// The items of all sequences, each walk in `splits` parts.
  ///
  /// - Parameters:
  ///   - part: key tiles of part number n of a walk over these; equal lengths, the last ones shorter or empty, if not given.
  ///   - counting: the kernel's own counts of a walk.
  func items(
    splits: Int = 1, part: ((Range<Int>, Int) -> Range<Int>)? = nil, _ counting: (Steps) -> some StepCounts
  ) -> ItemSpace {
    func items(_ walk: Walk) -> [ItemClass] {
      let parts =
        splits == 1
        ? [walk]
        : (0..<splits).map { number in
          if let part { return walk.cut(to: part(walk.range, number)) }
          let own = FixedSplit(blocks: walk.range.count, splits: splits).range(of: number)
          return walk.cut(
            to: walk.range.lowerBound + own.lowerBound..<walk.range.lowerBound + own.upperBound)
        }
      return parts.map { ItemClass(counting($0.steps), walk: .descending($0.range)) }
    }
    var walks: [Walk] = []
    var runs: [ItemSpace.TileRun] = []
    var index = 0
    while index < tilesPerSequence {
      let walk = walk(span(index))
      // Without a mask every tile sees every key.
      let count = shape.mask == .none ? tilesPerSequence : 1
      // Neighbouring tiles are the ones that can be equal: bands only move.
      if walks.last == walk {
        runs[runs.count - 1].count += count
      } else {
        walks.append(walk)
        runs.append(.init(itemClass: walks.count - 1, count: count))
      }
      index += count
    }
    let group =
      splits == 1
      ? ItemSpace.Group(count: sequences, runs: runs)
      : ItemSpace.Group(
        count: sequences,
        tileClasses: runs.flatMap { run in
          Array(
            repeating: (0..<splits).map { run.itemClass * splits + $0 }, count: run.count
          ).flatMap(\.self)
        })
    return ItemSpace(
      classes: walks.flatMap(items), groups: [group], packedHeads: packedHeads, splits: splits)
  }

  private func walk(_ span: TileSpan) -> Walk {
    let steps = span.range.count
    var masked = min(span.maskedHigh, steps)
    // The first tile visited is always masked.
    if steps > 0 { masked = max(masked, 1) }
    if shape.seqKV % keyTile != 0, span.range.upperBound * keyTile > shape.seqKV { masked = max(masked, 1) }
    let first = min(steps, 1)
    let edge = min(span.maskedLow, steps - max(masked, first))
    let furtherMasked = max(masked - first, 0)
    return Walk(
      steps: Steps(
        first: first, masked: furtherMasked, whole: steps - first - furtherMasked - edge, edge: edge),
      range: span.range)
  }
}
