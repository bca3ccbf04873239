import Attention
import HWModels
import Programs

/// The kernel that merges the parts of split keys (flash_fwd_kernel.h, `combine_attn_seqk_parallel`).
///
/// Expected per part: the loop loads one part and adds it before it loads the next, so a part takes a load from the shared
/// cache and some arithmetic, about 330 cycles on an A100, whatever its bytes.
struct FlashAttention2Combine {
  let shape: AttentionShape
  let splits: Int

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    // Row block by head dimension: 4 where it is a multiple of 128, 8 of 64, else 16.
    let rows = shape.headDim % 128 == 0 ? 4 : shape.headDim % 64 == 0 ? 8 : 16
    let elements = Double(rows * shape.headDim)
    let merge = Merge(
      schedule: FlashAttention2.name, name: "fa2_combine", shape: shape, rows: rows, mostParts: splits,
      footprint: Footprint(threads: 128, registersPerThread: 48, sharedBytes: 4096),
      weights: .together(
        .init("load log-sum-exp", chain: Chain(alu: 8, exp: 2, shuffle: 5, shared: 2, global: 1))),
      add: { _ in
        .init("load partial output", chain: Chain(alu: 4, shared: 1)) {
          $0.fma = elements
          $0.otherInstructions = elements / 4 + 6 * 128
        }
      },
      store: .init("store O", chain: Chain(alu: 2)) { $0.otherInstructions = elements / 8 })
    let items = (shape.headsQ * shape.totalQueries + rows - 1) / rows
    return try merge.kernel(merge.items([.init(parts: .ascending(0..<splits), count: items)]), on: device)
  }
}
