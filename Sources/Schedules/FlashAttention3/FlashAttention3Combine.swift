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
  private var splits: Int { partsOfRuns.max() ?? 1 }
  private let threads = 256.0
  private let stages = 4

  private struct Steps: StepCounts {
    /// Whether it merges at all.
    var merged = 0
    var parts = 0
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashAttention3.name, kernel: "fa3_combine")
    let width = shape.headDimV <= 64 ? 64 : 128
    let most = width == 128 ? 8 : 16
    let rows = rowsOfItem(most)
    let elements = Double(rows * shape.headDimV)
    let weights = TileRef(builder.buffer("weights", .shared, rows: rows, columns: splits, type: .fp32))
    let ring = builder.ring(
      "part O", rows: rows, columns: shape.headDimV, type: .fp32, slots: stages, consumers: 1,
      mechanism: .completion)
    let coordinate = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    let whose = Operation(
      "number of parts", .vector, work: .of { $0.otherInstructions = 30 * threads },
      chain: Chain(alu: 20, global: 2))
    let isMerged = TripCount.count(\Steps.merged)
    let loop = TripCount.count(\Steps.parts)
    builder.actor(
      "copies", warps: 8,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: [whose]),
        Block(
          trips: loop, stepsPerTrip: 1,
          operations: [
            Operation(
              "load partial output", .loadAsync,
              work: .of {
                $0.streamRead = elements * 4
                $0.sharedWrite = elements * 4
                $0.otherInstructions = 4 * threads
              }, waits: [ring.empty], signals: [ring.full],
              action: .load(
                .partialO,
                TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0), split: .walk(offset: 0)),
                into: TileRef(ring.buffer, .step(offset: 0))))
          ]),
      ])
    builder.actor(
      "warps", warps: 8,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: [whose]),
        Block(
          trips: isMerged, stepsPerTrip: 0,
          operations: [
            Operation(
              "load log-sum-exp", .loadStore,
              work: .of {
                $0.streamRead = Double(splits * rows * 4)
                $0.exp = Double(splits * rows)
                $0.otherInstructions = 20 * threads
              }, chain: Chain(alu: 20, exp: 2, shuffle: 15, shared: 3),
              action: .partialWeights(coordinate, into: weights))
          ]),
        Block(
          trips: loop, stepsPerTrip: 1,
          operations: [
            Operation("wait for a part", .sync, waits: [ring.full]),
            Operation(
              "add a part", .vector,
              work: .of {
                $0.sharedRead = elements * 4 + Double(rows * 4)
                $0.fma = elements
                $0.otherInstructions = 8 * threads
              }, chain: Chain(alu: 4, shared: 1), signals: [ring.empty]),
          ]),
        Block(
          trips: isMerged, stepsPerTrip: 0,
          operations: [
            Operation(
              "store O", .loadStore,
              work: .of {
                $0.convert = elements
                $0.globalWrite = elements * 2
                $0.otherInstructions = elements / 8
              }, chain: Chain(alu: 4),
              action: .mergePartials(output: .o, coordinate: coordinate, weights: weights))
          ]),
      ])
    return try builder.build(
      items: items(rows: rows),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: Int(threads), registersPerThread: 64,
        sharedBytes: stages * most * width * 4 + most * max(splits, 32) * 4),
      role: .postprocess, on: device)
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
  private func items(rows: Int) -> ItemSpace {
    var counts = Array(Set(partsOfRuns)).sorted()
    if counts.isEmpty { counts = [1] }
    let classes = counts.map { parts in
      ItemClass(
        parts > 1 ? Steps(merged: 1, parts: parts) : Steps(), walk: .ascending(0..<(parts > 1 ? parts : 0)))
    }
    var runs: [ItemSpace.TileRun] = []
    if counts.count == 1 {
      let total = shape.headsQ * shape.totalQueries
      runs = [.init(itemClass: 0, count: (total + rows - 1) / rows)]
    } else {
      for (run, parts) in zip(shape.runs, partsOfRuns) {
        runs.append(
          .init(
            itemClass: counts.firstIndex(of: parts) ?? 0, count: run.count * shape.headsQ * run.queries / rows
          ))
      }
    }
    return ItemSpace(classes: classes, groups: [.init(count: 1, runs: runs)])
  }
}
