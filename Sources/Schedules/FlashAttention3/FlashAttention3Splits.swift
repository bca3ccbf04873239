import Attention
import HWModels

/// Into how many parts FlashAttention-3's C++ build cuts the keys of a sequence.
///
/// With lengths from a table the host bounds the number as if the batch were one sequence, and the kernel before the main
/// one chooses: key tiles of all sequences and a tenth more, over the cores, are the tiles of a part. The combine kernel is
/// launched wherever the host's bound is over 1; a sequence in one part is written by the main kernel itself.
/// - Source: Dao-AILab/flash-attention@0251105 hopper/flash_api.cpp (`get_num_splits`), hopper/heuristics.h
///   (`num_splits_heuristic`), hopper/flash_prepare_scheduler.cu (`prepare_varlen_num_blocks`).
struct FlashAttention3Splits {
  /// What the call asks for.
  enum Choice: Hashable, Sendable {
    case rule
    case number(Int)
  }

  /// Parts of each sequence; where their lengths differ, of the one with the most.
  let parts: Int
  /// Parts of the sequences of each run of equal neighbours.
  let partsOfRuns: [Int]
  /// Whether the kernel is the one for split keys, with its combine kernel.
  let isCompiled: Bool
  /// Most parts that a call may ask for (flash_api.cpp).
  static let most = 256
  /// Sequences that one work item of the preparing kernel looks at; larger batches are not split.
  static let mostSequences = 992

  init(shape: AttentionShape, tile: FlashAttention3Tile, isVarlen: Bool, cores: Int, choice: Choice) {
    let rowTiles = (shape.seqQ * shape.group + tile.queryTile - 1) / tile.queryTile
    var keys = shape.seqKV
    if case .slidingWindow(let left, let right) = shape.mask {
      // A window's tile of queries does not see more than these.
      keys = max(min(keys, min(left ?? keys, keys) + min(right ?? keys, keys) + 1 + tile.queryTile), 1)
    }
    let blocks = (keys + tile.keyTile - 1) / tile.keyTile
    let bound: Int
    switch choice {
    case .number(let count): bound = count
    case .rule:
      bound = SplitRule.fa3.splits(
        SplitRule.Grid(
          rowTiles: (isVarlen ? 1 : shape.batch) * shape.headsKV * rowTiles, blocks: blocks, cores: cores,
          batch: shape.batch,
          headBytes: shape.seqKV * (shape.headDim + shape.headDimV) * shape.dataType.bytes,
          rowTilesPerHead: rowTiles, isCausal: shape.mask != .none))
    }
    isCompiled = bound > 1
    guard isVarlen, bound > 1 else {
      parts = bound
      partsOfRuns = shape.runs.map { _ in bound }
      return
    }
    guard shape.batch <= Self.mostSequences else {
      parts = 1
      partsOfRuns = shape.runs.map { _ in 1 }
      return
    }
    func tiles(of run: BatchLengths.Run) -> Int { (run.keys + tile.keyTile - 1) / tile.keyTile }
    let total = shape.runs.reduce(Float(0)) { sum, run in
      let rowTiles = (run.queries * shape.group + tile.queryTile - 1) / tile.queryTile
      return sum + Float(run.count * rowTiles) * Float(tiles(of: run))
    }
    let perCore = (total * 1.1 * Float(shape.headsKV) / Float(cores)).rounded(.up)
    partsOfRuns = shape.runs.map { run in
      let wanted = (Float(tiles(of: run)) / Swift.max(perCore, 1)).rounded(.up)
      return max(min(Int(Swift.min(wanted, 256)), bound), 1)
    }
    parts = partsOfRuns.max() ?? 1
  }
}
