import Attention

/// Tile rules of FlashAttention-3's forward kernels.
struct FlashAttention3Tile {
  let queryTile: Int
  let keyTile: Int
  /// P is the register operand of the second product; otherwise it goes through shared memory.
  let probabilitiesInRegisters: Bool
  let pingPong: Bool
  /// Head dimensions as the kernel pads them.
  let headDim: Int
  let headDimV: Int

  var warpgroups: Int { queryTile / 64 }
  /// Whether O is rescaled before its product of a step and not behind the softmax.
  var rescalesBeforeProduct: Bool { headDimV > 128 }

  /// Barriers and alignment, beside the tiles.
  static let barrierBytes = 1024

  /// Q, or O in its place; rings of K and V; P where it is not in registers.
  func sharedBytes(slots: Int) -> Int {
    2
      * (queryTile * max(headDim, headDimV) + slots * keyTile * (headDim + headDimV)
        + (probabilitiesInRegisters ? 0 : queryTile * keyTile)) + Self.barrierBytes
  }

  /// A tile with P in registers and turns of the warpgroups.
  init(queryTile: Int, keyTile: Int, headDim: Int, headDimV: Int) {
    self.queryTile = queryTile
    self.keyTile = keyTile
    self.headDim = headDim
    self.headDimV = headDimV
    probabilitiesInRegisters = true
    pingPong = true
  }

  /// One warpgroup where it holds all query rows of a head, a group's packed ones together (C++ build: heuristics.h,
  /// `use_one_mma_wg`; the tiles are those compiled into sglang-kernel 0.4.3).
  ///
  /// - Parameter copiesPages: keys come from a paged cache by copies of the producer's threads.
  init(shape: AttentionShape, isCute: Bool, copiesPages: Bool = false) {
    func padded(_ dimension: Int) -> Int { [64, 96, 128, 192, 256].first { dimension <= $0 } ?? 256 }
    headDim = padded(shape.headDim)
    headDimV = padded(shape.headDimV)
    let isCausal = shape.mask != .none
    var isLocal = false
    if case .slidingWindow = shape.mask { isLocal = true }
    let isSmall = !isCute && shape.pass == .forward && shape.seqQ * shape.group <= 64
    switch (headDim, isCute) {
    case (64, false) where isSmall && headDimV == 64:
      (queryTile, keyTile, probabilitiesInRegisters) = (64, 192, true)
    case (128, false) where isSmall && headDimV == 128:
      (queryTile, keyTile, probabilitiesInRegisters) = (64, isCausal || copiesPages ? 128 : 176, true)
    case (64, true): (queryTile, keyTile, probabilitiesInRegisters) = (192, 128, true)
    case (64, false):
      (queryTile, keyTile, probabilitiesInRegisters) =
        !isLocal && (isCausal || copiesPages) ? (192, 128, true) : (192, 192, false)
    case (96, true): (queryTile, keyTile, probabilitiesInRegisters) = (192, isCausal ? 128 : 144, false)
    case (96, false):
      (queryTile, keyTile, probabilitiesInRegisters) = (192, isLocal || copiesPages ? 128 : 144, false)
    case (128, true): (queryTile, keyTile, probabilitiesInRegisters) = (128, 128, true)
    case (128, false):
      (queryTile, keyTile, probabilitiesInRegisters) = (128, isCausal || copiesPages ? 128 : 176, true)
    case (192, _):
      (queryTile, keyTile, probabilitiesInRegisters) = (
        128, isLocal || copiesPages ? 96 : headDimV <= 128 ? 128 : 112, true
      )
    default: (queryTile, keyTile, probabilitiesInRegisters) = (128, isLocal ? 64 : 80, true)
    }
    // Turns are taken with at least two warpgroups and head dimension up to 128.
    pingPong = headDim <= 128 && queryTile > 64
  }

  /// Tiles of the CuTe build under a block mask of `block` x `block`, or nil where they do not divide it.
  ///
  /// Source: flash_attn/cute/interface.py, `_tile_size_fwd_sm90` with a sparse block size.
  init?(shape: AttentionShape, block: Int) {
    var dense = shape
    dense.mask = .none
    let tile = FlashAttention3Tile(shape: dense, isCute: true)
    let keyTile = tile.headDim == 96 ? 128 : tile.keyTile
    guard block % 128 == 0, block % keyTile == 0 else { return nil }
    queryTile = block % tile.queryTile == 0 ? tile.queryTile : 128
    self.keyTile = keyTile
    probabilitiesInRegisters = tile.probabilitiesInRegisters
    pingPong = tile.pingPong
    headDim = tile.headDim
    headDimV = tile.headDimV
  }
}
