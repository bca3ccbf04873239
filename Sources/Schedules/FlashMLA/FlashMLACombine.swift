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

  private struct Steps: StepCounts {
    /// Whether it merges at all.
    var merged = 0
    /// Pieces in fours, and the others.
    var quads = 0
    var singles = 0
  }

  /// Rows of a work item: as many heads as its warps serve.
  private var warps: Int { isSeesaw ? rows : 4 }
  private var rows: Int { isSeesaw ? (1...8).last { shape.headsQ % $0 == 0 } ?? 1 : 1 }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashMLA.name, kernel: "combine")
    let rows = rows
    let most = max(splits.max() ?? 1, 1)
    let threads = Double(32 * warps)
    let elements = Double(rows * shape.headDimV)
    let weights = TileRef(builder.buffer("weights", .shared, rows: rows, columns: most, type: .fp32))
    let part = TileRef(
      builder.buffer("part O", .registers, rows: rows, columns: shape.headDimV, type: .fp32))
    let coordinate = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    builder.actor(
      "warps", warps: warps,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "number of pieces", .vector, work: .of { $0.otherInstructions = 20 * threads },
              chain: Chain(alu: 4, global: 1))
          ]),
        Block(
          trips: .count(\Steps.merged), stepsPerTrip: 0,
          operations: [
            Operation(
              "weigh pieces", .loadStore,
              work: .of {
                $0.streamRead = Double(rows * most * 4)
                $0.exp = Double(rows * 2 * 32 * ((most + 31) / 32))
              }, chain: Chain(alu: 8, exp: 3, shuffle: 10, shared: 1),
              action: .partialWeights(coordinate, into: weights))
          ]),
        Block(trips: .count(\Steps.quads), stepsPerTrip: 4, operations: [add(4, into: part)]),
        Block(trips: .count(\Steps.singles), stepsPerTrip: 1, operations: [add(1, into: part)]),
        Block(
          trips: .count(\Steps.merged), stepsPerTrip: 0,
          operations: [
            Operation(
              "store O", .loadStore,
              work: .of {
                $0.convert = elements
                $0.globalWrite = elements * 2
                $0.otherInstructions = elements / 4
              }, chain: Chain(alu: 2),
              action: .mergePartials(output: .o, coordinate: coordinate, weights: weights))
          ]),
      ])
    return try builder.build(
      items: items(), policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: 32 * warps, registersPerThread: 40, sharedBytes: rows * max(most, 32) * 4),
      role: .postprocess, on: device)
  }

  /// Outputs of `count` pieces, whose loads wait together.
  private func add(_ count: Int, into part: TileRef) -> Operation {
    let pieces = Double(count)
    let elements = Double(rows * shape.headDimV)
    let loads = (0..<count).map { offset in
      Action.load(
        .partialO,
        TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0), split: .walk(offset: offset)),
        into: part)
    }
    return Operation(
      "add \(count) pieces", .loadStore,
      work: .of {
        $0.streamRead = pieces * elements * 4
        $0.fma = pieces * elements
        $0.otherInstructions = pieces * elements / 4 + 6 * Double(32 * warps)
      }, chain: Chain(alu: 4 * count, shared: 1), action: .sequence(loads))
  }

  /// Rows of all heads and requests are one sequence.
  private func items() -> ItemSpace {
    var classes: [ItemClass] = []
    var known: [Int: Int] = [:]
    var runs: [ItemSpace.TileRun] = []
    let perRequest = shape.headsQ * shape.seqQ / rows
    for count in splits {
      let pieces = count > 1 ? count : 0
      if known[pieces] == nil {
        known[pieces] = classes.count
        classes.append(
          ItemClass(
            Steps(merged: min(pieces, 1), quads: pieces / 4, singles: pieces % 4),
            walk: .ascending(0..<pieces)))
      }
      let itemClass = known[pieces] ?? 0
      if runs.last?.itemClass == itemClass {
        runs[runs.count - 1].count += perRequest
      } else {
        runs.append(.init(itemClass: itemClass, count: perRequest))
      }
    }
    return ItemSpace(classes: classes, groups: [.init(count: 1, runs: runs)])
  }
}
