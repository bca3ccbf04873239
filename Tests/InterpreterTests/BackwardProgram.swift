import Attention
import Dataflow
import HWModels
import Interpreter
import Programs
import Schedules
import Spatial

/// The backward pass of flash attention, small enough to read: row sums of dO O, a main kernel whose work items own 16
/// keys of one query head and walk the queries, and the rounding of the fp32 accumulators.
struct BackwardProgram {
  static let tile = 16
  var shape: AttentionShape
  /// Adds to dQ by load, add and store, which work items do at the same time.
  var isAtomic = true

  func program() throws -> Program {
    Program(
      schedule: "flash backward", shape: shape,
      kernels: [
        try deltas(), try main(),
        try rounding(
          .gradQAccumulator, .gradQ, rows: shape.seqQ, columns: shape.headDim, shape.headsQ, scale),
        try rounding(
          .gradKAccumulator, .gradK, rows: shape.seqKV, columns: shape.headDim, shape.headsKV, scale),
        try rounding(.gradVAccumulator, .gradV, rows: shape.seqKV, columns: shape.headDimV, shape.headsKV, 1),
      ])
  }

  private var scale: Double { 1 / Double(shape.headDim).squareRoot() }
  private var footprint: Footprint { Footprint(threads: 128, registersPerThread: 64, sharedBytes: 16384) }
  private func tiles(_ rows: Int) -> Int { (rows + Self.tile - 1) / Self.tile }

  private func items(_ rows: Int, _ heads: Int, walking other: Int = 0) -> ItemSpace {
    ItemSpace(
      classes: [ItemClass(TileSteps(tiles: other), walk: .ascending(0..<other))],
      groups: [.init(count: shape.batch * heads, tileClasses: [Int](repeating: 0, count: tiles(rows)))])
  }

  private func deltas() throws -> Kernel {
    var builder = KernelBuilder(schedule: "flash backward", kernel: "deltas")
    let own = TileCoordinate(rows: Self.tile, index: .item(scale: 1, offset: 0))
    func matrix(_ name: String) -> TileRef {
      TileRef(
        builder.buffer(
          name, .registers, rows: Self.tile, columns: shape.headDimV, type: shape.dataType.outputType))
    }
    let (gradO, o) = (matrix("dO"), matrix("O"))
    let delta = TileRef(builder.buffer("delta", .registers, rows: Self.tile, columns: 1, type: .fp32))
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("load dO", .loadStore, action: .load(.gradO, own, into: gradO)),
            Operation("load O", .loadStore, action: .load(.o, own, into: o)),
            Operation("delta = rowsum(dO O)", .vector, action: .rowDot(a: gradO, b: o, into: delta)),
            Operation("store delta", .loadStore, action: .store(delta, .delta, own)),
          ])
      ])
    return try builder.build(
      items: items(shape.seqQ, shape.headsQ), policy: .grid(order: .tilesFastest), footprint: footprint,
      on: .roomy)
  }

  private func main() throws -> Kernel {
    let tile = Self.tile
    var builder = KernelBuilder(counting: TileSteps.self, schedule: "flash backward", kernel: "gradients")
    func matrix(_ name: String, _ columns: Int, _ type: DataType) -> TileRef {
      TileRef(builder.buffer(name, .registers, rows: tile, columns: columns, type: type))
    }
    let type = shape.dataType
    let (d, dV) = (shape.headDim, shape.headDimV)
    let (q, k, v, gradO) = (
      matrix("Q", d, type), matrix("K", d, type), matrix("V", dV, type), matrix("dO", dV, type)
    )
    let (statistics, delta) = (matrix("lse", 1, .fp32), matrix("delta", 1, .fp32))
    let (scores, gradP, gradS) = (
      matrix("S", tile, .fp32), matrix("dP", tile, .fp32), matrix("dS", tile, type)
    )
    let weights = matrix("P", tile, type)
    let (gradQ, gradK, gradV) = (matrix("dQ", d, .fp32), matrix("dK", d, .fp32), matrix("dV", dV, .fp32))
    let sum = matrix("dQ so far", d, .fp32)
    let own = TileCoordinate(rows: tile, index: .item(scale: 1, offset: 0))
    let walked = TileCoordinate(rows: tile, index: .walk(offset: 0))
    func product(
      _ name: String, _ into: TileRef, _ a: TileRef, _ b: TileRef, a transposeA: Bool = false,
      b transposeB: Bool = false,
      accumulate: Bool = false
    ) -> Operation {
      Operation(
        name, .tensorSync,
        action: .matmul(
          into: into, a: a, b: b, transposeA: transposeA, transposeB: transposeB, accumulate: accumulate))
    }
    let add: [Operation] =
      isAtomic
      ? [Operation("dQ += in memory", .loadStore, action: .atomicAdd(gradQ, .gradQAccumulator, walked))]
      : [
        Operation("load dQ", .loadStore, action: .load(.gradQAccumulator, walked, into: sum)),
        Operation("add dQ", .vector, action: .add(gradQ, into: sum)),
        Operation("store dQ", .loadStore, action: .store(sum, .gradQAccumulator, walked)),
      ]
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("load K", .loadStore, action: .load(.k, own, into: k)),
            Operation("load V", .loadStore, action: .load(.v, own, into: v)),
            Operation("dK = dV = 0", .vector, action: .sequence([.fill(gradK, 0), .fill(gradV, 0)])),
          ]),
        Block(
          trips: .count(\TileSteps.tiles), stepsPerTrip: 1,
          operations: [
            Operation(
              "load Q, dO, lse, delta", .loadStore,
              action: .sequence([
                .load(.q, walked, into: q), .load(.gradO, walked, into: gradO),
                .load(.logSumExp, walked, into: statistics), .load(.delta, walked, into: delta),
              ])),
            product("S = Q K^T", scores, q, k, b: true),
            Operation("mask S", .vector, action: .mask(scores, keyTile: own, queryTile: walked)),
            Operation(
              "P = exp2(S - lse)", .vector,
              action: .recomputeProbabilities(scores: scores, logSumExp: statistics)),
            Operation("P to 16 bit", .vector, action: .convert(scores, into: weights)),
            product("dP = dO V^T", gradP, gradO, v, b: true),
            Operation(
              "dS = P (dP - delta)", .vector,
              action: .scoreGradient(probabilities: scores, gradient: gradP, delta: delta, into: gradS)),
            product("dV += P^T dO", gradV, weights, gradO, a: true, accumulate: true),
            product("dK += dS^T Q", gradK, gradS, q, a: true, accumulate: true),
            product("dQ = dS K", gradQ, gradS, k),
          ] + add),
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("dK += in memory", .loadStore, action: .atomicAdd(gradK, .gradKAccumulator, own)),
            Operation("dV += in memory", .loadStore, action: .atomicAdd(gradV, .gradVAccumulator, own)),
          ]),
      ])
    return try builder.build(
      items: items(shape.seqKV, shape.headsQ, walking: tiles(shape.seqQ)),
      policy: .grid(order: .tilesFastest),
      footprint: footprint, on: .roomy)
  }

  private func rounding(
    _ from: Tensor, _ to: Tensor, rows: Int, columns: Int, _ heads: Int, _ factor: Double
  ) throws -> Kernel {
    var builder = KernelBuilder(schedule: "flash backward", kernel: "round \(to.rawValue)")
    let own = TileCoordinate(rows: Self.tile, index: .item(scale: 1, offset: 0))
    let tile = TileRef(builder.buffer("tile", .registers, rows: Self.tile, columns: columns, type: .fp32))
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("load", .loadStore, action: .load(from, own, into: tile)),
            Operation("scale", .vector, action: .multiply(tile, by: factor)),
            Operation("store", .loadStore, action: .store(tile, to, own)),
          ])
      ])
    return try builder.build(
      items: items(rows, heads), policy: .grid(order: .tilesFastest), footprint: footprint, on: .roomy)
  }
}
