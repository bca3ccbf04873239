import HWModels

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Schedules
@testable import Spatial

extension Sample {
  private struct Steps: StepCounts { var keyTiles = 0 }

  static func shape(seq: Int = 4096) throws -> AttentionShape {
    try AttentionShape(batch: 4, headsQ: 16, headsKV: 4, seqQ: seq, headDim: 128, mask: .causal)
  }

  /// Two warpgroups in ping-pong behind a copying warp: the shape of FlashAttention-3, with made-up counts.
  static func program() throws -> Program {
    let device = Sample.device
    var builder = KernelBuilder(counting: Steps.self, schedule: "sample", kernel: "forward")
    let query = builder.buffer("Q", .shared, rows: 128, columns: 128, type: .bf16)
    _ = builder.buffer("O", .registers, rows: 128, columns: 128, type: .fp32)
    let keys = builder.ring("K", rows: 128, columns: 128, type: .bf16, slots: 2, consumers: 2)
    let values = builder.ring("V", rows: 128, columns: 128, type: .bf16, slots: 2, consumers: 2)
    let loaded = builder.barrier("Q full", .memory)
    let turns = (0..<2).map { builder.barrier("turn \($0)", .named, initialPhases: $0 == 0 ? 1 : 0) }
    let tile = Work.of { $0.globalRead = 32_768 }
    func copy(_ name: String, _ ring: Ring) -> Operation {
      Operation(name, .copyAsync, work: tile, waits: [ring.empty], signals: [ring.full])
    }
    builder.actor(
      "producer", warps: 1,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load Q", .copyAsync, work: tile, signals: [loaded],
              action: .load(
                .q, TileCoordinate(rows: 128, index: .item(scale: 1, offset: 0)), into: TileRef(query)))
          ]),
        Block(
          trips: .count(\Steps.keyTiles), stepsPerTrip: 1,
          operations: [copy("load K", keys), copy("load V", values)]),
      ])
    for group in 0..<2 {
      let scores = builder.barrier("S\(group) done", .completion)
      let outputs = builder.barrier("O\(group) done", .completion)
      let product = Work.of {
        $0.matrixFlops = 2 * 64 * 128 * 128
        $0.sharedRead = 49_152
      }
      let softmax = Work.of {
        $0.exp = 64 * 128
        $0.fma = 64 * 128
        $0.alu = 64 * 128
        $0.convert = 64 * 128
        $0.shuffle = 256
      }
      builder.actor(
        "softmax \(group)", warps: 4,
        blocks: [
          Block(trips: .fixed(1), stepsPerTrip: 0, operations: [Operation("wait Q", .sync, waits: [loaded])]),
          Block(
            trips: .count(\Steps.keyTiles), stepsPerTrip: 1,
            operations: [
              Operation(
                "S = Q Kᵀ", .tensorAsync, work: product, waits: [keys.full, turns[group]],
                signals: [scores, keys.empty]),
              Operation("hand over", .sync, signals: [turns[1 - group]]),
              Operation(
                "softmax", .vector, work: softmax, chain: Chain(alu: 12, exp: 2, shuffle: 4), waits: [scores]),
              Operation(
                "O += P V", .tensorAsync, work: product, waits: [values.full],
                signals: [outputs, values.empty]),
              Operation("rescale", .vector, work: .of { $0.fma = 64 * 128 }, waits: [outputs]),
            ]),
          Block(
            trips: .fixed(1), stepsPerTrip: 0,
            operations: [Operation("store O", .loadStore, work: .of { $0.globalWrite = 16_384 })]),
        ])
    }
    let classes = (1...4).map { ItemClass(Steps(keyTiles: $0 * 8), walk: .descending(0..<($0 * 8))) }
    let kernel = try builder.build(
      items: ItemSpace(classes: classes, groups: [.init(count: 64, tileClasses: [0, 1, 2, 3])]),
      policy: .dynamicPersistent(order: .longestFirst(sequencesPerSection: 16)),
      footprint: Footprint(threads: 384, registersPerThread: 168, sharedBytes: 163_840), on: device)
    return Program(
      schedule: "sample", shape: try shape(), kernels: [kernel],
      warnings: [ModelLimit(code: "spills", message: "register spills at this tile are not modelled")])
  }
}
