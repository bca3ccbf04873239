import Attention
import HWModels

/// What one work item of a decode kernel computes at a time, and with what.
struct DecodeTile: Sendable, Hashable {
  /// Rows of a query tile; the query heads of a group are packed into them.
  var rows: Int
  var keyTile: Int
  var warps: Int
  /// Slots of the K and V rings: tiles in flight beside the one that is computed with.
  var slots: Int
  var headDim: Int
  var headDimV: Int
  var registersPerThread: Int
  /// Whether the next tile of keys is copied while the output of this one is computed, and the next values after it, each
  /// waited for by itself; otherwise both slots are given back, and waited for, together.
  var alternatesCopies = false

  /// Fewer rows than 16 for each warp: warps share the rows and split the keys, and statistics cross warps.
  var sharesRows: Bool { rows < 16 * warps }

  /// The measured Triton kernel (validation/measure/decode_kernels.py): 16 rows, 64 keys, four warps, 128 registers. Its
  /// three pipeline stages are two slots of K and of V (70 KiB with Q and scratch at head dimension 128).
  static func triton(_ shape: AttentionShape) -> DecodeTile {
    DecodeTile(
      rows: 16, keyTile: 64, warps: 4, slots: 2, headDim: powerOfTwo(shape.headDim),
      headDimV: powerOfTwo(shape.headDimV), registersPerThread: 128)
  }

  /// LeanAttention's CUDA kernel: 64 rows, 256, 128 or 64 keys by head dimension, one slot each.
  static func authors(_ shape: AttentionShape) -> DecodeTile {
    let dimension = powerOfTwo(max(shape.headDim, shape.headDimV))
    return DecodeTile(
      rows: 64, keyTile: dimension <= 64 ? 256 : dimension <= 128 ? 128 : 64, warps: 4, slots: 1,
      headDim: powerOfTwo(shape.headDim), headDimV: powerOfTwo(shape.headDimV), registersPerThread: 255)
  }

  /// AITER's Triton kernel in its decode tests: 16 rows, 256, 64 or 128 keys at head dimension 16, 64 or 128.
  static func aiter(_ shape: AttentionShape) -> DecodeTile {
    let dimension = powerOfTwo(max(shape.headDim, shape.headDimV))
    return DecodeTile(
      rows: 16, keyTile: dimension <= 16 ? 256 : dimension <= 64 ? 64 : dimension <= 128 ? 128 : 64, warps: 4,
      slots: 1, headDim: powerOfTwo(shape.headDim), headDimV: powerOfTwo(shape.headDimV),
      registersPerThread: 128)
  }

  /// FlashInfer's kernel for several queries: rows by how many a key-value head has, keys by what lets two work items share a
  /// core and by registers, one slot each of K and V.
  ///
  /// - Source: flashinfer-ai/flashinfer include/flashinfer/utils.cuh (`FA2DetermineCtaTileQ`),
  ///   include/flashinfer/attention/prefill.cuh (warps, `NUM_MMA_KV`).
  static func flashinfer(_ shape: AttentionShape, on device: Device) -> DecodeTile {
    let packed = shape.seqQ * shape.group
    let (headDim, headDimV) = (powerOfTwo(shape.headDim), powerOfTwo(shape.headDimV))
    let rows = packed > 64 && headDimV < 256 ? 128 : packed > 16 ? 64 : 16
    // Blocks of 16 rows of a warp, and warps that split the keys.
    let rowBlocks = rows == 128 ? 2 : 1
    let keyWarps = rows == 16 ? 4 : 1
    let half = Int(device.shared.capacity.value) / 2
    let bytes = 16 * (headDim + headDimV) * keyWarps * 2
    let fit = min((half - rows * headDim * 2) / bytes, 8 / rowBlocks)
    let keyBlocks = [8, 4, 2].first { $0 <= fit } ?? 1
    return DecodeTile(
      rows: rows, keyTile: 16 * keyBlocks * keyWarps, warps: 4, slots: 1, headDim: headDim,
      headDimV: headDimV,
      registersPerThread: rows == 16 ? 128 : 255, alternatesCopies: true)
  }

  private static func powerOfTwo(_ dimension: Int) -> Int {
    var size = 16
    while size < dimension { size *= 2 }
    return size
  }
}
