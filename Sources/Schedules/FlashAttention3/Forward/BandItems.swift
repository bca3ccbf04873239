import Attention
import Programs

/// Work items of a band, and of a batch of different lengths.
///
/// - Source: Dao-AILab/flash-attention@0251105 flash_attn/cute/tile_scheduler.py (`SingleTileVarlenScheduler`);
///   hopper/flash_prepare_scheduler.cu and hopper/tile_scheduler.hpp (`VarlenDynamicPersistentTileScheduler`: sequences in
///   sorted order where the mask is no window).
extension ItemSpace {
  typealias Steps = FlashAttention3Forward.Steps

  /// - Parameters:
  ///   - splits: parts of the keys of each tile, of the longest sequence where lengths differ.
  ///   - partsOfRuns: parts of each run of equal sequences, where lengths differ.
  static func band(_ tiles: QueryTiles, splits: Int = 1, partsOfRuns: [Int] = []) -> ItemSpace {
    let shape = tiles.shape
    guard shape.lengths != nil else {
      return tiles.items(splits: splits) { Steps.band($0, isPartial: splits > 1) }
    }
    var parts: [BatchLengths.Run: Int] = [:]
    for (run, own) in zip(shape.runs, partsOfRuns) {
      parts[.init(count: 1, queries: run.queries, keys: run.keys)] = own
    }
    let heads = shape.headsQ / tiles.packedHeads
    return ItemSpace(shape.runs, heads: heads, packedHeads: tiles.packedHeads) { run in
      let splits = parts[run] ?? splits
      return tiles.one(run).items(splits: splits) { Steps.band($0, isPartial: splits > 1) }
    }
  }

  /// With work items that have no tile: a grid whose host does not know how many tiles there are has as many items as there could
  /// be, were every sequence to begin a tile with its last row.
  func withItemsBeyond(_ tiles: QueryTiles) -> ItemSpace {
    var space = self
    let shape = tiles.shape
    let heads = shape.headsQ / packedHeads
    let launched =
      (shape.totalQueries * packedHeads + shape.batch * (tiles.queryTile - 1)) / tiles.queryTile
    let beyond = launched - tiles.allTiles / heads
    guard beyond > 0, let last = groups.indices.last else { return self }
    space.classes.append(ItemClass(Steps(), walk: .descending(0..<0)))
    // Behind the tiles of the last sequence.
    var group = space.groups[last]
    space.groups[last].count -= heads
    group.count = heads
    group.runs.append(.init(itemClass: space.classes.count - 1, count: beyond))
    if space.groups[last].count == 0 { space.groups.removeLast() }
    space.groups.append(group)
    return space
  }

  /// Sequences with the most key tiles first, under a causal mask with the most that its first queries see; each work item
  /// of the preparing kernel sorts its own.
  func longestFirst(_ tiles: QueryTiles) -> ItemSpace {
    let shape = tiles.shape
    guard shape.lengths != nil else { return self }
    if case .slidingWindow = shape.mask { return self }
    let (heads, most) = (shape.headsQ / packedHeads, FlashAttention3Splits.mostSequences)
    func rounded(_ rows: Int, to tile: Int) -> Int { (rows + tile - 1) / tile * tile }
    var space = self
    var places: [(group: Int, element: Int, length: Int)] = []
    var element = 0
    for (group, run) in shape.runs.enumerated() {
      let keys = rounded(run.keys, to: tiles.keyTile)
      let rows = rounded(run.queries * packedHeads, to: tiles.queryTile)
      places.append((group, element, shape.mask == .causal ? keys - rows : keys))
      space.groups[group].firstSequence = element * heads
      element += run.count
    }
    places.sort {
      ($0.element / most, -$0.length, $0.element) < ($1.element / most, -$1.length, $1.element)
    }
    space.groups = places.map { space.groups[$0.group] }
    return space
  }
}
