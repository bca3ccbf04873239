import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial

/// Tiles of the other side that a work item walks.
struct TileSteps: StepCounts { var tiles = 0 }

/// Flash attention small enough to read: a producer, a consumer with asynchronous products, rings between them.
///
/// One work item owns 16 queries and walks tiles of 16 keys upwards. `fault` breaks it in one place.
struct FlashProgram {
  enum Fault: String, CaseIterable {
    case waitForValuesMissing
    case waitForScoresMissing
    case keysReleasedTooEarly
    case ringOneSlotTooSmall
    case queryRingOverCredited
    case rescaleForgotten
    case mergedWithoutLogSumExp
    case storeNotAwaited
  }

  static let tile = 16
  var shape: AttentionShape
  var fault: Fault?
  var splits = 1
  var isPersistent = true
  var polynomialShare = 0.0
  var threshold = 0.0

  func program() throws -> Program {
    var kernels = [try main()]
    if splits > 1 { kernels.append(try merge()) }
    return Program(schedule: "flash", shape: shape, kernels: kernels)
  }

  private var queryTiles: Int { (shape.seqQ + Self.tile - 1) / Self.tile }
  private var keyTiles: Int { (shape.seqKV + Self.tile - 1) / Self.tile }

  private func main() throws -> Kernel {
    let tile = Self.tile
    var builder = KernelBuilder(counting: TileSteps.self, schedule: "flash", kernel: "flash")
    let type = shape.dataType
    func vector(_ name: String) -> TileRef {
      TileRef(builder.buffer(name, .registers, rows: tile, columns: 1, type: .fp32))
    }
    func ring(_ name: String, columns: Int, slots: Int, credits: Int) -> Ring {
      let storage = builder.buffer(name, .shared, rows: tile, columns: columns, type: type, slots: slots)
      return Ring(
        buffer: storage, full: builder.barrier("\(name) full", .memory),
        empty: builder.barrier("\(name) empty", .memory, initialPhases: credits))
    }
    let q = ring("Q", columns: shape.headDim, slots: 1, credits: fault == .queryRingOverCredited ? 2 : 1)
    let k = ring("K", columns: shape.headDim, slots: fault == .ringOneSlotTooSmall ? 1 : 2, credits: 2)
    let v = ring("V", columns: shape.headDimV, slots: 2, credits: 2)
    let scores = TileRef(builder.buffer("S", .registers, rows: tile, columns: tile, type: .fp32))
    let weights = TileRef(builder.buffer("P", .registers, rows: tile, columns: tile, type: type))
    let output = TileRef(builder.buffer("O", .registers, rows: tile, columns: shape.headDimV, type: .fp32))
    let (maximum, sum, scale, statistics) = (vector("m"), vector("l"), vector("scale"), vector("lse"))
    let scoresDone = builder.barrier("S done", .completion)
    let outputDone = builder.barrier("O done", .completion)
    let stored = builder.barrier("O stored", .completion)
    let own = TileCoordinate(rows: tile, index: .item(scale: 1, offset: 0))
    let walked = TileCoordinate(rows: tile, index: .walk(offset: 0))

    builder.actor(
      "producer", warps: 1,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load Q", .copyAsync, waits: [q.empty], signals: [q.full],
              action: .load(.q, own, into: TileRef(q.buffer)))
          ]),
        Block(
          trips: .count(\TileSteps.tiles), stepsPerTrip: 1,
          operations: [
            Operation(
              "load K", .copyAsync, waits: [k.empty], signals: [k.full],
              action: .load(.k, walked, into: TileRef(k.buffer, .step(offset: 0)))),
            Operation(
              "load V", .copyAsync, waits: [v.empty], signals: [v.full],
              action: .load(.v, walked, into: TileRef(v.buffer, .step(offset: 0)))),
          ]),
      ])

    let begin = [
      Operation("O = 0", .vector, action: .fill(output, 0)),
      Operation("m = -inf", .vector, action: .fill(maximum, -.infinity)),
      Operation("l = 0", .vector, action: .fill(sum, 0)),
      Operation("wait for Q", .sync, waits: [q.full]),
    ]
    var step = [
      Operation(
        "S = Q K^T", .tensorAsync, waits: [k.full],
        signals: fault == .keysReleasedTooEarly ? [scoresDone] : [scoresDone, k.empty],
        action: .matmul(
          into: scores, a: TileRef(q.buffer), b: TileRef(k.buffer, .step(offset: 0)), transposeA: false,
          transposeB: true, accumulate: false)),
      Operation(
        "mask S", .vector, waits: fault == .waitForScoresMissing ? [] : [scoresDone],
        action: .mask(scores, keyTile: walked)),
      Operation(
        "m = max(m, rowmax S)", .vector,
        action: .updateMaximum(scores: scores, maximum: maximum, scale: scale, threshold: threshold)),
      Operation(
        "P = exp2(S - m)", .vector,
        action: .exponentiate(scores: scores, maximum: maximum, polynomialShare: polynomialShare)),
      Operation(
        "l = l * scale + rowsum P", .vector, action: .updateSum(probabilities: scores, sum: sum, scale: scale)
      ),
      Operation("P to 16 bit", .vector, action: .convert(scores, into: weights)),
    ]
    if fault == .keysReleasedTooEarly {
      step.insert(Operation("release K", .sync, signals: [k.empty]), at: 1)
    }
    if fault != .rescaleForgotten {
      step.append(Operation("O = O * scale", .vector, action: .rescale(output, scale: scale)))
    }
    step += [
      Operation(
        "O += P V", .tensorAsync, waits: fault == .waitForValuesMissing ? [] : [v.full],
        signals: [outputDone, v.empty],
        action: .matmul(
          into: output, a: weights, b: TileRef(v.buffer, .step(offset: 0)), transposeA: false,
          transposeB: false,
          accumulate: true)),
      Operation("wait for O", .sync, waits: [outputDone]),
    ]
    let end = [
      Operation("release Q", .sync, signals: [q.empty]),
      Operation(
        "O = O / l", .vector,
        action: .normalise(output: output, sum: sum, maximum: maximum, logSumExp: statistics)),
      Operation(
        "store O", .copyAsync, signals: [stored], action: .store(output, splits > 1 ? .partialO : .o, own)),
      Operation(
        "store log-sum-exp", .loadStore,
        action: .store(statistics, splits > 1 ? .partialLogSumExp : .logSumExp, own)),
    ]
    let settled = fault == .storeNotAwaited ? [] : [Operation("wait for store", .sync, waits: [stored])]
    builder.actor(
      "consumer", warps: 4,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: begin),
        Block(trips: .count(\TileSteps.tiles), stepsPerTrip: 1, operations: step),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: end + settled),
      ])
    let perSplit = (keyTiles + splits - 1) / splits
    let classes = (0..<splits).map { split in
      let tiles = (0..<keyTiles).clamped(to: split * perSplit..<(split + 1) * perSplit)
      return ItemClass(TileSteps(tiles: tiles.count), walk: .ascending(tiles))
    }
    return try builder.build(
      items: ItemSpace(
        classes: classes,
        groups: [
          .init(
            count: shape.batch * shape.headsQ,
            tileClasses: (0..<queryTiles).flatMap { _ in Array(0..<splits) })
        ], splits: splits),
      policy: isPersistent ? .dynamicPersistent(order: .tilesFastest) : .grid(order: .tilesFastest),
      footprint: Footprint(threads: 160, registersPerThread: 64, sharedBytes: 16384), on: .roomy)
  }

  private func merge() throws -> Kernel {
    var builder = KernelBuilder(schedule: "flash", kernel: "merge")
    let own = TileCoordinate(rows: Self.tile, index: .item(scale: 1, offset: 0))
    let weights = TileRef(builder.buffer("weights", .shared, rows: Self.tile, columns: splits, type: .fp32))
    let weigh: Action =
      fault == .mergedWithoutLogSumExp
      ? .fill(weights, 1 / Double(splits)) : .partialWeights(own, into: weights)
    builder.actor(
      "warps", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("weights of splits", .loadStore, action: weigh),
            Operation(
              "merge partial outputs", .loadStore,
              action: .mergePartials(output: .o, coordinate: own, weights: weights)),
          ])
      ])
    return try builder.build(
      items: ItemSpace(
        classes: [ItemClass()],
        groups: [
          .init(count: shape.batch * shape.headsQ, tileClasses: [Int](repeating: 0, count: queryTiles))
        ]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 128, registersPerThread: 32, sharedBytes: 1024), on: .roomy)
  }
}
