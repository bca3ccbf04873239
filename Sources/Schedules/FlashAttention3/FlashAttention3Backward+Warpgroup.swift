import Attention
import HWModels
import Programs

extension FlashAttention3Backward {
  /// A warpgroup: its registers, its parts of the five products.
  struct Warpgroup {
    typealias Part = (rows: Range<Int>, columns: Range<Int>)

    private let scoreTile: TileRef
    private let gradP: TileRef
    private let probabilities: TileRef
    private let gradS: TileRef
    private let gradQ: TileRef
    let gradK: TileRef
    let gradV: TileRef
    // Completion of its own asynchronous work.
    let scoresDone: BarrierID
    private let gradPDone: BarrierID
    let gradVDone: BarrierID
    private let gradQDone: BarrierID
    let gradKDone: BarrierID
    private let stored: BarrierID

    private let kernel: FlashAttention3Backward
    private let common: Common
    private let group: Int
    /// Where its part of dK and of dV lies in the tile of keys.
    private let partK: Part
    private let partV: Part

    private var tile: FlashAttention3BackwardTile { kernel.tile }
    private var vector: BackwardVectorWork { kernel.vector }
    private var keys: Int { kernel.keys }
    private var scoreCount: Double { Double(tile.queryTile * keys) }
    private var ownKeys: Range<Int> { group * keys..<(group + 1) * keys }
    private var q: TileRef { TileRef(common.q.buffer, .step(offset: 0)) }
    private var gradO: TileRef { TileRef(common.gradO.buffer, .step(offset: 0)) }
    private var sharedGradS: TileRef { TileRef(common.gradS, .step(offset: 0)) }
    private var sharedP: TileRef? { common.probabilities.map { TileRef($0, .step(offset: 0)) } }

    init(
      _ builder: inout KernelBuilder<KeyTiles.Steps>, _ kernel: FlashAttention3Backward, _ common: Common,
      _ group: Int
    ) {
      (self.kernel, self.common, self.group) = (kernel, common, group)
      let (tile, type, keys, groups) = (kernel.tile, kernel.shape.dataType, kernel.keys, kernel.groups)
      func registers(_ name: String, _ rows: Int, _ columns: Int, _ type: DataType = .fp32) -> TileRef {
        TileRef(builder.buffer("\(name)\(group)", .registers, rows: rows, columns: columns, type: type))
      }
      func part(_ columns: Int) -> Part {
        tile.keyGradientSplit == .rows
          ? (group * keys..<(group + 1) * keys, 0..<columns)
          : (0..<tile.keyTile, group * columns / groups..<(group + 1) * columns / groups)
      }
      func done(_ name: String) -> BarrierID { builder.barrier("\(name)\(group) done", .completion) }
      (partK, partV) = (part(tile.headDim), part(tile.headDimV))
      scoreTile = registers("S", tile.queryTile, keys)
      gradP = registers("dP", tile.queryTile, keys)
      probabilities = registers("P16 ", tile.queryTile, keys, type)
      gradS = registers("dS16 ", tile.queryTile, keys, type)
      gradQ = registers("dQ acc", kernel.queryGradientPart.rows, kernel.queryGradientPart.columns)
      gradK = registers("dK", partK.rows.count, partK.columns.count)
      gradV = registers("dV", partV.rows.count, partV.columns.count)
      (scoresDone, gradPDone, gradVDone) = (done("S"), done("dP"), done("dV"))
      (gradQDone, gradKDone, stored) = (done("dQ"), done("dK"), done("store"))
    }

    // MARK: Scores and their gradient

    private func score(
      _ name: String, _ a: Ring, _ b: Ring, into c: TileRef, depth: Int, done: BarrierID
    ) -> Operation {
      Gemm.asynchronous(rows: tile.queryTile, columns: keys, depth: depth, swapped: tile.transposesScores)
        .operation(
          name, TileRef(a.buffer, .step(offset: 0)), TileRef(b.buffer, .item, rows: ownKeys), into: c,
          transposed: .b, accumulate: false, waits: [a.full], signals: [done])
    }

    var scores: Operation {
      score("S = Q K^T", common.q, common.k, into: scoreTile, depth: tile.headDim, done: scoresDone)
    }

    var probabilityGradient: Operation {
      score("dP = dO V^T", common.gradO, common.v, into: gradP, depth: tile.headDimV, done: gradPDone)
    }

    var mask: Operation {
      Operation(
        "mask S", .vector, work: .of { $0.alu = vector.maskAlu * scoreCount }, chain: Chain(alu: 2),
        action: .mask(
          scoreTile, keyTile: TileCoordinate(rows: keys, index: .item(scale: kernel.groups, offset: group)),
          queryTile: TileCoordinate(rows: tile.queryTile, index: .walk(offset: 0))))
    }

    /// Work of a score, with a statistic of each row that the four warps read: pairs of rows, a line of the port each.
    private func elementwise(fma: Double, exp: Double) -> Work {
      .of {
        $0.fma = fma * scoreCount
        $0.exp = exp * scoreCount
        $0.convert = scoreCount
        $0.alu = vector.alu * scoreCount / 2
        $0.sharedRead = Double(tile.queryTile / 8 * 4 * 128)
        $0.otherInstructions = 128 * Double(tile.queryTile) / 8
      }
    }

    var exponentiate: Operation {
      Operation(
        "P = exp2(S - lse)", .vector, work: elementwise(fma: vector.probabilityFma, exp: 1),
        chain: Chain(alu: 2, exp: 1, shared: 1),
        action: .sequence([
          .recomputeProbabilities(
            scores: scoreTile, logSumExp: TileRef(common.logSumExp, .step(offset: 0))),
          .convert(scoreTile, into: probabilities),
        ]))
    }

    var scoreGradient: Operation {
      Operation(
        "dS = P (dP - delta)", .vector, work: elementwise(fma: vector.gradientFma, exp: 0),
        chain: Chain(alu: 3, shared: 1), waits: [gradPDone],
        action: .scoreGradient(
          probabilities: scoreTile, gradient: gradP, delta: TileRef(common.delta, .step(offset: 0)),
          into: gradS))
    }

    // MARK: P and dS through shared memory

    /// All warpgroups arrive at a named barrier and wait for each other.
    func meet(_ barrier: BarrierID, _ name: String) -> [Operation] {
      [
        Operation("\(name): arrive", .sync, signals: [barrier]),
        Operation("\(name): wait", .sync, waits: [barrier]),
      ]
    }

    private func part(_ tile: TileRef, columns: Range<Int>) -> TileRef {
      TileRef(tile.buffer, tile.slot, columns: columns)
    }

    /// A warpgroup's keys of P or dS, by matrix stores of 512 bytes a warp.
    private func toShared(_ name: String, _ source: TileRef, _ target: TileRef) -> Operation {
      let bytes = scoreCount * Double(kernel.element)
      return Operation(
        "\(name) to shared memory", .vector,
        work: .of {
          $0.sharedWrite = bytes
          $0.otherInstructions = bytes / 16
        }, chain: Chain(shared: 1), action: .convert(source, into: part(target, columns: ownKeys)))
    }

    var shareProbabilities: [Operation] {
      guard let sharedP else { return [] }
      return (tile.scoreStages == 1 ? meet(common.scoresFree, "scores free") : [])
        + [toShared("P", probabilities, sharedP)]
    }

    var shareScoreGradient: [Operation] {
      (sharedP != nil || tile.scoreStages == 1 ? meet(common.scoresFree, "P written, dS free") : [])
        + [toShared("dS", gradS, sharedGradS)]
    }

    // MARK: dV, dQ and dK

    /// A product with the queries of a step, P or dS from registers or from shared memory.
    private func addKeyProduct(
      _ name: String, _ a: TileRef, _ b: TileRef, _ own: Part, into c: TileRef, done: BarrierID
    ) -> Operation {
      let inRegisters = tile.keepsScoresInRegisters
      return Gemm.asynchronous(
        rows: own.rows.count, columns: own.columns.count, depth: tile.queryTile,
        registerDepth: inRegisters ? tile.queryTile : 0, swapped: tile.transposesKeyGradients
      ).operation(
        name, inRegisters ? a : part(a, columns: own.rows), part(b, columns: own.columns), into: c,
        transposed: .a, accumulate: true, signals: [done])
    }

    var addValueGradient: Operation {
      addKeyProduct(
        "dV += P^T dO", sharedP ?? probabilities, gradO, partV, into: gradV, done: gradVDone)
    }

    var addKeyGradient: Operation {
      addKeyProduct(
        "dK += dS^T Q", tile.keepsScoresInRegisters ? gradS : sharedGradS, q, partK, into: gradK,
        done: gradKDone)
    }

    /// Its part of dQ, where it has one.
    var queryGradient: Operation? {
      guard group < kernel.queryGradientGroups else { return nil }
      let (rows, columns) = kernel.queryGradientPart
      let isRowSplit = tile.queryGradientSplit == .rows
      return Gemm.asynchronous(
        rows: rows, columns: columns, depth: tile.keyTile, swapped: tile.transposesQueryGradient
      ).operation(
        "dQ = dS K",
        isRowSplit
          ? TileRef(sharedGradS.buffer, sharedGradS.slot, rows: group * rows..<(group + 1) * rows)
          : sharedGradS,
        TileRef(
          common.k.buffer, .item, columns: isRowSplit ? nil : group * columns..<(group + 1) * columns),
        into: gradQ, accumulate: false, signals: [gradQDone])
    }

    /// Adds dQ in memory, or gives it to the warp that does.
    var handOverQueryGradient: [Operation] {
      guard group < kernel.queryGradientGroups else { return [] }
      let elements = Double(kernel.queryGradientPart.rows * kernel.queryGradientPart.columns)
      if tile.addsQueryGradientFromRegisters {
        return [
          .wait("dQ", gradQDone),
          Operation(
            "dQ += in memory", .loadStore,
            work: .of {
              $0.atomics = elements
              $0.otherInstructions = elements
            }, action: .atomicAdd(gradQ, .gradQAccumulator, kernel.queryGradientPlace(group))),
        ]
      }
      let ring = common.gradQ[group]
      return [
        .wait("dQ", gradQDone),
        Operation(
          "dQ to shared memory", .vector,
          work: .of {
            $0.fma = vector.queryGradientFma * elements
            $0.alu = vector.queryGradientAlu * elements
            $0.sharedWrite = elements * 4
            $0.otherInstructions = elements / 4
          }, chain: Chain(shared: 1), waits: [ring.empty], signals: [ring.full],
          action: .convert(gradQ, into: TileRef(ring.buffer))),
      ]
    }

    // MARK: Epilogue

    /// A gradient through shared memory to device memory, or added to an accumulator where query heads share keys.
    private func output(
      _ name: String, _ registers: TileRef, _ part: Part, _ tensor: Tensor, _ accumulator: Tensor
    ) -> [Operation] {
      let elements = Double(part.rows.count * part.columns.count)
      let isSplit = tile.keyGradientSplit == .rows
      let coordinate = TileCoordinate(
        rows: part.rows.count,
        index: .item(scale: isSplit ? kernel.groups : 1, offset: isSplit ? group : 0),
        firstColumn: part.columns.lowerBound)
      let addsInMemory = kernel.accumulatesKeyGradients && !kernel.expandsKeyGradients
      let bytes = elements * Double(addsInMemory ? 4 : kernel.element)
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
          }, signals: [stored],
          action: kernel.accumulatesKeyGradients
            ? .atomicAdd(registers, accumulator, coordinate) : .store(registers, tensor, coordinate)),
      ]
    }

    /// dV, then dK. Their accumulators lie in the same shared memory.
    @OperationList var epilogue: [Operation] {
      meet(common.allDone, "all products done")
      if !kernel.accumulatesKeyGradients {
        Operation(
          "dK = dK / sqrt(d)", .sync,
          action: .multiply(gradK, by: 1 / Double(kernel.shape.headDim).squareRoot()))
      }
      output("dV", gradV, partV, .gradV, .gradVAccumulator)
      if kernel.accumulatesKeyGradients { Operation.wait("dV", stored) }
      output("dK", gradK, partK, .gradK, .gradKAccumulator)
      Operation.wait("dK", stored)
      if !kernel.accumulatesKeyGradients { Operation.wait("dV", stored) }
    }
  }
}
