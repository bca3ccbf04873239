/// Rules by which kernels choose into how many parts to cut the keys, by the name of the kernel that has them.
///
/// Pure integer functions of the grid: `rowTiles` work items before splitting (row tiles x key-value heads x batch),
/// `blocks` key tiles of each, and the cores of the device.
public enum SplitRule: String, Sendable, CaseIterable {
  case fa2, fa3, fa4, cutlass, flashinfer

  /// What a rule looks at.
  public struct Grid: Sendable, Hashable {
    public var rowTiles: Int
    public var blocks: Int
    public var cores: Int
    public var batch: Int
    /// Bytes of keys and values of one head, and whether a query sees all of them; only FlashAttention-3 asks.
    public var headBytes: Int
    public var rowTilesPerHead: Int
    public var isCausal: Bool
    /// Row tiles by their key tiles, where lengths differ; only FlashInfer asks.
    public var requests: [FlashInferPlan.Request]?

    public init(
      rowTiles: Int, blocks: Int, cores: Int, batch: Int = 1, headBytes: Int = 0, rowTilesPerHead: Int = 1,
      isCausal: Bool = false, requests: [FlashInferPlan.Request]? = nil
    ) {
      self.rowTiles = rowTiles
      self.blocks = blocks
      self.cores = cores
      self.batch = batch
      self.headBytes = headBytes
      self.rowTilesPerHead = rowTilesPerHead
      self.isCausal = isCausal
      self.requests = requests
    }
  }

  /// Most parts that any of the kernels takes.
  package static let most = 128
  /// L2 of the chips that FlashAttention-3's rule was written for.
  private static let headBytesAtMost = 50 * 1_048_576

  /// The parts of a sequence. `flashinfer` chooses their length, the others their number.
  ///
  /// - Parameter keyTile: keys of a tile, which is the page of FlashInfer's plan.
  public func cut(_ grid: Grid, keyTile: Int) -> FixedSplit {
    guard self == .flashinfer else { return FixedSplit(blocks: grid.blocks, splits: splits(grid)) }
    // Row tiles of all heads are requests of one query here: the plan knows them by their number alone.
    let plan = FlashInferPlan(
      grid.requests ?? [.init(pages: grid.blocks, count: grid.rowTiles)],
      .init(headsQ: 1, headsKV: 1, pageSize: keyTile, cores: grid.cores), kind: .prefill)
    return FixedSplit(blocks: grid.blocks, chunk: plan.chunk)
  }

  /// - Source: `fa2` csrc/flash_attn/flash_api.cpp, num_splits_heuristic over two work items a core; `fa3`
  ///   hopper/heuristics.h; `fa4` flash_attn/cute/interface.py; `cutlass` cores over batch
  ///   (examples/77_blackwell_fmha, sm100_mla).
  public func splits(_ grid: Grid) -> Int {
    switch self {
    case .fa2: return Self.smallestNearBest(work: grid.rowTiles, slots: 2 * grid.cores, grid, isTwoStep: true)
    case .fa3:
      if 10 * grid.rowTiles >= 8 * grid.cores {
        guard grid.headBytes > Self.headBytesAtMost, grid.rowTilesPerHead >= 2 * grid.cores, !grid.isCausal
        else {
          return 1
        }
        return min((grid.headBytes + Self.headBytesAtMost - 1) / Self.headBytesAtMost, Self.most)
      }
      if grid.blocks <= 4 { return 1 }
      return Self.smallestNearBest(work: grid.rowTiles, slots: grid.cores, grid, isTwoStep: false)
    case .fa4:
      if grid.blocks <= 4 { return 1 }
      return max(min(grid.cores / max(grid.rowTiles, 1), Self.most, grid.blocks), 1)
    case .flashinfer: return cut(grid, keyTile: 64).splits
    case .cutlass:
      return max(min(grid.cores / max(grid.batch, 1), grid.blocks), 1)
    }
  }

  /// The smallest count whose filling of the slots is within 85 % of the best, from one to all key tiles.
  ///
  /// - Parameter isTwoStep: counts that do not shorten the longest part are left out (FlashAttention-2).
  private static func smallestNearBest(work: Int, slots: Int, _ grid: Grid, isTwoStep: Bool) -> Int {
    if 10 * work >= 8 * slots { return 1 }
    let limit = max(min(most, slots, grid.blocks), 1)
    func longest(_ splits: Int) -> Int { (grid.blocks + splits - 1) / splits }
    func filling(_ splits: Int) -> Double {
      let waves = Double(work * splits) / Double(slots)
      return waves / waves.rounded(.up)
    }
    let candidates = (1...limit).filter { !isTwoStep || $0 == 1 || longest($0) != longest($0 - 1) }
    let best = candidates.reduce(0) { max($0, filling($1)) }
    return candidates.first { filling($0) >= 0.85 * best } ?? 1
  }
}
