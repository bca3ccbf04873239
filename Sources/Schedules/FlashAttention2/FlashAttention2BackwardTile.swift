import Attention
import HWModels
import Programs

/// Tile rules of FlashAttention-2's backward kernels (flash_bwd_launch_template.h, kernel_traits.h).
struct FlashAttention2BackwardTile {
  var queryTile = 64
  var keyTile = 128
  let warps = 8
  /// Warps along the first dimension of S and dP, of dK and dV, and of dQ (AtomLayoutMSdP, NdKV, MdQ).
  var scoreWarps = 2
  var keyGradientWarps = 4
  var queryGradientWarps = 4
  /// V stays in registers as an operand of dP.
  var keepsValuesInRegisters = false
  /// The next Q arrives beside the present one.
  var buffersQueriesTwice = true
  let headDim: Int

  init(shape: AttentionShape, device: Device) {
    headDim = [32, 64, 96, 128, 192, 256].first { shape.headDim <= $0 } ?? 256
    let shared = Int(device.shared.perWorkItem.value)
    switch headDim {
    case 32:
      (queryTile, scoreWarps, keepsValuesInRegisters) = (128, 4, true)
    case 64 where shared >= 144 * 1024:
      (queryTile, scoreWarps) = (128, 4)
    case 64, 96:
      keepsValuesInRegisters = true
    case 128 where shared >= 144 * 1024:
      queryGradientWarps = 2
    case 128:
      (keyTile, scoreWarps, keyGradientWarps, queryGradientWarps) = (64, 4, 2, 2)
      keepsValuesInRegisters = true
    case 192:
      (keyTile, scoreWarps, keyGradientWarps, queryGradientWarps) = (64, 4, 2, 2)
      keepsValuesInRegisters = shared < 136 * 1024
      buffersQueriesTwice = shared >= 136 * 1024
    default:
      (keyTile, scoreWarps, keyGradientWarps, queryGradientWarps) = (64, 4, 2, 2)
      buffersQueriesTwice = shared >= 176 * 1024
      if shared < 144 * 1024 {
        (keyTile, keyGradientWarps) = (32, 1)
        keepsValuesInRegisters = true
      }
    }
  }

  private static let element = 2

  /// Q (twice), dO, K, V, dS and P; V in registers leaves its place to dS and P.
  var sharedBytes: Int {
    let queries = queryTile * headDim * Self.element * (buffersQueriesTwice ? 3 : 2)
    let keys = keyTile * headDim * Self.element
    let scores = 2 * queryTile * keyTile * Self.element
    return queries + (keepsValuesInRegisters ? max(2 * keys, keys + scores) : 2 * keys + scores)
  }
}

extension FlashAttention2Backward {
  /// Steps of a walk; the last has a block of its own, since it loads nothing further.
  struct Steps: StepCounts {
    var before = 0
    var whole = 0
    var after = 0
    var any = 0
    /// Steps after the first.
    var rest = 0
    var lastBefore = 0
    var lastWhole = 0
    var lastAfter = 0

    init() {}
    init(_ walk: KeyTiles.Steps) {
      (before, whole, after) = (walk.before, walk.whole, walk.after)
      (any, rest) = (walk.any, walk.rest)
      if after > 0 {
        (after, lastAfter) = (after - 1, 1)
      } else if whole > 0 {
        (whole, lastWhole) = (whole - 1, 1)
      } else if before > 0 {
        (before, lastBefore) = (before - 1, 1)
      }
    }
  }
}
