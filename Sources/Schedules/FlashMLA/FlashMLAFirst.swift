import Attention
import HWModels
import Programs

/// FlashMLA's kernel of February 2025: one warpgroup computes scores and softmax, the other copies keys; each accumulates half
/// of the columns of the output.
///
/// Expected per block of 64 keys (H100, cycles), one after the other, since all warps meet once a block and every product is
/// waited for: scores 36 x 32 = 1152 and 55 of completion; softmax of 64 x 64 about 500; P and the scales through shared
/// memory with a barrier 100; the output's halves rescaled 130 to 220; two products of 64 x 256 x 64, 1024 of the matrix
/// unit together, and 55; meeting 32: about 3000. Keys of the next block come by cp.async meanwhile. Per work item: two
/// dependent loads (length, page), 144 KiB of copies issued by four warps 1200, their latency, a block, normalising and
/// the way through shared memory to device memory 1500, nothing of it overlapped: about 8000 with one block.
struct FlashMLAFirst {
  let shape: AttentionShape
  /// Trips of a piece.
  struct Steps: StepCounts {
    var blocks = 0
    var masked = 0
    var whole = 0
    /// Whether its output is the call's own, or one to be merged.
    var direct = 0
    var partial = 0
  }

  private let rows = LatentItems.rows
  private let keyTile = LatentItems.keyTile
  private let element = 2.0
  private var half: Int { shape.headDimV / 2 }

  /// Buffers and barriers that both warpgroups use.
  private struct Shared {
    let q: TileRef
    let qFull: BarrierID
    let k: Ring
    let probabilities: TileRef
    let scale: TileRef
    let maximum: TileRef
    let sum: TileRef
    /// All warps meet at the head of a block, P is there, the statistics are there, both halves are in shared memory.
    let step: BarrierID
    let ready: BarrierID
    let statistics: BarrierID
    let staged: BarrierID
  }

  func kernel(_ items: LatentItems, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashMLA.name, kernel: "flashmla_fwd")
    func vector(_ name: String) -> TileRef {
      TileRef(builder.buffer(name, .shared, rows: rows, columns: 1, type: .fp32))
    }
    let shared = Shared(
      q: TileRef(builder.buffer("Q", .shared, rows: rows, columns: shape.headDim, type: shape.dataType)),
      qFull: builder.barrier("Q full", .completion),
      k: builder.ring(
        "K", rows: keyTile, columns: shape.headDim, type: shape.dataType, slots: 2, consumers: 2,
        mechanism: .completion),
      probabilities: TileRef(
        builder.buffer("P", .shared, rows: rows, columns: keyTile, type: shape.dataType)),
      scale: vector("scale"), maximum: vector("m"), sum: vector("l"),
      step: builder.barrier("block", .named, arrivals: 2), ready: builder.barrier("P ready", .named),
      statistics: builder.barrier("statistics ready", .named),
      staged: builder.barrier("O staged", .named, arrivals: 2))
    let halves = (0..<2).map { group in
      ConsumerBuffers(
        builder: &builder, group: group, rows: rows, keyTile: keyTile, headDimV: half, type: shape.dataType,
        probabilitiesInRegisters: true, exponential: .fused)
    }
    addSoftmaxGroup(&builder, shared, halves[0], right: halves[1].output)
    addCopyGroup(&builder, shared, halves[1])
    let (space, lengths) = items.make()
    let sharedBytes =
      (rows + 2 * keyTile) * shape.headDim * 2 + rows * keyTile * 2 + 1024
    return try builder.build(
      items: space, policy: .ranges(lengths: lengths, order: .rowTilesSlowest),
      footprint: Footprint(threads: 256, registersPerThread: 255, sharedBytes: sharedBytes), on: device)
  }

  // MARK: The warpgroup with the scores

  private func addSoftmaxGroup(
    _ builder: inout KernelBuilder<Steps>, _ shared: Shared, _ registers: ConsumerBuffers, right: TileRef
  ) {
    let softmax = registers.softmax
    let lanes = Double(rows * SoftmaxSteps.lanesPerRow)
    func step(isMasked: Bool) -> [Operation] {
      var operations = meet(shared)
      operations.append(scores(registers, shared))
      operations.append(Operation("S is done", .sync, waits: [registers.scoresDone]))
      if isMasked {
        operations.append(
          softmax.mask(
            keyTile: TileCoordinate(rows: keyTile, index: .walk(offset: 0)),
            queryTile: TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))))
      }
      operations += [
        softmax.updateMaximum(), softmax.exponentiate(), softmax.updateSum(), registers.convert,
        Operation(
          "hand over P and scales", .vector,
          work: .of {
            $0.sharedWrite = Double(rows * keyTile) * element + lanes * 4
            $0.otherInstructions = Double(rows * keyTile) / 8 + lanes
          }, chain: Chain(shared: 1), signals: [shared.ready],
          action: .sequence([
            .convert(registers.probabilities, into: shared.probabilities),
            .convert(softmax.scale, into: shared.scale),
          ])),
        softmax.rescaleOutput(),
        output(registers.output, a: registers.probabilities, left: true, shared, done: registers.outputDone),
        Operation("O is done", .sync, waits: [registers.outputDone], signals: [shared.k.empty]),
      ]
      return operations
    }
    let handOver = Operation(
      "hand over statistics", .vector,
      work: .of {
        $0.sharedWrite = 2 * lanes * 4
        $0.otherInstructions = 2 * lanes
      }, chain: Chain(shared: 1), signals: [shared.statistics],
      action: .sequence([
        .convert(softmax.maximum, into: shared.maximum), .convert(softmax.sum, into: shared.sum),
      ]))
    builder.actor(
      "warpgroup 0", warps: 4,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: registers.clear),
        Block(trips: .count(\Steps.masked), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .count(\Steps.whole), stepsPerTrip: 1, operations: step(isMasked: false)),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: [handOver]),
      ] + epilogue(registers, shared, right: right))
  }

  private func scores(_ registers: ConsumerBuffers, _ shared: Shared) -> Operation {
    Operation(
      "S = Q K^T", .tensorAsync,
      work: .of {
        $0.matrixFlops = 2 * Double(rows * keyTile * shape.headDim)
        $0.matrixInstructions = Double(shape.headDim / 16)
        $0.sharedRead = Double((rows + keyTile) * shape.headDim) * element
      }, waits: [shared.k.full], signals: [registers.scoresDone],
      action: .matmul(
        into: registers.scores, a: shared.q, b: TileRef(shared.k.buffer, .step(offset: 0)), transposeA: false,
        transposeB: true, accumulate: false))
  }

  /// The product with half of the values, which are columns of the keys.
  private func output(_ into: TileRef, a: TileRef, left: Bool, _ shared: Shared, done: BarrierID) -> Operation
  {
    Operation(
      "O += P V", .tensorAsyncRegisters,
      work: .of {
        $0.matrixFlops = 2 * Double(rows * keyTile * half)
        $0.matrixInstructions = Double(keyTile / 16)
        $0.sharedRead = Double(keyTile * half) * element
      }, signals: [done],
      action: .matmul(
        into: into, a: a,
        b: TileRef(
          shared.k.buffer, .step(offset: 0), columns: left ? 0..<half : half..<2 * half), transposeA: false,
        transposeB: false, accumulate: true))
  }

  /// All warps meet.
  private func meet(_ shared: Shared) -> [Operation] {
    [
      Operation("arrive", .sync, signals: [shared.step]), Operation("meet", .sync, waits: [shared.step]),
    ]
  }

  // MARK: The warpgroup with the copies

  private func addCopyGroup(
    _ builder: inout KernelBuilder<Steps>, _ shared: Shared, _ registers: ConsumerBuffers
  ) {
    let softmax = registers.softmax
    let lanes = Double(rows * SoftmaxSteps.lanesPerRow)
    func step(loadsNext: Bool) -> [Operation] {
      [Operation("wait for K", .sync, waits: [shared.k.full])] + meet(shared)
        + (loadsNext ? [loadKeys(shared, offset: 1)] : []) + [
          Operation("wait for P", .sync, waits: [shared.ready]),
          Operation(
            "take P and scales", .vector,
            work: .of {
              $0.sharedRead = Double(rows * keyTile) * element + lanes * 4
              $0.otherInstructions = Double(rows * keyTile) / 8 + lanes
            }, chain: Chain(shared: 1),
            action: .sequence([
              .convert(shared.probabilities, into: registers.probabilities),
              .convert(shared.scale, into: softmax.scale),
            ])),
          softmax.rescaleOutput(),
          output(
            registers.output, a: registers.probabilities, left: false, shared, done: registers.outputDone),
          Operation("O is done", .sync, waits: [registers.outputDone], signals: [shared.k.empty]),
        ]
    }
    builder.actor(
      "warpgroup 1", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: registers.clear + [lookUp(registers), loadQuery(shared), loadKeys(shared, offset: 0)]),
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [Operation("Q is there", .sync, waits: [shared.qFull])]),
        Block(trips: .count(\Steps.blocks, offset: -1), stepsPerTrip: 1, operations: step(loadsNext: true)),
        Block(trips: .fixed(1), stepsPerTrip: 1, operations: step(loadsNext: false)),
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation("wait for statistics", .sync, waits: [shared.statistics]),
            Operation(
              "take statistics", .vector,
              work: .of {
                $0.sharedRead = 2 * lanes * 4
                $0.otherInstructions = 2 * lanes
              }, chain: Chain(shared: 1),
              action: .sequence([
                .convert(shared.maximum, into: softmax.maximum), .convert(shared.sum, into: softmax.sum),
              ])),
            softmax.normalise(logSumExp: registers.logSumExp),
          ]),
        Block(
          trips: .count(\Steps.direct), stepsPerTrip: 0, operations: [stage(shared, isPartial: false)]),
        Block(trips: .count(\Steps.partial), stepsPerTrip: 0, operations: [stage(shared, isPartial: true)]),
      ])
  }

  /// The request's length and the page of its first block, one after the other.
  private func lookUp(_ registers: ConsumerBuffers) -> Operation {
    Operation(
      "read length and page", .loadStore, work: .of { $0.tableRead = 8 }, chain: Chain(alu: 20, global: 1),
      action: .fill(registers.output, 0))
  }

  /// Copies of 16 bytes a thread; rows past the last are left out.
  private func loadQuery(_ shared: Shared) -> Operation {
    let bytes = Double(min(rows, shape.seqQ * shape.group) * shape.headDim) * element
    return Operation(
      "load Q", .loadAsync,
      work: .of {
        $0.streamRead = bytes
        $0.sharedWrite = bytes
        $0.otherInstructions = Double(rows * shape.headDim) * element / 16
        $0.alu = Double(rows * shape.headDim) * element / 16
      }, signals: [shared.qFull],
      action: .load(.q, TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0)), into: shared.q))
  }

  private func loadKeys(_ shared: Shared, offset: Int) -> Operation {
    let bytes = Double(keyTile * shape.headDim) * element
    return Operation(
      "load K", .loadAsync,
      work: .of {
        $0.globalRead = Double(min(keyTile, shape.seqKV) * shape.headDim) * element
        $0.sharedWrite = bytes
        $0.otherInstructions = bytes / 16
        $0.alu = bytes / 16
      }, waits: [shared.k.empty], signals: [shared.k.full],
      action: .load(
        .k, TileCoordinate(rows: keyTile, index: .walk(offset: offset)),
        into: TileRef(shared.k.buffer, .step(offset: offset))))
  }

  // MARK: Epilogue

  /// A half into shared memory, in fp32 where it is a partial result.
  private func stage(_ shared: Shared, isPartial: Bool) -> Operation {
    let elements = Double(rows * half)
    return Operation(
      "O to shared memory", .vector,
      work: .of {
        $0.convert = isPartial ? 0 : elements
        $0.sharedWrite = elements * (isPartial ? 4 : element)
        $0.otherInstructions = elements / (isPartial ? 2 : 8)
      }, chain: Chain(alu: 1, shared: 1), signals: [shared.staged])
  }

  /// The first warpgroup stores both halves.
  private func epilogue(_ registers: ConsumerBuffers, _ shared: Shared, right: TileRef) -> [Block] {
    let used = min(rows, shape.seqQ * shape.group)
    let coordinate = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    var second = coordinate
    second.firstColumn = half
    func end(isPartial: Bool) -> [Operation] {
      let size = isPartial ? 4 : element
      let (all, stored) = (Double(rows * shape.headDimV) * size, Double(used * shape.headDimV) * size)
      let tensor = isPartial ? Tensor.partialO : .o
      return [
        stage(shared, isPartial: isPartial), Operation("meet", .sync, waits: [shared.staged]),
        Operation(
          isPartial ? "store partial O" : "store O", .loadStore,
          work: .of {
            $0.sharedRead = all
            $0.globalWrite = stored
            $0.otherInstructions = 2 * all / 16
            $0.alu = all / 16
          }, chain: Chain(alu: 4, shared: 1),
          action: .sequence([
            .store(registers.output, tensor, coordinate), .store(right, tensor, second),
          ])),
        Operation(
          isPartial ? "store partial log-sum-exp" : "store log-sum-exp", .loadStore,
          work: .of { $0.globalWrite = Double(used * 4) },
          action: .store(registers.logSumExp, isPartial ? .partialLogSumExp : .logSumExp, coordinate)),
      ]
    }
    return [
      Block(
        trips: .fixed(1), stepsPerTrip: 0,
        operations: [registers.softmax.normalise(logSumExp: registers.logSumExp)]),
      Block(trips: .count(\Steps.direct), stepsPerTrip: 0, operations: end(isPartial: false)),
      Block(trips: .count(\Steps.partial), stepsPerTrip: 0, operations: end(isPartial: true)),
    ]
  }
}
