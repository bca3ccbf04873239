import Attention

/// Tile rules of backward kernels with asynchronous products (hopper/flash_bwd_launch_template.h,
/// flash_attn/cute/interface.py `_tile_size_bwd_sm90`).
struct FlashAttention3BackwardTile {
  var queryTile: Int
  var keyTile: Int
  var warpgroups = 2
  /// Slots of the rings of Q, of dO, and of dS (and P).
  var queryStages = 2
  var gradientStages = 2
  var scoreStages = 2
  var headDim: Int
  var headDimV: Int
  /// Whether S^T and dP^T are computed: keys are rows of the accumulators (SdP_swapAB).
  var transposesScores = true
  /// Whether dK^T and dV^T are computed (dKV_swapAB).
  var transposesKeyGradients = false
  /// Whether dQ^T is computed (dQ_swapAB).
  var transposesQueryGradient = false
  /// How dK and dV are shared out to warpgroups (AtomLayoutNdKV).
  var keyGradientSplit = Split.rows
  /// How dQ is (AtomLayoutMdQ, dQ_single_wg).
  var queryGradientSplit = Split.columns

  /// dQ is added by the warps' own atomics, out of registers, and not by the copy engine.
  var addsQueryGradientFromRegisters = false

  /// Which part of a product each warpgroup takes.
  enum Split { case rows, columns, firstOnly }

  /// P and dS stay in registers as operands of dV and dK: transposed scores, and each warpgroup's own keys.
  var keepsScoresInRegisters: Bool {
    transposesScores && !transposesKeyGradients && keyGradientSplit == .rows
  }

  static func padded(_ dimension: Int) -> Int { [64, 96, 128, 192, 256].first { dimension <= $0 } ?? 256 }

  /// A tile with P and dS in registers and the columns of dQ shared out to warpgroups.
  init(queryTile: Int, keyTile: Int, headDim: Int, headDimV: Int) {
    self.queryTile = queryTile
    self.keyTile = keyTile
    self.headDim = headDim
    self.headDimV = headDimV
  }

  init(shape: AttentionShape, isCute: Bool) {
    headDim = Self.padded(shape.headDim)
    headDimV = isCute ? Self.padded(shape.headDimV) : headDim
    let isMasked = shape.mask != .none
    switch max(headDim, headDimV) {
    case 64:
      (queryTile, keyTile) = (128, 128)
      queryGradientSplit = .rows
    case 96:
      (queryTile, keyTile) = (64, 128)
      queryGradientSplit = isCute ? .firstOnly : .columns
    case 128:
      (queryTile, keyTile) = (isMasked ? 64 : 80, 128)
      transposesQueryGradient = !isMasked
    case 192:
      (queryTile, keyTile) = (64, 96)
      gradientStages = isCute && headDimV <= 128 ? 2 : 1
      scoreStages = 1
      transposesScores = false
      transposesKeyGradients = true
      if !isCute {
        warpgroups = 3
        keyGradientSplit = .columns
      }
    default:
      (queryTile, keyTile) = (64, isCute ? 64 : 80)
      queryStages = isCute ? 1 : 2
      gradientStages = 1
      scoreStages = 1
      transposesScores = false
      transposesKeyGradients = !isCute
      transposesQueryGradient = !isCute
      addsQueryGradientFromRegisters = !isCute
      keyGradientSplit = .columns
    }
  }

  /// Shared memory of the tiles, statistics and barriers.
  var sharedBytes: Int {
    let element = 2
    let statistics = (queryTile + 63) / 64 * 64 * 4 * (queryStages + gradientStages)
    let scores = queryTile * keyTile * element * scoreStages * (keepsScoresInRegisters ? 1 : 2)
    return queryTile * (queryStages * headDim + gradientStages * headDimV) * element
      + keyTile * (headDim + headDimV) * element + scores
      + (addsQueryGradientFromRegisters ? 0 : queryTile * headDim * 4) + statistics + 1024
  }
}

/// Vector instructions of a backward kernel, by score: what the compiled loop holds beside its products.
struct BackwardVectorWork {
  /// Of P = exp2(S * c - lse) and dS = P (dP - delta), beside the exponential and the two conversions.
  var probabilityFma = 1.0
  var gradientFma = 2.0
  /// Integer and logic instructions per score.
  var alu = 0.0
  /// Compares and selects of the mask.
  var maskAlu = 1.0
  /// Of each element of dQ on its way to shared memory.
  var queryGradientFma = 0.0
  var queryGradientAlu = 0.0
  /// Instructions of a step and warp that the uniform path and the loop take outside the issue of products.
  var loopInstructions = 45.0
}
