import Attention
import Programs

extension FlashAttention3Forward {
  /// The tiles of keys that work items walk, and what a warpgroup does for the mask of one.
  struct Walk {
    let items: ItemSpace
    /// Of a masked step, and of a masked first one.
    let mask: Work
    var firstMask: Work
    /// Of a first step without mask, which only looks for the end of the keys; nil where the first step is always masked.
    var check: Work?

    /// The kinds of first steps, and what each does for the mask.
    var begins: [(KeyPath<Steps, Int>, Work)] {
      [(\.first, firstMask)] + (check.map { [(\.firstWhole, $0)] } ?? [])
    }

    /// A band, from its last tile to its first.
    ///
    /// - Parameter logic: integer instructions of a score under the mask.
    static func band(_ items: ItemSpace, _ tile: FlashAttention3Tile, logic: Double = 2) -> Walk {
      let mask = Work.of { $0.alu = logic * tile.scoresOfWarpgroup }
      return Walk(items: items, mask: mask, firstMask: mask)
    }

    /// Masked blocks, then whole ones, each list from its end. The kernel evaluates the mask's own rule for every score
    /// (flash_attn/cute/mask.py: rows outside, columns inside, both unrolled), on the first step the ends of both
    /// sequences too.
    static func blocks(_ blocks: BlockMaskItems, _ tile: FlashAttention3Tile, _ rule: Mask) -> Walk {
      let scores = tile.scoresOfWarpgroup
      // An accumulator lane holds two rows.
      let mask = MaskCode(rule).work(scores: scores, rowsPerLane: 2)
      var walk = Walk(items: blocks.items(Steps.blocks), mask: mask, firstMask: mask)
      walk.firstMask.alu += scores + scores / 2
      walk.check = .of { $0.alu = scores }
      return walk
    }
  }
}

extension FlashAttention3Tile {
  fileprivate var scoresOfWarpgroup: Double { Double(FlashAttention3Forward.Warpgroup.rows * keyTile) }
}

extension FlashAttention3Forward.Steps {
  /// A walk over a band, whose first step is always masked.
  static func band(_ walk: QueryTiles.Steps, isPartial: Bool) -> Self {
    Self(
      first: walk.first, masked: walk.masked, whole: walk.whole, edge: walk.edge, any: walk.first,
      output: isPartial ? 0 : 1, partialOutput: isPartial ? 1 : 0)
  }

  /// A walk over masked and then whole blocks.
  static func blocks(masked: Int, whole: Int) -> Self {
    let firstMasked = min(masked, 1)
    let firstWhole = min(whole, 1 - firstMasked)
    return Self(
      first: firstMasked, firstWhole: firstWhole, masked: masked - firstMasked, whole: whole - firstWhole,
      any: firstMasked + firstWhole, output: 1)
  }
}
