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
    var builder = KernelBuilder(schedule: FlashAttention2.name, kernel: "fa2_combine")
    // Row block by head dimension: 4 where it is a multiple of 128, 8 of 64, else 16.
    let rows = shape.headDim % 128 == 0 ? 4 : shape.headDim % 64 == 0 ? 8 : 16
    let totalRows = shape.headsQ * shape.totalQueries
    let outputBytes = Double(rows * shape.headDim * 2)
    let elements = Double(rows * shape.headDim)
    let weights = TileRef(builder.buffer("weights", .shared, rows: rows, columns: splits, type: .fp32))
    let part = TileRef(builder.buffer("part O", .registers, rows: rows, columns: shape.headDim, type: .fp32))
    // Rows of all heads in a row: one sequence.
    let coordinate = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load log-sum-exp", .loadStore, work: .of { $0.streamRead = Double(splits * rows * 4) },
              chain: Chain(alu: 8, exp: 2, shuffle: 5, shared: 2, global: 1),
              action: .partialWeights(coordinate, into: weights))
          ]),
        Block(
          trips: .fixed(splits), stepsPerTrip: 1,
          operations: [
            Operation(
              "load partial output", .loadStore,
              work: .of {
                $0.streamRead = elements * 4
                $0.fma = elements
                $0.otherInstructions = elements / 4 + 6 * 128
              }, chain: Chain(alu: 4, shared: 1),
              action: .load(
                .partialO,
                TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0), split: .walk(offset: 0)),
                into: part))
          ]),
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "store O", .loadStore,
              work: .of {
                $0.convert = elements
                $0.globalWrite = outputBytes
                $0.otherInstructions = elements / 8
              }, chain: Chain(alu: 2),
              action: .mergePartials(output: .o, coordinate: coordinate, weights: weights))
          ]),
      ])
    let items = (totalRows + rows - 1) / rows
    return try builder.build(
      items: ItemSpace(
        classes: [ItemClass(walk: .ascending(0..<splits))],
        groups: [.init(count: 1, runs: [.init(itemClass: 0, count: items)])]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 128, registersPerThread: 48, sharedBytes: 4096), role: .postprocess,
      on: device)
  }
}
