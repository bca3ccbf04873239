import Attention
import HWModels

/// Tile rules of FlashAttention-2's forward kernels (flash_fwd_launch_template.h).
struct FlashAttention2Tile {
  let queryTile: Int
  let keyTile: Int
  let warps: Int
  let headDim: Int

  init(shape: AttentionShape, device: Device) {
    headDim = Self.padded(shape.headDim)
    let perItem = Int(device.shared.perWorkItem.value)
    let perCore = Int(device.shared.capacity.value)
    switch headDim {
    case 32, 64: (queryTile, keyTile, warps) = (128, 128, 4)
    case 96, 128: (queryTile, keyTile, warps) = (128, 64, 4)
    case 192: (queryTile, keyTile, warps) = (128, 64, 8)
    default:
      // The larger tile where one fits a work item and two of the smaller do not fit a core.
      let large = perItem >= 2 * 256 * (128 + 2 * 64) && perCore < 4 * 256 * (64 + 2 * 64)
      (queryTile, keyTile, warps) = large ? (128, 64, 8) : (64, 64, 4)
    }
  }

  /// Tiles of the split-key kernel (flash_fwd_launch_template.h, `run_mha_fwd_splitkv_dispatch`).
  init(splitting shape: AttentionShape) {
    headDim = Self.padded(shape.headDim)
    queryTile = 64
    keyTile = headDim <= 64 ? 256 : headDim <= 128 ? 128 : 64
    warps = 4
  }

  /// Tiles of a kernel with lists, which the size of its blocks decides.
  ///
  /// - Parameter headDim: as the kernel pads it; nil where it has the head dimensions of FlashAttention-2.
  init(shape: AttentionShape, queryTile: Int, keyTile: Int, warps: Int, headDim: Int? = nil) {
    self.headDim = headDim ?? Self.padded(shape.headDim)
    (self.queryTile, self.keyTile, self.warps) = (queryTile, keyTile, warps)
  }

  /// Into how many parts the authors' rule cuts the keys.
  static func splits(of shape: AttentionShape, packedHeads: Int, on device: Device) -> Int {
    let tile = FlashAttention2Tile(splitting: shape)
    let tiles = QueryTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
    return SplitRule.fa2.splits(
      .init(
        rowTiles: tiles.sequences * tiles.tilesPerSequence,
        blocks: (shape.seqKV + tile.keyTile - 1) / tile.keyTile, cores: Int(device.cores.count.value)))
  }

  private static func padded(_ dimension: Int) -> Int {
    [32, 64, 96, 128, 192, 256].first { dimension <= $0 } ?? 256
  }
}
