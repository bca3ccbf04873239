package import Attention
import HWModels
package import Programs

/// Builds the main kernel of FlashAttention-3's backward pass: a work item owns a tile of keys of one query head and
/// streams queries past it.
///
/// A producer warp copies K and V once and Q, dO, log-sum-exp and delta for each step; each of two or three warpgroups
/// computes its part of the five products; another warp adds dQ to an fp32 accumulator in the shared cache by reductions
/// of the copy engine. Order of a step and warpgroup: issue S, issue dP, wait S, P = exp2(S - lse), wait dP,
/// dS = P (dP - delta), dS to shared memory, issue dV += P^T dO, all warpgroups have written dS, issue dQ = dS K,
/// dV done, issue dK += dS^T Q, dQ done, dQ to shared memory, dK done.
///
/// Expected per step of 80 x 128 at head dim 128 (two warpgroups, H100): tensor 5 x 2 x 320 = 3200; shared memory
/// S, dP and dQ 3 x 576, dV and dK 2 x 320, dS 160, dQ 320 written and 320 read, statistics 160 = 3300; exp 640;
/// additions 40 KiB at 14 to 17 bytes a cycle = 2500. Both tensor and shared memory are near full at the 3990 measured:
/// the chain of one warpgroup fills the rest.
///
/// Source: flash_attn/cute/flash_bwd_sm90.py, hopper/mainloop_bwd_sm90_tma_gmma_ws.hpp (Dao-AILab/flash-attention@0251105).
struct FlashAttention3Backward {
  let schedule: String
  let shape: AttentionShape
  let tile: FlashAttention3BackwardTile
  let vector: BackwardVectorWork
  /// Whether every step runs the masking code, as the CuTe build does, or only those that need it.
  let alwaysMasks: Bool
  let policy: TilePolicy
  let registersPerThread: Int
  /// What the kernel reserves, where that is known and not the sum of the tiles.
  var sharedBytes: Int?

  let element = 2
  var groups: Int { tile.warpgroups }
  /// Keys of one warpgroup's scores.
  var keys: Int { tile.keyTile / groups }
  /// Whether the query heads of a group add to the same dK and dV.
  var accumulatesKeyGradients: Bool { shape.group > 1 }
  /// Whether they write 16-bit tensors of their own instead, which another kernel sums. (The model adds those up in fp32
  /// at once.)
  var expandsKeyGradients = false
  /// Warpgroups that compute a part of dQ.
  var queryGradientGroups: Int { tile.queryGradientSplit == .firstOnly ? 1 : groups }

  /// Buffers and barriers that producer, warpgroups and the warp that adds dQ share.
  struct Common {
    let k: Ring
    let v: Ring
    let q: Ring
    let gradO: Ring
    let logSumExp: BufferID
    let delta: BufferID
    let gradS: BufferID
    let probabilities: BufferID?
    let gradQ: [Ring]
    /// All warpgroups have written dS; all have read the one before.
    let scoresWritten: BarrierID
    let scoresFree: BarrierID
    let allDone: BarrierID
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: KeyTiles.Steps.self, schedule: schedule, kernel: "\(schedule)_bwd")
    let common = makeCommon(&builder)
    addProducer(&builder, common)
    if !tile.addsQueryGradientFromRegisters { addReducer(&builder, common) }
    for group in 0..<groups { addWarpgroup(&builder, common, group) }
    let tiles = KeyTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, order: .ascending,
      alwaysMasked: alwaysMasks)
    return try builder.build(
      items: tiles.items { $0 }, policy: policy,
      footprint: Footprint(
        threads: 128 * (groups + 1), registersPerThread: registersPerThread,
        sharedBytes: sharedBytes ?? tile.sharedBytes),
      sharedStream: .queries(
        of: shape, tile: (tile.headDim, tile.headDimV),
        accumulatesKeys: accumulatesKeyGradients && !expandsKeyGradients), on: device)
  }

  private func makeCommon(_ builder: inout KernelBuilder<KeyTiles.Steps>) -> Common {
    let type = shape.dataType
    let (rows, keyRows) = (tile.queryTile, tile.keyTile)
    // K and V arrive on the barriers of the first Q and dO.
    let k = builder.ring(
      "K", rows: keyRows, columns: tile.headDim, type: type, slots: 1, consumers: groups,
      mechanism: .completion)
    let v = builder.ring(
      "V", rows: keyRows, columns: tile.headDimV, type: type, slots: 1, consumers: groups,
      mechanism: .completion)
    let q = builder.ring(
      "Q", rows: rows, columns: tile.headDim, type: type, slots: tile.queryStages, consumers: groups)
    let gradO = builder.ring(
      "dO", rows: rows, columns: tile.headDimV, type: type, slots: tile.gradientStages, consumers: groups)
    let (dQRows, dQColumns) = queryGradientPart
    return Common(
      k: k, v: v, q: q, gradO: gradO,
      logSumExp: builder.buffer(
        "lse", .shared, rows: rows, columns: 1, type: .fp32, slots: tile.queryStages),
      delta: builder.buffer(
        "delta", .shared, rows: rows, columns: 1, type: .fp32, slots: tile.gradientStages),
      gradS: builder.buffer(
        "dS", .shared, rows: rows, columns: keyRows, type: type, slots: tile.scoreStages),
      probabilities: tile.keepsScoresInRegisters
        ? nil
        : builder.buffer("P", .shared, rows: rows, columns: keyRows, type: type, slots: tile.scoreStages),
      gradQ: (0..<(tile.addsQueryGradientFromRegisters ? 0 : queryGradientGroups)).map { group in
        builder.ring(
          "dQ\(group)", rows: dQRows, columns: dQColumns, type: .fp32, slots: 1, consumers: 1,
          mechanism: .named)
      },
      scoresWritten: builder.barrier("dS written", .named, arrivals: groups),
      scoresFree: builder.barrier("dS free", .named, arrivals: groups),
      allDone: builder.barrier("all products done", .named, arrivals: groups))
  }

  /// Rows and columns of dQ that one warpgroup computes.
  var queryGradientPart: (rows: Int, columns: Int) {
    switch tile.queryGradientSplit {
    case .rows: (tile.queryTile / groups, tile.headDim)
    case .columns: (tile.queryTile, tile.headDim / groups)
    case .firstOnly: (tile.queryTile, tile.headDim)
    }
  }

  /// Where in dQ the part of a warpgroup lies.
  func queryGradientPlace(_ group: Int) -> TileCoordinate {
    let (rows, columns) = queryGradientPart
    let isRowSplit = tile.queryGradientSplit == .rows
    return TileCoordinate(
      rows: tile.queryTile, index: .walk(offset: 0), firstColumn: isRowSplit ? 0 : group * columns,
      firstRow: isRowSplit ? group * rows : 0)
  }

  // MARK: Producer

  /// K and Q of the first step, V and dO of the first step, then Q and dO of each.
  private func addProducer(_ builder: inout KernelBuilder<KeyTiles.Steps>, _ common: Common) {
    // The query heads of a group read the same keys.
    func owned(_ ring: Ring, _ tensor: Tensor, columns: Int) -> Operation {
      TileCopy(
        tensor, TileCoordinate(rows: tile.keyTile, index: .item(scale: 1, offset: 0)), columns: columns,
        readers: .heads(shape.group)
      ).byCopyEngine(into: ring)
    }
    /// A tile with a number of 4 bytes for each of its rows.
    func streamed(
      _ name: String, _ ring: Ring, _ tensor: Tensor, _ statistic: Tensor, _ buffer: BufferID, columns: Int
    ) -> Operation {
      let place = TileCoordinate(rows: tile.queryTile, index: .walk(offset: 0))
      var copy = TileCopy(tensor, place, rowBytes: Double(columns * element + 4))
        .byCopyEngine(name, into: ring)
      copy.action = .sequence([
        copy.action, .load(statistic, place, into: TileRef(buffer, .step(offset: 0))),
      ])
      return copy
    }
    let loadQ = streamed("load Q, lse", common.q, .q, .logSumExp, common.logSumExp, columns: tile.headDim)
    let loadGradO = streamed(
      "load dO, delta", common.gradO, .gradO, .delta, common.delta, columns: tile.headDimV)
    builder.actor("producer", warps: 1) { actor in
      actor.each(\.any) {
        owned(common.k, .k, columns: tile.headDim)
        loadQ
        owned(common.v, .v, columns: tile.headDimV)
        loadGradO
      }
      actor.each(\.rest) {
        loadQ
        loadGradO
      }
    }
  }

  /// The warp that has the copy engine add dQ to the accumulator.
  private func addReducer(_ builder: inout KernelBuilder<KeyTiles.Steps>, _ common: Common) {
    let (rows, columns) = queryGradientPart
    let elements = Double(rows * columns)
    var reductions: [Operation] = []
    var releases: [Operation] = []
    for group in 0..<queryGradientGroups {
      let ring = common.gradQ[group]
      let read = builder.barrier("dQ\(group) read", .completion)
      reductions.append(
        Operation(
          "dQ += in memory", .copyAsync,
          work: .of {
            $0.sharedRead = elements * 4
            $0.atomics = elements
          }, waits: [ring.full], signals: [read],
          action: .atomicAdd(TileRef(ring.buffer), .gradQAccumulator, queryGradientPlace(group))))
      releases.append(.release("dQ", ring.empty, after: read))
    }
    builder.actor("dQ adder", warps: 1) { actor in
      for loop in [\KeyTiles.Steps.before, \.whole, \.after] {
        actor.each(loop) {
          reductions
          releases
        }
      }
    }
  }

  // MARK: A warpgroup

  /// Scores again and their gradient, then what they give dV, dQ and dK.
  private func addWarpgroup(_ builder: inout KernelBuilder<KeyTiles.Steps>, _ common: Common, _ group: Int) {
    let own = Warpgroup(&builder, self, common, group)
    builder.actor("warpgroup \(group)", warps: 4) { actor in
      actor.once {
        Operation("dK = dV = 0", .sync, action: .sequence([.fill(own.gradK, 0), .fill(own.gradV, 0)]))
      }
      actor.when(\.any) { Operation.wait("K and V", common.k.full, common.v.full) }
      for (loop, isMasked) in [(\KeyTiles.Steps.before, true), (\.whole, false), (\.after, true)] {
        actor.each(loop) {
          Operation.loopControl(warps: 4, vector.loopInstructions)
          own.scores
          own.probabilityGradient
          Operation.wait("S", own.scoresDone)
          if isMasked { own.mask }
          own.exponentiate
          own.shareProbabilities
          own.scoreGradient
          own.shareScoreGradient
          own.addValueGradient
          own.meet(common.scoresWritten, "dS written")
          own.queryGradient
          Operation.release("dO", common.gradO.empty, after: own.gradVDone)
          own.addKeyGradient
          own.handOverQueryGradient
          Operation.release("Q", common.q.empty, after: own.gradKDone)
        }
      }
      actor.once { own.epilogue }
      // dK and dV leave through the storage of K and V.
      actor.when(\.any) { Operation.release("K and V", common.k.empty, common.v.empty) }
    }
  }
}

extension Kernel.SharedStream {
  /// Q, dO, log-sum-exp and delta of each query head, and the accumulator of its dQ; with grouped heads those of dK and
  /// dV, where the kernel has them.
  package static func queries(
    of shape: AttentionShape, tile: (headDim: Int, headDimV: Int), accumulatesKeys: Bool
  )
    -> Self
  {
    let rows = Double(shape.seqQ)
    let keyRows = Double(shape.batch * shape.headsKV) * Double(shape.seqKV)
    return Self(
      sequences: shape.batch * shape.headsQ,
      bytesRead: rows * Double((shape.headDim + shape.headDimV) * shape.dataType.bytes + 8),
      bytesAccumulated: rows * Double(tile.headDim * 4),
      bytesAccumulatedByTile: accumulatesKeys ? keyRows * Double((tile.headDim + tile.headDimV) * 4) : 0)
  }
}
