import Attention
import HWModels
import Programs

/// Output tiles of a decode call and the parts into which their keys are cut.
struct DecodeItems {
  let shape: AttentionShape
  let rows: Int
  let keyTile: Int

  /// Query heads of a group share the rows of a tile.
  var packedHeads: Int { shape.group }
  var rowTiles: Int { rowTiles(queries: shape.seqQ) }
  func rowTiles(queries: Int) -> Int { (queries * shape.group + rows - 1) / rows }
  /// Row tiles of all sequences.
  var allRowTiles: Int {
    shape.runs.reduce(0) { $0 + $1.count * shape.headsKV * rowTiles(queries: $1.queries) }
  }
  var sequences: Int { shape.batch * shape.headsKV }
  /// Key tiles of the whole sequence.
  var blocks: Int { (shape.seqKV + keyTile - 1) / keyTile }
  /// Bytes of keys and values of one head.
  var headBytes: Int { shape.seqKV * (shape.headDim + shape.headDimV) * shape.dataType.bytes }

  /// Key tiles that row tile `index` of a sequence with `keys` keys visits: at least one, so that rows without keys are
  /// written too.
  func span(_ index: Int, queries: Int? = nil, keys: Int) -> Range<Int> {
    let queries = queries ?? shape.seqQ
    let first = index * rows / packedHeads
    let last = min((index + 1) * rows - 1, queries * packedHeads - 1) / packedHeads
    let range = shape.mask.span(
      queryStart: first, queryRows: last - first + 1, keyTile: keyTile, seqQ: queries, seqKV: keys
    ).range
    return range.isEmpty ? 0..<1 : range
  }

  /// Trips of a part.
  struct Steps: StepCounts {
    /// Key tiles that it walks, and whether there are any.
    var tiles = 0
    var any = 0
    /// Whether its output is the call's own, or one to be merged.
    var direct = 0
    var partial = 0

    init() {}
    init(_ range: Range<Int>, isPartial: Bool) {
      tiles = range.count
      any = min(tiles, 1)
      (direct, partial) = isPartial ? (0, any) : (any, 0)
    }
  }

  /// Every row tile cut into `splits` parts, and how many of them have tiles, by row tile.
  ///
  /// - Parameter chunk: key tiles of a part, where a rule says that; nil for parts of one length.
  func fixed(splits: Int, chunk: Int? = nil, isPartial: Bool) -> (items: ItemSpace, parts: [Int]) {
    var list = ItemList<Part>()
    var groups: [ItemSpace.Group] = []
    var parts: [Int] = []
    for run in shape.runs {
      var tileClasses: [Int] = []
      var own: [Int] = []
      for index in 0..<rowTiles(queries: run.queries) {
        let span = span(index, queries: run.queries, keys: run.keys)
        let cut =
          chunk.map { FixedSplit(blocks: span.count, chunk: $0) }
          ?? FixedSplit(blocks: span.count, splits: splits)
        // A rule that says the tiles of a part launches no part without tiles.
        for part in 0..<(chunk == nil ? splits : min(cut.partsWithTiles, splits)) {
          let range = cut.range(of: part)
          let tiles = span.lowerBound + range.lowerBound..<span.lowerBound + range.upperBound
          let part = Part(tiles: tiles, isPartial: isPartial)
          tileClasses.append(list.place(of: part) { part.itemClass })
        }
        own.append(cut.partsWithTiles)
      }
      let alike = run.count * shape.headsKV
      groups.append(.init(count: alike, tileClasses: tileClasses, tileSplits: chunk == nil ? nil : own))
      for _ in 0..<(shape.lengths == nil ? 1 : alike) { parts += own }
    }
    return (
      ItemSpace(classes: list.classes, groups: groups, packedHeads: packedHeads, splits: splits), parts
    )
  }

  /// Output tiles in the order of the line of stream-K: tiles of one sequence after another.
  ///
  /// - Parameter dies: how many equal lines there are; one of them is meant.
  func line(dies: Int = 1) -> [StreamKRanges.Run] {
    shape.keyRuns.flatMap { run in
      let sequences = run.count * shape.headsKV / dies
      let one = (0..<rowTiles).map { StreamKRanges.Run(count: 1, tiles: span($0, keys: run.keys).count) }
      if one.count == 1 { return [StreamKRanges.Run(count: sequences, tiles: one[0].tiles)] }
      return (0..<sequences).flatMap { _ in one }
    }
  }

  /// Pieces of stream-K as items, the lengths of the work items' ranges, and the parts of each output tile.
  ///
  /// - Parameters:
  ///   - lines: the line, or several that follow each other and have work items of their own.
  ///   - mergesAll: outputs in one part go through partial results too.
  func streamed(_ lines: [StreamKRanges], mergesAll: Bool) -> (
    items: ItemSpace, lengths: [Int], parts: [Int]
  ) {
    var pieces: [StreamKRanges.Piece] = []
    var parts = [Int](repeating: 0, count: sequences * rowTiles)
    var lengths: [Int] = []
    var firstOutput = 0
    for line in lines {
      let own = line.pieces()
      var loads = [Int](repeating: 0, count: line.grid)
      for piece in own {
        parts[firstOutput + piece.output] += 1
        loads[piece.workItem] += 1
      }
      pieces += own
      lengths += loads
      firstOutput += line.outputs.reduce(0) { $0 + $1.count }
    }
    var list = ItemList<Part>()
    var next = 0
    let starts = shape.keyRuns.flatMap { run in
      let one = (0..<rowTiles).map { span($0, keys: run.keys).lowerBound }
      return Array(repeating: one, count: run.count)
    }
    for sequence in 0..<sequences {
      let starts = starts[sequence / shape.headsKV]
      var tileClasses: [Int] = []
      let own = Array(parts[sequence * rowTiles..<(sequence + 1) * rowTiles])
      for (tile, count) in own.enumerated() {
        for piece in pieces[next..<next + count] {
          let tiles = starts[tile] + piece.tiles.lowerBound..<starts[tile] + piece.tiles.upperBound
          let part = Part(tiles: tiles, isPartial: mergesAll || count > 1)
          tileClasses.append(list.place(of: part) { part.itemClass })
        }
        next += count
      }
      list.append(.init(count: 1, tileClasses: tileClasses, tileSplits: own))
    }
    let items = ItemSpace(
      classes: list.classes, groups: list.groups, packedHeads: packedHeads,
      splits: max(parts.max() ?? 1, 1))
    return (items, lengths.filter { $0 > 0 }, parts)
  }

  /// What makes parts different.
  private struct Part: Hashable {
    var tiles: Range<Int>
    var isPartial: Bool

    var itemClass: ItemClass { ItemClass(Steps(tiles, isPartial: isPartial), walk: .ascending(tiles)) }
  }
}
