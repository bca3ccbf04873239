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

  private struct Steps: StepCounts {
    var parts = 0
    /// Whether it merges at all.
    var merged = 0
    /// Parts in fours, in twos and alone.
    var quads = 0
    var pairs = 0
    var singles = 0
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: "combine")
    let statistics = TileRef(builder.buffer("part lse", .registers, rows: 1, columns: 1, type: .fp32))
    let output = TileRef(
      builder.buffer("part O", .registers, rows: 1, columns: shape.headDimV, type: .fp32))
    let ofPart = TileCoordinate(rows: 1, index: .item(scale: 1, offset: 0), split: .walk(offset: 0))
    let threads = 128.0
    let loop = TripCount.count(\Steps.parts)
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "number of parts", .vector, work: .of { $0.otherInstructions = 20 * threads },
              chain: Chain(global: 1))
          ]),
        Block(
          trips: loop, stepsPerTrip: 1,
          operations: [
            Operation(
              "load log-sum-exp of a part", .loadStore,
              work: .of {
                $0.streamRead = 4
                $0.otherInstructions = 6 * threads
              }, chain: Chain(alu: 11, shared: 1), action: .load(.partialLogSumExp, ofPart, into: statistics))
          ]),
        outputs(4, trips: \.quads, into: output),
        outputs(2, trips: \.pairs, into: output),
        outputs(1, trips: \.singles, into: output),
        Block(
          trips: .count(\Steps.merged), stepsPerTrip: 0,
          operations: [
            Operation(
              "store O", .loadStore,
              work: .of {
                $0.fma = Double(shape.headDimV)
                $0.convert = Double(shape.headDimV)
                $0.globalWrite = Double(shape.headDimV * 2)
              }, chain: Chain(alu: 4),
              action: .mergePartials(
                output: .o, coordinate: TileCoordinate(rows: 1, index: .item(scale: 1, offset: 0))))
          ]),
      ])
    return try builder.build(
      items: items(), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 128, registersPerThread: 32, sharedBytes: 0), role: .postprocess,
      on: device)
  }

  /// Outputs of `count` parts, whose loads wait together.
  private func outputs(_ count: Int, trips: KeyPath<Steps, Int>, into output: TileRef) -> Block {
    let loads = (0..<count).map { offset in
      Action.load(
        .partialO, TileCoordinate(rows: 1, index: .item(scale: 1, offset: 0), split: .walk(offset: offset)),
        into: output)
    }
    let parts = Double(count)
    return Block(
      trips: .count(trips), stepsPerTrip: count,
      operations: [
        Operation(
          "load output of \(count) parts", .loadStore,
          work: .of {
            $0.streamRead = parts * Double(shape.headDimV * 4)
            $0.exp = parts * 128
            $0.fma = parts * (128 + Double(shape.headDimV))
            $0.otherInstructions = parts * 6 * 128
          }, chain: Chain(alu: 6 + 2 * count, exp: 1, shared: 1), action: .sequence(loads))
      ])
  }

  /// One item for each row of each query head, by the parts of the tile in which it lies. Rows of all heads are one
  /// sequence.
  private func items() -> ItemSpace {
    var classes: [ItemClass] = []
    var known: [Int: Int] = [:]
    var runs: [ItemSpace.TileRun] = []
    func append(_ all: Int, _ count: Int) {
      let isMerged = all > 1 || mergesSingles
      let parts = isMerged ? all : 0
      if known[parts] == nil {
        known[parts] = classes.count
        let once = Array(0..<parts)
        classes.append(
          ItemClass(
            Steps(
              parts: parts, merged: isMerged ? 1 : 0, quads: parts / 4, pairs: parts % 4 / 2,
              singles: parts % 2), walk: .list(once + once)))
      }
      let itemClass = known[parts] ?? 0
      if runs.last?.itemClass == itemClass {
        runs[runs.count - 1].count += count
      } else {
        runs.append(.init(itemClass: itemClass, count: count))
      }
    }
    let group = shape.group
    let rowTiles = (shape.seqQ * group + tileRows - 1) / tileRows
    if rowTiles == 1, Set(parts).count == 1 {
      append(parts[0], shape.headsQ * shape.totalQueries)
    } else {
      var own = 0
      for run in shape.runs {
        for _ in 0..<run.count * shape.headsKV {
          for head in 0..<group {
            for query in 0..<run.queries { append(parts[own + (query * group + head) / tileRows], 1) }
          }
          // Where sequences are alike, the list is that of one.
          if parts.count > rowTiles || shape.lengths != nil {
            own += (run.queries * group + tileRows - 1) / tileRows
          }
        }
      }
    }
    return ItemSpace(classes: classes, groups: [.init(count: 1, runs: runs)])
  }
}
