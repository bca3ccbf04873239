import Attention
import Programs

/// The key tiles of FlashAttention-2's work items: which they are, how the kernel finds them, what it does under the mask, and
/// whether its outputs are parts of several.
struct KeyWalk {
  /// Name of the kernel that walks so.
  let kernel: String
  /// Work items counted in `FlashAttention2Forward.Steps`.
  let items: ItemSpace
  var order = ItemOrder.tilesFastest
  /// Before the first step.
  var beginning: [Operation] = []
  /// Finds the tile of a step.
  var next: [Operation] = []
  /// Of a masked tile; a compare and a select a score if not given.
  var maskWork: Work?
  /// Decides by the scores whether a tile is needed.
  var vote: Operation?
  /// Bytes of an element of O where it is a part; nil where it is whole.
  var partialElement: Int?

  /// A range of tiles for each tile of queries, in `splits` parts of equal length.
  static func band(
    _ shape: AttentionShape, _ tile: FlashAttention2Tile, packedHeads: Int, splits: Int
  ) throws(ScheduleError) -> KeyWalk {
    let tiles = QueryTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
    try tiles.checkLengths(schedule: FlashAttention2.name)
    func items(_ tiles: QueryTiles) -> ItemSpace {
      let longest = FixedSplit(
        blocks: (tiles.shape.seqKV + tile.keyTile - 1) / tile.keyTile, splits: splits
      ).longest
      return tiles.items(
        splits: splits, part: { $1 * longest..<($1 + 1) * longest }, FlashAttention2Forward.Steps.band)
    }
    // With lengths, work items beyond the end of their sequence are launched too, and do nothing.
    let hasItemsBeyond = shape.hasQueryLengths
    let heads = shape.headsQ / packedHeads
    var walk = KeyWalk(
      kernel: splits > 1 ? "fa2_fwd_split" : "fa2_fwd",
      items: shape.lengths == nil
        ? items(tiles)
        : ItemSpace(
          shape.runs, heads: heads, packedHeads: packedHeads,
          rowTiles: hasItemsBeyond ? tiles.tilesPerSequence : 0,
          beyond: hasItemsBeyond ? ItemClass(FlashAttention2Forward.Steps(), walk: .descending(0..<0)) : nil
        ) { items(tiles.one($0)) },
      partialElement: splits > 1 ? 4 : nil)
    if shape.lengths != nil {
      // Where a sequence begins and how long it is: loads that wait for the shared cache once (block_info.h).
      walk.beginning = [
        Operation(
          "read lengths", .vector, work: .of { $0.otherInstructions = 30 * Double(32 * tile.warps) },
          chain: Chain(alu: 20, global: 1))
      ]
      // The grid is (row tiles, sequences, heads), and with parts (row tiles, parts, sequences and heads).
      if splits == 1 { walk.order = .headsSlowest(heads: heads) }
    }
    return walk
  }

  /// Lists of tiles, whose next entry a step reads from the nearest cache.
  ///
  /// - Parameters:
  ///   - code: what a masked tile evaluates.
  ///   - votes: whether the kernel computes all scores and decides by them which tiles need values: all warps vote whether any
  ///     row's maximum comes near the running one.
  static func lists(
    _ kernel: String, _ items: ItemSpace, _ tile: FlashAttention2Tile, code: MaskCode,
    partialElement: Int? = nil, votes: Bool = false
  ) -> KeyWalk {
    let scores = Double(tile.queryTile * tile.keyTile)
    let rowsPerLane = Double(max(tile.queryTile / (16 * tile.warps), 1)) * 2
    var maskWork = code.work(scores: scores, rowsPerLane: rowsPerLane)
    maskWork.alu += scores
    let nextEntry = Operation(
      "next entry", .vector, work: .of { $0.otherInstructions = Double(32 * tile.warps) * 4 },
      chain: Chain(alu: 4, shared: 1))
    let lanes = Double(tile.queryTile * SoftmaxSteps.lanesPerRow)
    let vote = Operation(
      "vote on the tile", .vector,
      work: .of {
        $0.max = scores + 2 * lanes
        $0.shuffle = 2 * lanes
        $0.alu = lanes
      }, chain: Chain(alu: 6, shuffle: 2, shared: 2))
    return KeyWalk(
      kernel: kernel, items: items, next: [nextEntry], maskWork: maskWork, vote: votes ? vote : nil,
      partialElement: partialElement)
  }
}

extension FlashAttention2Forward.Steps {
  static func band(_ walk: QueryTiles.Steps) -> Self {
    var steps = Self(first: walk.first, masked: walk.first + walk.masked, whole: walk.whole, hasRows: 1)
    if walk.edge > 0 {
      (steps.edge, steps.lastMasked) = (walk.edge - 1, 1)
    } else if walk.whole > 0 {
      (steps.whole, steps.last) = (walk.whole - 1, 1)
    } else {
      (steps.masked, steps.lastMasked) = (max(steps.masked - 1, 0), min(steps.masked, 1))
    }
    return steps
  }

  /// A list of tiles, masked ones before whole ones; skipped ones come before both.
  static func list(partial: Int, full: Int, skipped: Int = 0) -> Self {
    let kept = partial + full
    let lastSkipped = kept == 0 ? min(skipped, 1) : 0
    var steps = Self(
      first: min(kept + skipped, 1), hasRows: 1, skipped: skipped - lastSkipped, lastSkipped: lastSkipped)
    if full > 0 {
      (steps.masked, steps.whole, steps.last) = (partial, full - 1, 1)
    } else {
      (steps.masked, steps.lastMasked) = (max(partial - 1, 0), min(partial, 1))
    }
    return steps
  }
}

/// A paged cache: a thread copies neighbouring rows, all of one page, whose entry it reads before it can copy K; V's is then
/// near.
struct KeyPages {
  /// Tokens of a page.
  let tokens: Int

  private func place(
    _ name: String, _ unit: Operation.Unit, _ tile: FlashAttention2Tile, bytes: Double, _ chain: Chain,
    into entries: TileRef
  ) -> Operation {
    let threads = Double(32 * tile.warps)
    return Operation(
      name, unit,
      work: .of {
        $0.tableRead = bytes
        $0.otherInstructions = 6 * threads
        $0.alu = 10 * threads
      }, chain: chain, action: .fill(entries, 0))
  }

  func loadEntry(_ tile: FlashAttention2Tile, into entries: TileRef) -> Operation {
    place(
      "load page entry", .loadStore, tile, bytes: Double(4 * max(tile.keyTile / tokens, 1)), Chain(alu: 12),
      into: entries)
  }

  func useEntry(_ tile: FlashAttention2Tile, in entries: TileRef) -> Operation {
    place("page of V", .vector, tile, bytes: 0, Chain(alu: 12, shared: 1), into: entries)
  }
}
