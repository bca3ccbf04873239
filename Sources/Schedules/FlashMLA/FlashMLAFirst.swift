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
struct FlashMLAFirst: LatentKernel {
  let shape: AttentionShape
  /// Trips of a piece.
  struct Steps: StepCounts {
    /// Blocks after which another is loaded, and the last.
    var further = 0
    var last = 1
    var masked = 0
    var whole = 0
    /// Whether its output is the call's own, or one to be merged.
    var direct = 0
    var partial = 0
  }

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
    builder.actor("warpgroup 0", warps: 4) { softmaxGroup(&$0, shared, halves[0], right: halves[1].output) }
    builder.actor("warpgroup 1", warps: 4) { copyGroup(&$0, shared, halves[1]) }
    let (space, lengths) = items.make()
    let sharedBytes =
      (rows + 2 * keyTile) * shape.headDim * 2 + rows * keyTile * 2 + 1024
    return try builder.build(
      items: space, policy: .ranges(lengths: lengths, order: .rowTilesSlowest),
      footprint: Footprint(threads: 256, registersPerThread: 255, sharedBytes: sharedBytes), on: device)
  }

  /// All warps meet.
  @OperationList private func meet(_ shared: Shared) -> [Operation] {
    Operation("arrive", .sync, signals: [shared.step])
    Operation("meet", .sync, waits: [shared.step])
  }

  /// The product with half of the values, which are columns of the keys.
  @OperationList private func output(_ own: ConsumerBuffers, columns: Range<Int>, _ shared: Shared)
    -> [Operation]
  {
    Gemm.asynchronous(rows: rows, columns: half, depth: keyTile, registerDepth: keyTile).operation(
      "O += P V", own.probabilities, TileRef(shared.k.buffer, .step(offset: 0), columns: columns),
      into: own.output, accumulate: true, signals: [own.outputDone])
    Operation("O is done", .sync, waits: [own.outputDone], signals: [shared.k.empty])
  }

  // MARK: The warpgroup with the scores

  private func softmaxGroup(
    _ actor: inout ActorBuilder<Steps>, _ shared: Shared, _ own: ConsumerBuffers, right: TileRef
  ) {
    actor.once { own.clear }
    actor.each(\.masked) { step(shared, own, isMasked: true) }
    actor.each(\.whole) { step(shared, own, isMasked: false) }
    actor.once { handOverStatistics(own.softmax, shared) }
    actor.once { own.softmax.normalise(logSumExp: own.logSumExp) }
    actor.when(\.direct) { store(shared, own, right: right, isPartial: false) }
    actor.when(\.partial) { store(shared, own, right: right, isPartial: true) }
  }

  @OperationList private func step(_ shared: Shared, _ own: ConsumerBuffers, isMasked: Bool) -> [Operation] {
    let softmax = own.softmax
    meet(shared)
    Gemm.asynchronous(rows: rows, columns: keyTile, depth: shape.headDim).operation(
      "S = Q K^T", shared.q, TileRef(shared.k.buffer, .step(offset: 0)), into: own.scores, transposed: .b,
      accumulate: false, waits: [shared.k.full], signals: [own.scoresDone])
    Operation("S is done", .sync, waits: [own.scoresDone])
    if isMasked { mask(softmax) }
    softmax.updateMaximum()
    softmax.exponentiate()
    softmax.updateSum()
    own.convert
    handOverProbabilities(own, shared)
    softmax.rescaleOutput()
    output(own, columns: 0..<half, shared)
  }

  private func handOverProbabilities(_ own: ConsumerBuffers, _ shared: Shared) -> Operation {
    exchange(
      "hand over P and scales", elements: rows * keyTile, numbers: 1, isWrite: true, signals: [shared.ready],
      [
        .convert(own.probabilities, into: shared.probabilities),
        .convert(own.softmax.scale, into: shared.scale),
      ])
  }

  private func handOverStatistics(_ softmax: SoftmaxSteps, _ shared: Shared) -> Operation {
    exchange(
      "hand over statistics", numbers: 2, isWrite: true, signals: [shared.statistics],
      [.convert(softmax.maximum, into: shared.maximum), .convert(softmax.sum, into: shared.sum)])
  }

  /// Elements of 16 bit and numbers of each row through shared memory, from one warpgroup to the other.
  private func exchange(
    _ name: String, elements: Int = 0, numbers: Double, isWrite: Bool, signals: [BarrierID] = [],
    _ actions: [Action]
  ) -> Operation {
    let bytes = Double(elements * 2) + numbers * lanes * 4
    return Operation(
      name, .vector,
      work: .of {
        if isWrite { $0.sharedWrite = bytes } else { $0.sharedRead = bytes }
        $0.otherInstructions = Double(elements) / 8 + numbers * lanes
      }, chain: Chain(shared: 1), signals: signals, action: .sequence(actions))
  }

  /// Both halves of the output.
  @OperationList private func store(
    _ shared: Shared, _ own: ConsumerBuffers, right: TileRef, isPartial: Bool
  ) -> [Operation] {
    let rowBytes = Double(shape.headDimV * (isPartial ? 4 : 2))
    let all = Double(rows) * rowBytes
    stage(isPartial: isPartial, signals: [shared.staged])
    Operation("meet", .sync, waits: [shared.staged])
    Operation(
      isPartial ? "store partial O" : "store O", .loadStore,
      work: .of {
        $0.sharedRead = all
        $0.globalWrite = Double(usedRows) * rowBytes
        $0.otherInstructions = 2 * all / 16
        $0.alu = all / 16
      }, chain: Chain(alu: 4, shared: 1), action: storeHalves(own.output, right, isPartial: isPartial))
    storeLogSumExp(own.logSumExp, isPartial: isPartial)
  }

  // MARK: The warpgroup with the copies

  private func copyGroup(_ actor: inout ActorBuilder<Steps>, _ shared: Shared, _ own: ConsumerBuffers) {
    actor.once {
      own.clear
      lookUp(own.output)
      loadQuery(shared)
      loadKeys(shared, ahead: 0)
    }
    actor.once { Operation("Q is there", .sync, waits: [shared.qFull]) }
    actor.each(\.further) { step(shared, own, loadsNext: true) }
    actor.each(\.last) { step(shared, own, loadsNext: false) }
    actor.once {
      Operation("wait for statistics", .sync, waits: [shared.statistics])
      exchange(
        "take statistics", numbers: 2, isWrite: false,
        [.convert(shared.maximum, into: own.softmax.maximum), .convert(shared.sum, into: own.softmax.sum)])
      own.softmax.normalise(logSumExp: own.logSumExp)
    }
    actor.when(\.direct) { stage(isPartial: false, signals: [shared.staged]) }
    actor.when(\.partial) { stage(isPartial: true, signals: [shared.staged]) }
  }

  @OperationList private func step(_ shared: Shared, _ own: ConsumerBuffers, loadsNext: Bool) -> [Operation] {
    Operation("wait for K", .sync, waits: [shared.k.full])
    meet(shared)
    if loadsNext { loadKeys(shared, ahead: 1) }
    Operation("wait for P", .sync, waits: [shared.ready])
    exchange(
      "take P and scales", elements: rows * keyTile, numbers: 1, isWrite: false,
      [
        .convert(shared.probabilities, into: own.probabilities),
        .convert(shared.scale, into: own.softmax.scale),
      ])
    own.softmax.rescaleOutput()
    output(own, columns: half..<2 * half, shared)
  }

  /// Rows past the last are left out of what is written, too.
  private func loadQuery(_ shared: Shared) -> Operation {
    var load = queryCopy.byThreads(into: shared.q, signals: [shared.qFull])
    load.work.sharedWrite = load.work.streamRead
    return load
  }

  private func loadKeys(_ shared: Shared, ahead: Int) -> Operation {
    keyCopy(ahead: ahead, columns: shape.headDim).byThreads(into: shared.k)
  }
}
