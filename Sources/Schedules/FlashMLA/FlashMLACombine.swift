import Attention
import HWModels
import Programs

/// The kernel that merges the pieces of requests that FlashMLA cut; it is launched for all rows, and those of whole requests
/// leave at once.
///
/// Expected (H100): a row in one piece reads how many pieces there are and ends, 350 cycles and the launch of its work item:
/// a batch of 1024 with 128 heads is 131,072 work items, at 0.85 launches a cycle 78 us. A row in pieces reads their
/// log-sum-exps together, then their outputs, four loads waiting together as the loop is unrolled: about 350 cycles for
/// four pieces.
/// - Source: `first` NVIDIA/TensorRT-LLM flash_fwd_mla_kernel.h, flash_fwd_splitkv_mla_combine_kernel: 128 threads a row;
///   `seesaw` deepseek-ai/FlashMLA@9241ae3 csrc/smxx/decode/combine/combine.cu: a warp a row, eight heads a work item,
///   launched before the main kernel has ended (programmatic dependent launch).
struct FlashMLACombine {
  let shape: AttentionShape
  /// Pieces of each request.
  let splits: [Int]
  let isSeesaw: Bool

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    // Rows of a work item: as many heads as its warps serve.
    let rows = isSeesaw ? (1...8).last { shape.headsQ % $0 == 0 } ?? 1 : 1
    let threads = 32 * (isSeesaw ? rows : 4)
    let most = max(splits.max() ?? 1, 1)
    let elements = Double(rows * shape.headDimV)
    let merge = Merge(
      schedule: FlashMLA.name, shape: shape, rows: rows, mostParts: most,
      footprint: Footprint(
        threads: threads, registersPerThread: 40, sharedBytes: rows * max(most, 32) * 4),
      lookUp: .init("number of pieces", chain: Chain(alu: 4, global: 1)) {
        $0.otherInstructions = Double(20 * threads)
      },
      weights: .together(
        .init("weigh pieces", chain: Chain(alu: 8, exp: 3, shuffle: 10, shared: 1)) {
          $0.exp = Double(rows * 2 * 32 * ((most + 31) / 32))
        }),
      unrolled: [4, 1],
      add: { count in
        .init("add \(count) pieces", chain: Chain(alu: 4 * count, shared: 1)) {
          $0.fma = Double(count) * elements
          $0.otherInstructions = Double(count) * elements / 4 + Double(6 * threads)
        }
      },
      store: .init("store O", chain: Chain(alu: 2)) { $0.otherInstructions = elements / 4 })
    // Rows of all heads and requests are one sequence.
    let perRequest = shape.headsQ * shape.seqQ / rows
    let runs = splits.map { Merge.Run(parts: .ascending(0..<($0 > 1 ? $0 : 0)), count: perRequest) }
    return try merge.kernel(merge.items(runs), on: device)
  }
}
