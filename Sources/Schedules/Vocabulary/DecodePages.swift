import Attention
import HWModels
import Programs

/// What a decode kernel pays for keys in pages: entries of the page table, read before what they point to.
///
/// Expected per tile (H100): a load from the shared cache, 382 cycles of which a pipelined loop waits for none but the first,
/// since it reads the entries of later tiles ahead; a kernel with one slot reads an entry when it copies, and waits. Beside
/// it, address arithmetic: where pages may be smaller than a tile, an entry for each row that a lane copies and three
/// operations for each copy of 16 bytes (page, place in it, product); where a tile lies in one page, some 16 instructions
/// a thread.
/// - Source: vllm-project/vllm vllm/attention/ops/triton_decode_attention.py (an entry for each key);
///   Dao-AILab/flash-attention csrc/flash_attn/src/flash_fwd_kernel.h, ROCm/aiter lean_atten_paged.py (one for each tile).
struct DecodePages {
  /// Tokens of a page.
  let tokens: Int
  /// Whether each row looks up its own entry, and not a tile one for all its rows.
  let perRow: Bool

  static let parameter = Parameter(
    "page-size",
    "tokens of a page, where keys come from a paged cache; off: they lie in a row (authors: multiples of 256)",
    in: 1...65_536, default: Off.off)

  /// Pages that kernels of FlashAttention-2's source take are a multiple of this: the largest tile lies in one.
  static let authorsMultiple = 256

  /// Pages that such kernels take, where another kernel takes all.
  static func wholeTiles(unless other: Condition) -> Condition {
    other
      || Condition("page-size off or a multiple of \(authorsMultiple)") {
        ($0.values[parameter].number ?? 0) % authorsMultiple == 0
      }
  }

  /// Reads the entries of a tile; with one slot, once the slot is free.
  func load(_ tile: DecodeTile, slotEmpty: BarrierID, _ builder: inout KernelBuilder<some StepCounts>)
    -> Operation
  {
    let table = TileRef(builder.buffer("page entries", .registers, rows: 1, columns: 1, type: .fp32))
    return Operation(
      "load page entries", .loadStore,
      work: .of { $0.tableRead = Double(4 * max(tile.keyTile / tokens, 1)) },
      waits: tile.slots == 1 ? [slotEmpty] : [], action: .fill(table, 0))
  }

  /// Instructions of a step that find its rows.
  func addresses(_ tile: DecodeTile, copies: Double) -> Work {
    let threads = Double(32 * tile.warps)
    return .of {
      if perRow {
        // K and V lie at the same place of a page: one entry serves a row of each.
        $0.otherInstructions = copies / 2
        $0.alu = 3 * copies
      } else {
        $0.otherInstructions = 6 * threads
        $0.alu = 10 * threads
      }
    }
  }
}
