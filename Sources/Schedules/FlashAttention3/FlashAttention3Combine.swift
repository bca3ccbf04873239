import Attention
import HWModels
import Programs

/// The kernel that merges the parts of split keys in FlashAttention-3: eight rows of a sequence and 256 threads a work item.
///
/// Expected (H100, cycles): the number of parts of the sequence, two dependent loads, 764; log-sum-exps of all parts at
/// once, 382, their maximum and sum over a warp 400; then part after part, four of them in flight: (382 + 60) / 4 each.
/// Work items of sequences in one part end after the first number.
/// - Source: Dao-AILab/flash-attention@0251105 hopper/flash_fwd_combine_kernel.h, flash_fwd_combine_launch_template.h.
struct FlashAttention3Combine {
  let shape: AttentionShape
  /// Parts of each run of equal sequences as the scheduler chose them.
  let partsOfRuns: [Int]

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let threads = 256.0
    let splits = partsOfRuns.max() ?? 1
    let width = shape.headDimV <= 64 ? 64 : 128
    let most = width == 128 ? 8 : 16
    let rows = rowsOfItem(most)
    let elements = Double(rows * shape.headDimV)
    let stages = 4
    let merge = Merge(
      schedule: FlashAttention3.name, name: "fa3_combine", shape: shape, rows: rows, mostParts: splits,
      footprint: Footprint(
        threads: Int(threads), registersPerThread: 64,
        sharedBytes: stages * most * width * 4 + most * max(splits, 32) * 4),
      lookUp: .init("number of parts", chain: Chain(alu: 20, global: 2)) {
        $0.otherInstructions = 30 * threads
      },
      weights: .together(
        .init("load log-sum-exp", chain: Chain(alu: 20, exp: 2, shuffle: 15, shared: 3)) {
          $0.exp = Double(splits * rows)
          $0.otherInstructions = 20 * threads
        }),
      ring: (stages, .init("load partial output") { $0.otherInstructions = 4 * threads }),
      add: { _ in
        .init("add a part", chain: Chain(alu: 4, shared: 1)) {
          $0.fma = elements
          $0.otherInstructions = 8 * threads
        }
      },
      store: .init("store O", chain: Chain(alu: 4)) { $0.otherInstructions = elements / 8 })
    return try merge.kernel(merge.items(runs(rows)), on: device)
  }

  /// Rows of one sequence, in as few tiles of equal height as there are; where lengths differ, in tiles that end with every
  /// sequence.
  private func rowsOfItem(_ most: Int) -> Int {
    let isAlike = Set(partsOfRuns).count == 1 && !shape.hasQueryLengths
    let ofSequence = shape.headsQ * (isAlike ? shape.seqQ : shape.runs.reduce(0) { divisor($0, $1.queries) })
    let tiles = (ofSequence + most - 1) / most
    if ofSequence % tiles == 0 { return ofSequence / tiles }
    return isAlike ? most : (1...most).last { ofSequence % $0 == 0 } ?? 1
  }

  private func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }

  /// Rows of all sequences one after another; those of a sequence in one part were written by the kernel before.
  private func runs(_ rows: Int) -> [Merge.Run] {
    if let parts = partsOfRuns.first, Set(partsOfRuns).count == 1 {
      return [
        .init(
          parts: .ascending(0..<(parts > 1 ? parts : 0)),
          count: (shape.headsQ * shape.totalQueries + rows - 1) / rows)
      ]
    }
    return zip(shape.runs, partsOfRuns).map { run, parts in
      .init(
        parts: .ascending(0..<(parts > 1 ? parts : 0)), count: run.count * shape.headsQ * run.queries / rows)
    }
  }
}
