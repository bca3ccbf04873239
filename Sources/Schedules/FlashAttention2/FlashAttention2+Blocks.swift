package import Attention
package import HWModels
package import Programs

/// FlashAttention-2 with lists of blocks: Block-Sparse-Attention, a fork for masks that are no band.
///
/// - Models: the loop and the tiles of FlashAttention-2 over the listed blocks of 128 x 128, each list walked from its end;
///   the list's next entry read in every step; a causal edge, a sink and a window evaluated in the tiles that they cut;
///   dense, streaming and listed heads in one launch; plain order of tiles, one launch each.
/// - Leaves out: the first one or two tiles of a causal row, which the kernel runs through softmax even where the list lacks
///   them; dropout; the backward pass.
/// - Other rules (documents, neighborhoods, prefixes): no published kernel evaluates them in this loop. They are timed as if
///   it did, and the result says so (`ModelLimit.ruleOutsideKernel`).
/// - Source: mit-han-lab/Block-Sparse-Attention@4f83cf8 csrc/block_sparse_attn/src/flash_fwd_kernel.h
///   (`compute_block_attn_1rowblock`), flash_blockmask.h (`fwdIterator`), flash_fwd_launch_template.h
///   (`run_mha_fwd_block_hdim32` to `128`).
///
/// Expected per whole tile of 128 x 64 at head dim 128: as a step of FlashAttention-2, and four instructions a warp with one
/// load from the nearest cache (about 30 cycles) for the next entry.
extension FlashAttention2 {
  /// Queries and keys of a listed block.
  static let listedBlock = 128

  package func listed(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let headDim = [32, 64, 128].first { shape.headDim <= $0 } ?? 128
    let tile = FlashAttention2Tile(
      shape: shape, queryTile: 128, keyTile: headDim <= 64 ? 128 : 64, warps: 4, headDim: headDim)
    let block = Self.listedBlock
    let items: BlockMaskItems
    do {
      items = try BlockMaskItems(
        shape: shape, block: block, queryTile: tile.queryTile, keyTile: tile.keyTile, isDescending: true)
    } catch {
      throw .unsupported(schedule: Self.name, field: "mask", message: error.message)
    }
    let walk = KeyWalk.lists(
      "fa2_fwd_block", items.items { FlashAttention2Forward.Steps.list(partial: $0, full: $1) }, tile,
      code: MaskCode(shape.mask, besideListsOf: (block, block)))
    let kernel = try FlashAttention2Forward(shape: shape, tile: tile, walk: walk).kernel(on: device)
    return Program(
      schedule: Self.name, shape: shape, kernels: [kernel],
      warnings: [.listsOfBlocks(shape.mask)]
        + (shape.mask.isBlocksAndStreams(block: block) ? [] : [.ruleOutsideKernel]))
  }
}

extension ModelLimit {
  /// A call went to another kernel than the one of the schedule's plain calls.
  static func listsOfBlocks(_ mask: Mask) -> ModelLimit {
    let text = mask.description
    return ModelLimit(
      code: "block-lists",
      message:
        "\(text.count <= 60 ? text : text.prefix(57) + "...") is none of the kernel's own rules (none, causal, windows), so the kernel that walks lists of blocks is timed; it is slower a tile"
    )
  }

  static let ruleOutsideKernel = ModelLimit(
    code: "rule-outside-kernel",
    message:
      "no published kernel on FlashAttention-2's loop evaluates this mask; timed as if Block-Sparse-Attention's did, with the "
      + "rule's instructions as a compiler makes them. flex and flex-flash model kernels that do")
}

extension Mask {
  /// Whether Block-Sparse-Attention has every part of it: blocks that its own divide, a causal edge, sinks and windows.
  fileprivate func isBlocksAndStreams(block: Int) -> Bool {
    switch self {
    case .none, .causal, .sink(_, _, .bottomRight), .slidingWindow(_, 0): true
    case .blockSparse(let blocks): blocks.queryBlock % block == 0 && blocks.keyBlock % block == 0
    case .intersection(let masks): masks.allSatisfy { $0.isBlocksAndStreams(block: block) }
    case .perHead(let entries): entries.allSatisfy { $0.mask.isBlocksAndStreams(block: block) }
    default: false
    }
  }
}
