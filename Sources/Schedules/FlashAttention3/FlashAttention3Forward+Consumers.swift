import Attention
import HWModels
import Programs

/// A consumer warpgroup of FlashAttention-3's forward pass: scores of a step beside the output of the one before, softmax
/// meanwhile, then the epilogue.
extension FlashAttention3Forward {
  /// Where consumers meet before the copy engine stores their rows together: O lies where Q lay, which all must have read.
  struct Meetings {
    let read: BarrierID
    let written: BarrierID

    init(_ builder: inout KernelBuilder<Steps>, consumers: Int) {
      read = builder.barrier("all have read", .named, arrivals: consumers)
      written = builder.barrier("O written", .named, arrivals: consumers)
    }
  }

  func addConsumer(
    _ builder: inout KernelBuilder<Steps>, group: Int, q: Ring, k: [Ring],
    v: [Ring], turns: [BarrierID], meetings: Meetings?,
    hand: WorkHand?
  ) {
    let rows = 64
    let warpgroup = ConsumerBuffers(
      builder: &builder, group: group, rows: rows, keyTile: tile.keyTile, headDimV: tile.headDimV,
      type: shape.dataType, probabilitiesInRegisters: tile.probabilitiesInRegisters, exponential: exponential)
    let softmax = warpgroup.softmax
    let (width, widthV) = (tile.headDim / parts, tile.headDimV / parts)
    let scoreProduct = Gemm.asynchronous(rows: rows, columns: tile.keyTile, depth: width)
    func scores(_ turn: [BarrierID]) -> [Operation] {
      k.enumerated().map { part, ring in
        let columns = parts == 1 ? nil : part * width..<(part + 1) * width
        return scoreProduct.operation(
          "S = Q K^T", TileRef(q.buffer, .item, rows: group * rows..<(group + 1) * rows, columns: columns),
          TileRef(ring.buffer, .step(offset: 0)), into: warpgroup.scores, transposed: .b,
          accumulate: part > 0,
          waits: [ring.full] + (part == 0 ? turn : []), signals: [warpgroup.scoresDone])
      }
    }
    let outputProduct = Gemm.asynchronous(
      rows: rows, columns: widthV, depth: tile.keyTile,
      registerDepth: tile.probabilitiesInRegisters ? tile.keyTile : 0)
    let accumulate = v.enumerated().map { part, ring in
      outputProduct.operation(
        "O += P V", warpgroup.probabilities, TileRef(ring.buffer, .step(offset: -1)),
        into: TileRef(
          warpgroup.output.buffer, columns: parts == 1 ? nil : part * widthV..<(part + 1) * widthV),
        accumulate: true, waits: [ring.full], signals: [warpgroup.outputDone])
    }
    /// Gives back the parts of a tile as the products that read them complete.
    func release(_ name: String, _ rings: [Ring], _ done: BarrierID) -> [Operation] {
      rings.map { Operation(name, .sync, waits: [done], signals: [$0.empty]) }
    }
    let loopControl = Operation(
      "loop control", .vector, work: .of { $0.otherInstructions = 128 * loopInstructions })
    let mask = mask(softmax, isFirst: false, group: group)
    let rescaleBeforeProduct = tile.headDimV > 128

    /// One step in the steady state: scores of this step, output of the one before, softmax meanwhile.
    func step(isMasked: Bool) -> [Operation] {
      var operations: [Operation] = []
      operations.append(loopControl)
      operations += scores(pingPong ? [turns[group]] : [])
      if rescaleBeforeProduct { operations.append(softmax.rescaleOutput()) }
      operations += accumulate
      if pingPong {
        operations.append(
          Operation("pass the turn", .sync, signals: [turns[(group + 1) % turns.count]]))
      }
      operations += release("release K", k, warpgroup.scoresDone)
      if isMasked { operations.append(mask) }
      operations += [softmax.updateMaximum(), softmax.exponentiate(), softmax.updateSum()]
      operations += release("release V", v, warpgroup.outputDone)
      operations.append(warpgroup.convert)
      if !rescaleBeforeProduct { operations.append(softmax.rescaleOutput()) }
      return operations
    }

    // The first step has no output product beside it and takes no turn.
    func begin(_ mask: Operation) -> [Operation] {
      [Operation("wait for Q", .sync, waits: [q.full])] + scores([])
        + release("release K", k, warpgroup.scoresDone) + [
          mask, softmax.updateMaximum(), softmax.exponentiate(), softmax.updateSum(), warpgroup.convert,
        ]
    }
    var first = [
      Block(
        trips: .count(\Steps.first), stepsPerTrip: 1,
        operations: begin(self.mask(softmax, isFirst: true, group: group)))
    ]
    if blocks != nil {
      // A whole block is checked against the end of the keys, without the mask rule.
      var check = mask
      check.work = .of { $0.alu = Double(rows * tile.keyTile) }
      first.append(
        Block(trips: .count(\Steps.firstWhole), stepsPerTrip: 1, operations: begin(check)))
    }
    // All scores are there: the next work item's queries may come beside the last product.
    let end =
      [Operation("release Q", .sync, signals: [q.empty])]
      + (rescaleBeforeProduct ? [softmax.rescaleOutput()] : []) + accumulate
      + release("release V", v, warpgroup.outputDone)
    let variants = (hasUnevenParts ? [false, true] : [splits > 1]).map { isPartial in
      (
        trips: self.outputs(isPartial: isPartial),
        operations: epilogue(
          warpgroup, group: group, rows: rows, meetings: meetings, isPartial: isPartial)
      )
    }
    // Shared memory of V holds O until the threads that store it have read it.
    let given = hand.map { [Operation("give back V", .sync, signals: [$0.outputStored])] } ?? []
    let outputs =
      variants.map { Block(trips: $0.trips, stepsPerTrip: 0, operations: $0.operations.rounding) } + [
        Block(trips: .count(\Steps.any), stepsPerTrip: 0, operations: given)
      ] + variants.map { Block(trips: $0.trips, stepsPerTrip: 0, operations: $0.operations.storing) }
    builder.actor(
      "warpgroup \(group)", warps: 4,
      blocks: beginnings(warps: 4) + [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: (hand.map { [$0.readLengths(threads: 128, instructions: 105, reads: 4)] } ?? [])
            + warpgroup.clear)
      ] + first + [
        Block(trips: .count(\Steps.masked), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .count(\Steps.whole), stepsPerTrip: 1, operations: step(isMasked: false)),
        Block(trips: .count(\Steps.edge), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .count(\Steps.any), stepsPerTrip: 0, operations: end),
        Block(
          trips: .fixed(hand == nil ? 0 : 1), stepsPerTrip: 0,
          operations: hand.map { $0.take + [$0.readLengths(threads: 128, instructions: 60, reads: 6)] } ?? []),
      ] + outputs)
  }

  /// Forbidden scores to minus infinity. Under a block mask the kernel evaluates the mask's own rule for every score
  /// (flash_attn/cute/mask.py: rows outside, columns inside, both unrolled), on the first step the ends of both
  /// sequences too.
  private func mask(_ softmax: SoftmaxSteps, isFirst: Bool, group: Int) -> Operation {
    let rows = 64
    var mask = softmax.mask(
      keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
      queryTile: TileCoordinate(rows: rows, index: .item(scale: tile.warpgroups, offset: group)))
    if blocks != nil {
      let scores = Double(rows * tile.keyTile)
      // An accumulator lane holds two rows.
      mask.work = MaskCode(shape.mask).work(scores: scores, rowsPerLane: 2)
      if isFirst { mask.work.alu += scores + scores / 2 }
    } else if case .slidingWindow = shape.mask, !isCute {
      // Right and left end and the end of the sinks are compared with every key's number, and combined; a select. Counted:
      // 466 of such instructions for 96 scores of a lane.
      mask.work = .of { $0.alu = 5 * Double(rows * tile.keyTile) }
    }
    return mask
  }

  /// Normalise, round, through shared memory; then to device memory.
  private func epilogue(
    _ warpgroup: ConsumerBuffers, group: Int, rows: Int, meetings: Meetings?, isPartial: Bool
  ) -> (rounding: [Operation], storing: [Operation]) {
    let elements = Double(rows * tile.headDimV)
    let bytes = elements * Double(isPartial ? 4 : element)
    // Rows past the end of the only tile of a sequence are not written.
    let used = usedRows(group: group, rows: rows)
    let written = bytes * used / Double(rows)
    let coordinate = TileCoordinate(
      rows: rows, index: .item(scale: tile.warpgroups, offset: group))
    var toShared = Operation(
      "O to shared memory", .vector,
      work: .of {
        $0.convert = isPartial ? 0 : elements
        $0.sharedWrite = isPartial ? 0 : elements * Double(element)
        $0.otherInstructions = isPartial ? 0 : elements / 8
      }, chain: Chain(alu: 1, shared: isPartial ? 0 : 1))
    let fromShared = Operation(
      "O from shared memory", .vector,
      work: .of {
        $0.sharedRead = bytes
        $0.otherInstructions = bytes / 16
      }, chain: Chain(shared: 1))
    // Each row's address is computed by a lane and told to those that store it, 2 KiB at a time.
    let passes = max(Int(written) / 2048, 1)
    let storeByThreads = Operation(
      "store O", .loadStore,
      work: .of {
        $0.globalWrite = written
        $0.otherInstructions = bytes / 16 + 128 * 100
        $0.alu = bytes / 16
      }, chain: Chain(alu: 4 * passes, shuffle: passes),
      action: .store(warpgroup.output, isPartial ? .partialO : .o, coordinate))
    let storeByCopyEngine = Operation(
      "store O", .copyAsync,
      work: .of {
        $0.sharedRead = elements * Double(element)
        $0.globalWrite = elements * Double(element)
      }, waits: meetings.map { [$0.written] } ?? [], signals: [warpgroup.stored],
      action: .store(warpgroup.output, .o, coordinate))
    let storeLogSumExp = Operation(
      "store log-sum-exp", .loadStore, work: .of { $0.globalWrite = used * 4 },
      waits: threadsStore ? [] : [warpgroup.stored],
      action: .store(warpgroup.logSumExp, isPartial ? .partialLogSumExp : .logSumExp, coordinate))
    if let meetings { (toShared.waits, toShared.signals) = ([meetings.read], [meetings.written]) }
    let meet = meetings.map { [Operation("all have read", .sync, signals: [$0.read])] } ?? []
    return (
      [warpgroup.softmax.normalise(logSumExp: warpgroup.logSumExp)] + meet + [toShared]
        + (threadsStore && !isPartial ? [fromShared] : []),
      [threadsStore ? storeByThreads : storeByCopyEngine, storeLogSumExp]
    )
  }

  /// Rows of a warpgroup's share of a tile that exist: all where a sequence has several tiles.
  private func usedRows(group: Int, rows: Int) -> Double {
    threadsStore && (tiles.tilesPerSequence == 1 || shape.hasQueryLengths)
      ? tiles.usedRows(from: group * rows, count: rows) : Double(rows)
  }
}
