import Attention
import HWModels
import Programs

/// What a warpgroup of the backward kernel does.
extension FlashAttention3Backward {
  /// Registers of one warpgroup.
  struct Registers {
    let scores: TileRef
    let gradP: TileRef
    let probabilities: TileRef
    let gradS: TileRef
    let gradQ: TileRef
    let gradK: TileRef
    let gradV: TileRef
  }

  /// Where a warpgroup's part of dK and dV lies in the tile of keys.
  private func keyGradientPart(_ group: Int, columns: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    tile.keyGradientSplit == .rows
      ? (group * keys..<(group + 1) * keys, 0..<columns)
      : (0..<tile.keyTile, group * columns / groups..<(group + 1) * columns / groups)
  }

  func addWarpgroup(_ builder: inout KernelBuilder<KeyTiles.Steps>, _ common: Common, _ group: Int) {
    let type = shape.dataType
    func registers(_ name: String, _ rows: Int, _ columns: Int, _ type: DataType) -> TileRef {
      TileRef(builder.buffer("\(name)\(group)", .registers, rows: rows, columns: columns, type: type))
    }
    let (dQRows, dQColumns) = queryGradientPart
    let partK = keyGradientPart(group, columns: tile.headDim)
    let partV = keyGradientPart(group, columns: tile.headDimV)
    let own = Registers(
      scores: registers("S", tile.queryTile, keys, .fp32),
      gradP: registers("dP", tile.queryTile, keys, .fp32),
      probabilities: registers("P16 ", tile.queryTile, keys, type),
      gradS: registers("dS16 ", tile.queryTile, keys, type),
      gradQ: registers("dQ acc", dQRows, dQColumns, .fp32),
      gradK: registers("dK", partK.rows.count, partK.columns.count, .fp32),
      gradV: registers("dV", partV.rows.count, partV.columns.count, .fp32))
    func done(_ name: String) -> BarrierID { builder.barrier("\(name)\(group) done", .completion) }
    let finished = Finished(
      scores: done("S"), gradP: done("dP"), gradV: done("dV"), gradQ: done("dQ"), gradK: done("dK"),
      stored: done("store"))
    func step(isMasked: Bool) -> [Operation] {
      self.step(common, own, finished, group, partK, partV, isMasked: isMasked)
    }
    let blocks = [
      Block(
        trips: .fixed(1), stepsPerTrip: 0,
        operations: [
          Operation("dK = dV = 0", .sync, action: .sequence([.fill(own.gradK, 0), .fill(own.gradV, 0)]))
        ]),
      Block(
        trips: .count(\KeyTiles.Steps.any), stepsPerTrip: 0,
        operations: [Operation("wait for K and V", .sync, waits: [common.k.full, common.v.full])]),
      Block(
        trips: .count(\KeyTiles.Steps.before), stepsPerTrip: 1, operations: step(isMasked: true)),
      Block(
        trips: .count(\KeyTiles.Steps.whole), stepsPerTrip: 1, operations: step(isMasked: false)),
      Block(
        trips: .count(\KeyTiles.Steps.after), stepsPerTrip: 1, operations: step(isMasked: true)),
      Block(
        trips: .fixed(1), stepsPerTrip: 0, operations: epilogue(common, own, finished, group, partK, partV)),
      // dK and dV leave through the storage of K and V.
      Block(
        trips: .count(\KeyTiles.Steps.any), stepsPerTrip: 0,
        operations: [Operation("release K and V", .sync, signals: [common.k.empty, common.v.empty])]),
    ]
    builder.actor("warpgroup \(group)", warps: 4, blocks: blocks)
  }

  /// Completion of a warpgroup's own asynchronous work.
  struct Finished {
    let scores: BarrierID
    let gradP: BarrierID
    let gradV: BarrierID
    let gradQ: BarrierID
    let gradK: BarrierID
    let stored: BarrierID
  }

  /// Work of `rows x columns` over `inner` on one warpgroup: instructions of 64 rows, operands from shared memory
  /// unless the first lies in registers. Each instruction reads its rows and all columns.
  private func product(_ rows: Int, _ columns: Int, _ inner: Int, transposed: Bool, inRegisters: Bool) -> Work
  {
    let (m, n) = transposed ? (columns, rows) : (rows, columns)
    let blocks = (m + 63) / 64
    return .of {
      $0.matrixFlops = 2 * Double(blocks * 64 * n * inner)
      $0.matrixInstructions = Double(blocks * ((inner + 15) / 16))
      $0.sharedRead = Double(((inRegisters ? 0 : blocks * 64) + blocks * n) * inner * element)
    }
  }

  /// Bytes of log-sum-exp or delta that the four warps read: pairs of rows, a line of the port each.
  private var statisticBytes: Double { Double(tile.queryTile / 8 * 4 * 128) }

  private func step(
    _ common: Common, _ own: Registers, _ finished: Finished, _ group: Int,
    _ partK: (rows: Range<Int>, columns: Range<Int>), _ partV: (rows: Range<Int>, columns: Range<Int>),
    isMasked: Bool
  ) -> [Operation] {
    let scores = Double(tile.queryTile * keys)
    let q = TileRef(common.q.buffer, .step(offset: 0))
    let gradO = TileRef(common.gradO.buffer, .step(offset: 0))
    let ownKeys = group * keys..<(group + 1) * keys
    let inRegisters = tile.keepsScoresInRegisters
    let sharedGradS = TileRef(common.gradS, .step(offset: 0))
    let sharedP = common.probabilities.map { TileRef($0, .step(offset: 0)) }
    var operations = [
      Operation(
        "loop control", .vector,
        work: .of { $0.otherInstructions = 128 * vector.loopInstructions }),
      Operation(
        "S = Q K^T", .tensorAsync,
        work: product(
          tile.queryTile, keys, tile.headDim, transposed: tile.transposesScores, inRegisters: false),
        waits: [common.q.full], signals: [finished.scores],
        action: .matmul(
          into: own.scores, a: q, b: TileRef(common.k.buffer, .item, rows: ownKeys), transposeA: false,
          transposeB: true, accumulate: false)),
      Operation(
        "dP = dO V^T", .tensorAsync,
        work: product(
          tile.queryTile, keys, tile.headDimV, transposed: tile.transposesScores, inRegisters: false),
        waits: [common.gradO.full], signals: [finished.gradP],
        action: .matmul(
          into: own.gradP, a: gradO, b: TileRef(common.v.buffer, .item, rows: ownKeys), transposeA: false,
          transposeB: true, accumulate: false)),
      Operation("wait for S", .sync, waits: [finished.scores]),
    ]
    if isMasked {
      operations.append(
        Operation(
          "mask S", .vector, work: .of { $0.alu = vector.maskAlu * scores }, chain: Chain(alu: 2),
          action: .mask(
            own.scores, keyTile: TileCoordinate(rows: keys, index: .item(scale: groups, offset: group)),
            queryTile: TileCoordinate(rows: tile.queryTile, index: .walk(offset: 0)))))
    }
    operations.append(
      Operation(
        "P = exp2(S - lse)", .vector,
        work: .of {
          $0.fma = vector.probabilityFma * scores
          $0.exp = scores
          $0.convert = scores
          $0.alu = vector.alu * scores / 2
          $0.sharedRead = statisticBytes
          $0.otherInstructions = 128 * Double(tile.queryTile) / 8
        }, chain: Chain(alu: 2, exp: 1, shared: 1),
        action: .sequence([
          .recomputeProbabilities(
            scores: own.scores, logSumExp: TileRef(common.logSumExp, .step(offset: 0))),
          .convert(own.scores, into: own.probabilities),
        ])))
    if let sharedP {
      operations += wait(for: common.scoresFree, if: tile.scoreStages == 1, "scores free")
      operations.append(toShared("P to shared memory", own.probabilities, sharedP, ownKeys, signals: []))
    }
    operations += [
      Operation(
        "dS = P (dP - delta)", .vector,
        work: .of {
          $0.fma = vector.gradientFma * scores
          $0.convert = scores
          $0.alu = vector.alu * scores / 2
          $0.sharedRead = statisticBytes
          $0.otherInstructions = 128 * Double(tile.queryTile) / 8
        }, chain: Chain(alu: 3, shared: 1), waits: [finished.gradP],
        action: .scoreGradient(
          probabilities: own.scores, gradient: own.gradP, delta: TileRef(common.delta, .step(offset: 0)),
          into: own.gradS))
    ]
    operations += wait(
      for: common.scoresFree, if: !inRegisters || tile.scoreStages == 1, "P written, dS free")
    operations.append(toShared("dS to shared memory", own.gradS, sharedGradS, ownKeys, signals: []))
    let gradV = Operation(
      "dV += P^T dO", inRegisters ? .tensorAsyncRegisters : .tensorAsync,
      work: product(
        partV.rows.count, partV.columns.count, tile.queryTile, transposed: tile.transposesKeyGradients,
        inRegisters: inRegisters), signals: [finished.gradV],
      action: .matmul(
        into: own.gradV, a: sharedP.map { part($0, columns: partV.rows) } ?? own.probabilities,
        b: part(gradO, columns: partV.columns), transposeA: true, transposeB: false, accumulate: true))
    operations.append(gradV)
    operations += wait(for: common.scoresWritten, if: true, "dS written")
    operations += queryGradient(common, own, finished, group, sharedGradS)
    operations += [
      Operation("release dO", .sync, waits: [finished.gradV], signals: [common.gradO.empty]),
      Operation(
        "dK += dS^T Q", inRegisters ? .tensorAsyncRegisters : .tensorAsync,
        work: product(
          partK.rows.count, partK.columns.count, tile.queryTile, transposed: tile.transposesKeyGradients,
          inRegisters: inRegisters), signals: [finished.gradK],
        action: .matmul(
          into: own.gradK, a: inRegisters ? own.gradS : part(sharedGradS, columns: partK.rows),
          b: part(q, columns: partK.columns), transposeA: true, transposeB: false, accumulate: true)),
    ]
    operations += queryGradientToShared(common, own, finished, group)
    operations.append(Operation("release Q", .sync, waits: [finished.gradK], signals: [common.q.empty]))
    return operations
  }

  /// All warpgroups arrive at a named barrier and wait for each other.
  private func wait(for barrier: BarrierID, if needed: Bool, _ name: String) -> [Operation] {
    needed
      ? [
        Operation("\(name): arrive", .sync, signals: [barrier]),
        Operation("\(name): wait", .sync, waits: [barrier]),
      ] : []
  }

  private func part(_ tile: TileRef, columns: Range<Int>) -> TileRef {
    TileRef(tile.buffer, tile.slot, columns: columns)
  }

  /// A warpgroup's keys of P or dS, by matrix stores of 512 bytes a warp.
  private func toShared(
    _ name: String, _ source: TileRef, _ target: TileRef, _ columns: Range<Int>, signals: [BarrierID]
  ) -> Operation {
    let bytes = Double(tile.queryTile * keys * element)
    return Operation(
      name, .vector,
      work: .of {
        $0.sharedWrite = bytes
        $0.otherInstructions = bytes / 16
      }, chain: Chain(shared: 1), signals: signals,
      action: .convert(source, into: part(target, columns: columns)))
  }

  private func queryGradient(
    _ common: Common, _ own: Registers, _ finished: Finished, _ group: Int, _ gradS: TileRef
  ) -> [Operation] {
    guard group < queryGradientGroups else { return [] }
    let (rows, columns) = queryGradientPart
    let isRowSplit = tile.queryGradientSplit == .rows
    let a = isRowSplit ? TileRef(gradS.buffer, gradS.slot, rows: group * rows..<(group + 1) * rows) : gradS
    let b = TileRef(
      common.k.buffer, .item, columns: isRowSplit ? nil : group * columns..<(group + 1) * columns)
    return [
      Operation(
        "dQ = dS K", .tensorAsync,
        work: product(
          rows, columns, tile.keyTile, transposed: tile.transposesQueryGradient, inRegisters: false),
        signals: [finished.gradQ],
        action: .matmul(
          into: own.gradQ, a: a, b: b, transposeA: false, transposeB: false, accumulate: false))
    ]
  }

  private func queryGradientToShared(
    _ common: Common, _ own: Registers, _ finished: Finished, _ group: Int
  ) -> [Operation] {
    guard group < queryGradientGroups else { return [] }
    let (rows, columns) = queryGradientPart
    let elements = Double(rows * columns)
    if tile.addsQueryGradientFromRegisters {
      return [
        Operation("wait for dQ", .sync, waits: [finished.gradQ]),
        Operation(
          "dQ += in memory", .loadStore,
          work: .of {
            $0.atomics = elements
            $0.otherInstructions = elements
          },
          action: .atomicAdd(own.gradQ, .gradQAccumulator, queryGradientPlace(group))),
      ]
    }
    return [
      Operation("wait for dQ", .sync, waits: [finished.gradQ]),
      Operation(
        "dQ to shared memory", .vector,
        work: .of {
          $0.fma = vector.queryGradientFma * elements
          $0.alu = vector.queryGradientAlu * elements
          $0.sharedWrite = elements * 4
          $0.otherInstructions = elements / 4
        }, chain: Chain(shared: 1), waits: [common.gradQ[group].empty], signals: [common.gradQ[group].full],
        action: .convert(own.gradQ, into: TileRef(common.gradQ[group].buffer))),
    ]
  }

  // MARK: Epilogue

  /// dV, then dK: through shared memory to device memory, or added to an accumulator where query heads share keys.
  private func epilogue(
    _ common: Common, _ own: Registers, _ finished: Finished, _ group: Int,
    _ partK: (rows: Range<Int>, columns: Range<Int>), _ partV: (rows: Range<Int>, columns: Range<Int>)
  ) -> [Operation] {
    func output(
      _ name: String, _ registers: TileRef, _ part: (rows: Range<Int>, columns: Range<Int>), _ tensor: Tensor,
      _ accumulator: Tensor
    ) -> [Operation] {
      let elements = Double(part.rows.count * part.columns.count)
      let isSplit = tile.keyGradientSplit == .rows
      let coordinate = TileCoordinate(
        rows: part.rows.count, index: .item(scale: isSplit ? groups : 1, offset: isSplit ? group : 0),
        firstColumn: part.columns.lowerBound)
      let addsInMemory = accumulatesKeyGradients && !expandsKeyGradients
      let bytes = elements * Double(addsInMemory ? 4 : element)
      return [
        Operation(
          "\(name) to shared memory", .vector,
          work: .of {
            $0.fma = elements
            $0.convert = addsInMemory ? 0 : elements
            $0.sharedWrite = bytes
            $0.otherInstructions = bytes / 16
          }, chain: Chain(alu: 2, shared: 1)),
        Operation(
          addsInMemory ? "\(name) += in memory" : "store \(name)", .copyAsync,
          work: .of {
            $0.sharedRead = bytes
            if addsInMemory { $0.atomics = elements } else { $0.globalWrite = bytes }
          }, signals: [finished.stored],
          action: accumulatesKeyGradients
            ? .atomicAdd(registers, accumulator, coordinate) : .store(registers, tensor, coordinate)),
      ]
    }
    var operations = wait(for: common.allDone, if: true, "all products done")
    if !accumulatesKeyGradients {
      operations.append(
        Operation(
          "dK = dK / sqrt(d)", .sync,
          action: .multiply(own.gradK, by: 1 / Double(shape.headDim).squareRoot())))
    }
    operations += output("dV", own.gradV, partV, .gradV, .gradVAccumulator)
    // The accumulators of dK and dV lie in the same shared memory.
    if accumulatesKeyGradients {
      operations.append(Operation("wait for dV", .sync, waits: [finished.stored]))
    }
    operations += output("dK", own.gradK, partK, .gradK, .gradKAccumulator)
    operations.append(Operation("wait for dK", .sync, waits: [finished.stored]))
    if !accumulatesKeyGradients {
      operations.append(Operation("wait for dV", .sync, waits: [finished.stored]))
    }
    return operations
  }
}
