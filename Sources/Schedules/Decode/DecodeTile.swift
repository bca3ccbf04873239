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

  private static func powerOfTwo(_ dimension: Int) -> Int {
    var size = 16
    while size < dimension { size *= 2 }
    return size
  }
}
