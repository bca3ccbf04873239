import Attention
import Programs

/// Queries of a tile against the blocks of keys that they selected: one work item for each pair, one part of each output.
struct BlockParts {
  let tile: FlashAttention2Tile
  let items: ItemSpace
  /// Part numbers of every tile of queries.
  let parts: [(heads: Int, tiles: [[Int]])]
  /// Rows of queries over all heads, once for each of their blocks.
  let rows: Double

  init(shape: AttentionShape, keyBlock: Int, tile: FlashAttention2Tile) throws(MaskProblem) {
    self.tile = tile
    let mask = try BlockMask(shape, queryBlock: tile.queryTile, keyBlock: tile.keyTile)
    let scale = keyBlock / tile.keyTile
    var classes: [ItemClass] = []
    var groups: [ItemSpace.Group] = []
    var parts: [(heads: Int, tiles: [[Int]])] = []
    var rows = 0.0
    for entry in mask.heads {
      var tileClasses: [Int] = []
      var splits: [Int] = []
      for row in entry.rows {
        var blocks: [Int: (partial: [Range<Int>], full: [Range<Int>])] = [:]
        for (runs, isPartial) in [(row.partial, true), (row.full, false)] {
          for run in runs {
            for block in run.lowerBound / scale...(run.upperBound - 1) / scale {
              let piece = run.clamped(to: block * scale..<(block + 1) * scale)
              if isPartial {
                blocks[block, default: ([], [])].partial.append(piece)
              } else {
                blocks[block, default: ([], [])].full.append(piece)
              }
            }
          }
        }
        for block in blocks.keys.sorted() {
          let (partial, full) = blocks[block] ?? ([], [])
          tileClasses.append(classes.count)
          classes.append(
            ItemClass(
              FlashAttention2Forward.Steps.list(
                partial: partial.reduce(0) { $0 + $1.count }, full: full.reduce(0) { $0 + $1.count }),
              walk: .runs(partial + full)))
        }
        splits.append(blocks.count)
        rows += Double(blocks.count * tile.queryTile) * Double(entry.heads.count * shape.batch)
      }
      groups.append(.init(count: entry.heads.count, tileClasses: tileClasses, tileSplits: splits))
      parts.append((entry.heads.count, splits.map { Array(0..<$0) }))
    }
    items = ItemSpace(classes: classes, groups: groups.repeated(batch: shape.batch))
    self.parts = parts
    self.rows = rows
  }
}
