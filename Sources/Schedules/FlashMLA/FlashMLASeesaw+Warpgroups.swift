import Attention
import Programs

/// What the two warpgroups do for a step of two blocks, and after the last.
extension FlashMLASeesaw {
  /// A step, by the blocks that come after its two, or its last one.
  enum Step {
    case full, toSingle, lastPair, lastSingle
    var isLast: Bool { self == .lastPair || self == .lastSingle }
  }

  /// Scores of the next block, whose halves complete one after the other.
  @OperationList private func scores(_ shared: Shared, _ index: Int, first isRight: Bool) -> [Operation] {
    scores(shared, index, right: isRight, accumulate: false)
    scores(shared, index, right: !isRight, accumulate: true)
    waitForScores(shared, index)
  }

  @OperationList private func waitForScores(_ shared: Shared, _ index: Int) -> [Operation] {
    wait("S is there", shared.groups[index].scoresDone)
    wait("S is there", shared.groups[index].scoresDone)
  }

  /// Mask and maximum of a block; the running maximum is in shared memory.
  @OperationList private func maximum(_ shared: Shared, _ index: Int, isMasked: Bool) -> [Operation] {
    let softmax = shared.groups[index].softmax
    if isMasked { mask(softmax, ahead: index) }
    softmax.updateMaximum().adding(
      .of {
        $0.sharedRead = lanes * 4
        $0.sharedWrite = 2 * Double(rows * 4)
      }, shared: 2)
  }

  // MARK: The first warpgroup

  func firstGroup(_ actor: inout ActorBuilder<Steps>, _ shared: Shared) {
    let own = shared.groups[0]
    actor.once {
      lookUp(own.output)
      queryCopy.byCopyEngine(into: shared.q, signals: [shared.qFull])
      load(shared, block: 0, right: false, ahead: 0)
    }
    actor.when(\.second) { load(shared, block: 1, right: false, ahead: 1) }
    actor.once {
      Operation("m = -inf", .sync, action: .fill(shared.maximum, -Double.infinity))
      Operation("l = 0", .sync, action: .fill(own.sum, 0))
      wait("Q is there", shared.qFull)
      scores(shared, 0, first: false)
    }
    actor.each(\.full, steps: 2) { first(shared, .full) }
    actor.each(\.toSingle, steps: 2) { first(shared, .toSingle) }
    actor.each(\.lastPair, steps: 2) { first(shared, .lastPair) }
    actor.each(\.lastSingle) { first(shared, .lastSingle) }
    actor.once { addSums(shared, 0) }
    actor.when(\.direct) { store(shared, isPartial: false) }
    actor.when(\.partial) { store(shared, isPartial: true) }
  }

  @OperationList private func first(_ shared: Shared, _ step: Step) -> [Operation] {
    let (own, other) = (shared.groups[0], shared.groups[1])
    let softmax = own.softmax
    maximum(shared, 0, isMasked: step.isLast)
    softmax.rescaleOutput()
    softmax.exponentiate()
    softmax.updateSum()
    softmax.convert()
    Operation("scales are ready", .sync, signals: [own.scaled])
    output(shared, group: 0, block: 0)
    wait("O is done", own.localDone)
    wait("wait for scales", other.scaled)
    if !step.isLast { load(shared, block: 0, right: false, ahead: 2) }
    handOver(
      own,
      action: .sequence([.rescale(own.scores, scale: other.scale), .convert(own.scores, into: own.handed)]),
      scaled: true, signals: [shared.ready])
    if step != .lastSingle {
      wait("wait for the other's product", shared.issued)
      rescale(own, by: [other.scale], sum: true)
      output(shared, group: 0, block: 1)
    }
    if !step.isLast { scores(shared, 0, right: false, accumulate: false) }
    if step != .lastSingle { wait("O is done", own.remoteDone) }
    if step == .full { load(shared, block: 1, right: false, ahead: 3) }
    if !step.isLast {
      scores(shared, 0, right: true, accumulate: true)
      waitForScores(shared, 0)
    }
  }

  // MARK: The second warpgroup

  func secondGroup(_ actor: inout ActorBuilder<Steps>, _ shared: Shared) {
    let own = shared.groups[1]
    actor.once {
      lookUp(own.output)
      load(shared, block: 0, right: true, ahead: 0)
      Operation("l = 0", .sync, action: .fill(own.sum, 0))
    }
    actor.when(\.second) {
      load(shared, block: 1, right: true, ahead: 1)
      wait("Q is there", shared.qFull)
      scores(shared, 1, first: true)
    }
    actor.each(\.full, steps: 2) { second(shared, .full) }
    actor.each(\.toSingle, steps: 2) { second(shared, .toSingle) }
    actor.each(\.lastPair, steps: 2) { second(shared, .lastPair) }
    actor.each(\.lastSingle) { second(shared, .lastSingle) }
    actor.once { addSums(shared, 1) }
    actor.when(\.direct) { stage(isPartial: false, signals: [shared.staged]) }
    actor.when(\.partial) { stage(isPartial: true, signals: [shared.staged]) }
  }

  @OperationList private func second(_ shared: Shared, _ step: Step) -> [Operation] {
    let own = shared.groups[1]
    wait("wait for scales", shared.groups[0].scaled)
    if step == .lastSingle { takeScales(shared) } else { ownBlock(shared, step) }
    wait("wait for P", shared.ready)
    output(shared, group: 1, block: 0)
    if step != .lastSingle {
      Operation("product is issued", .sync, signals: [shared.issued])
      wait("O is done", own.localDone)
    }
    if step == .full { load(shared, block: 1, right: true, ahead: 3) }
    wait("O is done", own.remoteDone)
    if !step.isLast { load(shared, block: 0, right: true, ahead: 2) }
    if step == .full { scores(shared, 1, first: true) }
  }

  /// There is no block of its own: its scale is one.
  @OperationList private func takeScales(_ shared: Shared) -> [Operation] {
    let own = shared.groups[1]
    Operation("scale = 1", .vector, work: .of { $0.alu = lanes }, action: .fill(own.scale, 1))
    rescale(own, by: [shared.groups[0].scale], sum: true)
    Operation("scales are ready", .sync, signals: [own.scaled])
  }

  /// Softmax and product of the second block.
  @OperationList private func ownBlock(_ shared: Shared, _ step: Step) -> [Operation] {
    let (own, other) = (shared.groups[1], shared.groups[0].scale)
    let softmax = own.softmax
    maximum(shared, 1, isMasked: step != .full)
    softmax.exponentiate()
    softmax.convert()
    // The sum of the first warpgroup's blocks is its own: here only what came before is scaled.
    softmax.updateSum().computing(
      .sequence([
        .rescale(own.sum, scale: other),
        .updateSum(probabilities: own.scores, sum: own.sum, scale: own.scale),
      ]))
    rescale(own, by: [other, own.scale], sum: false)
    Operation("scales are ready", .sync, signals: [own.scaled])
    handOver(own, action: .convert(own.probabilities, into: own.handed), scaled: false, signals: [])
    output(shared, group: 1, block: 1)
  }

  // MARK: Epilogue

  /// Both warpgroups' row sums together, and the output over them.
  @OperationList private func addSums(_ shared: Shared, _ index: Int) -> [Operation] {
    let own = shared.groups[index]
    Operation(
      "sum to shared memory", .vector,
      work: .of {
        $0.shuffle = 2 * lanes
        $0.fma = 2 * lanes
        $0.sharedWrite = Double(rows * 4)
      }, chain: Chain(alu: 2, shuffle: 2, shared: 1), signals: [shared.sums],
      action: .convert(own.sum, into: own.sharedSum))
    Operation(
      "add sums", .vector,
      work: .of {
        $0.fma = lanes
        $0.sharedRead = lanes * 4
      }, chain: Chain(alu: 1, shared: 1), waits: [shared.sums],
      action: .sequence([
        .convert(shared.groups[0].sharedSum, into: own.total),
        .add(shared.groups[1].sharedSum, into: own.total),
      ]))
    own.softmax.normalise(logSumExp: own.logSumExp).computing(
      .normalise(output: own.output, sum: own.total, maximum: shared.maximum, logSumExp: own.logSumExp))
  }

  /// The first warpgroup stores both halves.
  @OperationList private func store(_ shared: Shared, isPartial: Bool) -> [Operation] {
    let bytes = Double(usedRows) * Double(shape.headDimV) * (isPartial ? 4 : 2)
    stage(isPartial: isPartial, signals: [shared.staged])
    Operation("meet", .sync, waits: [shared.staged])
    Operation(
      isPartial ? "store partial O" : "store O", .copyAsync,
      work: .of {
        $0.sharedRead = bytes
        $0.globalWrite = bytes
      }, signals: [shared.stored],
      action: storeHalves(shared.groups[0].output, shared.groups[1].output, isPartial: isPartial))
    storeLogSumExp(
      shared.groups[0].logSumExp, isPartial: isPartial, chain: Chain(alu: 6, exp: 1, shared: 1))
    Operation("O is read", .sync, waits: [shared.stored])
  }
}

extension Operation {
  /// The same with more work, and more accesses to shared memory that wait for each other.
  fileprivate func adding(_ more: Work, shared: Int) -> Operation {
    var copy = self
    copy.work += more
    copy.chain.shared += shared
    return copy
  }

  /// The same work with other numbers.
  fileprivate func computing(_ action: Action) -> Operation {
    var copy = self
    copy.action = action
    return copy
  }
}
