import Attention
import Programs

/// Work items of a kernel that walks block lists: partial blocks first, then full ones.
struct BlockMaskItems {
  /// Side of the blocks that FlexAttention makes of a mask that is not given in blocks.
  static let flexBlock = 128

  let mask: BlockMask
  private let shape: AttentionShape
  private let queryTile: Int
  private let keyTile: Int
  /// Blocks and tiles are walked from the last to the first.
  private let isDescending: Bool
  /// Query heads packed into the rows of a tile.
  private let packedHeads: Int

  /// - Parameters:
  ///   - block: queries and keys of a block; both tiles divide it.
  ///   - keyBlock: keys of a block where they are not as many as queries.
  init(
    shape: AttentionShape, block: Int, keyBlock: Int? = nil, queryTile: Int, keyTile: Int,
    isDescending: Bool = false, packedHeads: Int = 1
  ) throws(MaskProblem) {
    mask = try BlockMask(shape, queryBlock: block, keyBlock: keyBlock ?? block)
    self.packedHeads = packedHeads
    self.shape = shape
    self.queryTile = queryTile
    self.keyTile = keyTile
    self.isDescending = isDescending
  }

  /// Item space whose classes have the counts that `counting` makes of the steps with and without mask.
  ///
  /// Complexity: O(query tiles + runs).
  func items(_ counting: (_ partial: Int, _ full: Int) -> some StepCounts) -> ItemSpace {
    var classes: [ItemClass] = []
    var groups: [ItemSpace.Group] = []
    let tiles = (shape.seqQ * packedHeads + queryTile - 1) / queryTile
    let tilesPerBlock = mask.queryBlock * packedHeads / queryTile
    for entry in mask.heads {
      var runs: [ItemSpace.TileRun] = []
      var last: BlockMask.Row?
      for (index, row) in entry.rows.enumerated() {
        let count = min(tilesPerBlock, tiles - index * tilesPerBlock)
        if row == last {
          runs[runs.count - 1].count += count
        } else {
          runs.append(.init(itemClass: classes.count, count: count))
          classes.append(itemClass(row, counting))
          last = row
        }
      }
      groups.append(.init(count: entry.heads.count / packedHeads, runs: runs))
    }
    return ItemSpace(
      classes: classes, groups: groups.repeated(batch: shape.batch), packedHeads: packedHeads)
  }

  /// The same with the tiles that `all` has and this does not: walked first, as steps of a third kind.
  ///
  /// One class for each row of blocks. Complexity: O(rows of blocks x runs).
  func items(
    besides all: BlockMaskItems, _ counting: (_ partial: Int, _ full: Int, _ skipped: Int) -> some StepCounts
  ) -> ItemSpace {
    var groups: [ItemSpace.Group] = []
    var classes: [ItemClass] = []
    let tiles = (shape.seqQ + queryTile - 1) / queryTile
    let perBlock = mask.queryBlock / queryTile
    for entry in mask.heads {
      var runs: [ItemSpace.TileRun] = []
      for (index, row) in entry.rows.enumerated() {
        let whole = all.mask.heads[0].rows[index]
        let kept = KeyRuns(merging: row.partial + row.full)
        var skipped: [Range<Int>] = []
        for run in KeyRuns(merging: whole.partial + whole.full).runs {
          var start = run.lowerBound
          for other in kept.runs where other.overlaps(run) {
            if start < other.lowerBound { skipped.append(start..<other.lowerBound) }
            start = max(start, other.upperBound)
          }
          if start < run.upperBound { skipped.append(start..<run.upperBound) }
        }
        let lists = [self.tiles(row.partial), self.tiles(row.full), self.tiles(skipped)]
        let counts = lists.map { $0.reduce(0) { $0 + $1.count } }
        runs.append(.init(itemClass: classes.count, count: min(perBlock, tiles - index * perBlock)))
        classes.append(
          ItemClass(
            counting(counts[0], counts[1], counts[2]), walk: .runs(lists[2] + lists[0] + lists[1])))
      }
      groups.append(.init(count: entry.heads.count, runs: runs))
    }
    return ItemSpace(classes: classes, groups: groups.repeated(batch: shape.batch))
  }

  private func itemClass(_ row: BlockMask.Row, _ counting: (Int, Int) -> some StepCounts) -> ItemClass {
    let partial = tiles(row.partial)
    let full = tiles(row.full)
    return ItemClass(
      counting(partial.reduce(0) { $0 + $1.count }, full.reduce(0) { $0 + $1.count }),
      walk: .runs(partial + full, descending: isDescending))
  }

  /// Key tiles of runs of blocks, in the order of the walk; tiles past the last key do not exist.
  private func tiles(_ blocks: [Range<Int>]) -> [Range<Int>] {
    let scale = mask.keyBlock / keyTile
    let end = (shape.seqKV + keyTile - 1) / keyTile
    let runs = blocks.map { $0.lowerBound * scale..<min($0.upperBound * scale, end) }
    return isDescending ? runs.reversed() : runs
  }
}
