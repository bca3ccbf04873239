import Attention
import HWModels
import Programs

/// Merges the parts of each query row: one work item for each row, part after part.
///
/// Expected per part and row (H100): the loop over log-sum-exps as compiled does one part at a time, an index from the first
/// level and a dependent load from the shared cache, 29 + 353 + 45 of arithmetic; the loop over outputs is unrolled by four, so
/// that four loads wait together, (29 + 353 + 80) / 4: about 550 cycles, 0.29 us. Where partial results have left the
/// cache, a load takes 649 and a part 900. Bytes (512 a part and row at head dimension 128) do not matter.
/// - Source: validation/measure/decode_kernels.py, `_combine`.
struct DecodeCombine {
  let schedule: String
  let shape: AttentionShape
  /// Rows of a tile of the kernel before.
  let tileRows: Int
  /// Parts of each output tile: row tiles of a sequence after another, all sequences or, where they are alike, one.
  let parts: [Int]
  /// Whether outputs in one part come through here too; otherwise the kernel before wrote them.
  let mergesSingles: Bool

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let threads = 128.0
    let merge = Merge(
      schedule: schedule, shape: shape, rows: 1, mostParts: parts.max() ?? 1,
      footprint: Footprint(threads: Int(threads), registersPerThread: 32, sharedBytes: 0),
      lookUp: .init("number of parts", chain: Chain(global: 1)) { $0.otherInstructions = 20 * threads },
      weights: .inTurn(
        .init("load log-sum-exp of a part", chain: Chain(alu: 11, shared: 1)) {
          $0.otherInstructions = 6 * threads
        }),
      unrolled: [4, 2, 1],
      add: { count in
        .init("load output of \(count) parts", chain: Chain(alu: 6 + 2 * count, exp: 1, shared: 1)) {
          let parts = Double(count)
          $0.exp = parts * threads
          $0.fma = parts * (threads + Double(shape.headDimV))
          $0.otherInstructions = parts * 6 * threads
        }
      },
      store: .init("store O", chain: Chain(alu: 4)) { $0.fma = Double(shape.headDimV) })
    return try merge.kernel(merge.items(runs()), on: device)
  }

  /// Parts that are merged here.
  private func merged(_ parts: Int) -> ItemClass.Walk {
    .ascending(0..<(parts > 1 || mergesSingles ? parts : 0))
  }

  /// One row of a query head after another, by the parts of the tile in which it lies. Rows of all heads are one sequence.
  private func runs() -> [Merge.Run] {
    let group = shape.group
    let rowTiles = (shape.seqQ * group + tileRows - 1) / tileRows
    if rowTiles == 1, let first = parts.first, Set(parts).count == 1 {
      return [.init(parts: merged(first), count: shape.headsQ * shape.totalQueries)]
    }
    var runs: [(parts: Int, count: Int)] = []
    var own = 0
    for run in shape.runs {
      for _ in 0..<run.count * shape.headsKV {
        for head in 0..<group {
          for query in 0..<run.queries {
            let parts = parts[own + (query * group + head) / tileRows]
            if runs.last?.parts == parts {
              runs[runs.count - 1].count += 1
            } else {
              runs.append((parts, 1))
            }
          }
        }
        // Where sequences are alike, the list is that of one.
        if parts.count > rowTiles || shape.lengths != nil {
          own += (run.queries * group + tileRows - 1) / tileRows
        }
      }
    }
    return runs.map { Merge.Run(parts: merged($0.parts), count: $0.count) }
  }
}
