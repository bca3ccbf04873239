import Attention
import Programs

/// What the two warpgroups do for a step of two blocks, and after the last.
extension FlashMLASeesaw {
  // MARK: The first warpgroup

  enum Step { case full, toSingle, lastPair, lastSingle }

  func first(_ shared: Shared, _ step: Step) -> [Operation] {
    let own = shared.groups[0]
    let softmax = own.softmax
    let isLast = step == .lastPair || step == .lastSingle
    var operations = softmaxSteps(shared, 0, isMasked: isLast)
    operations += [
      softmax.rescaleOutput(), softmax.exponentiate(), softmax.updateSum(), softmax.convert(),
      Operation("scales are ready", .sync, signals: [own.scaled]),
      output(shared, group: 0, block: 0), wait("O is done", own.localDone),
      wait("wait for scales", shared.groups[1].scaled),
    ]
    if !isLast { operations.append(load(shared, block: 0, right: false, ahead: 2)) }
    operations.append(
      handOver(
        own,
        action: .sequence([
          .rescale(own.scores, scale: shared.groups[1].scale), .convert(own.scores, into: own.handed),
        ]), scaled: true, signals: [shared.ready]))
    if step != .lastSingle {
      operations += [
        wait("wait for the other's product", shared.issued),
        rescale(own, by: [shared.groups[1].scale], sum: true), output(shared, group: 0, block: 1),
      ]
    }
    if !isLast { operations.append(scores(shared, 0, right: false, accumulate: false)) }
    if step != .lastSingle { operations.append(wait("O is done", own.remoteDone)) }
    if step == .full { operations.append(load(shared, block: 1, right: false, ahead: 3)) }
    if !isLast {
      operations += [
        scores(shared, 0, right: true, accumulate: true), wait("S is there", own.scoresDone),
        wait("S is there", own.scoresDone),
      ]
    }
    return operations
  }

  /// Mask and maximum of a block; the running maximum is in shared memory.
  func softmaxSteps(_ shared: Shared, _ index: Int, isMasked: Bool) -> [Operation] {
    let softmax = shared.groups[index].softmax
    var maximum = softmax.updateMaximum()
    maximum.chain.shared += 2
    maximum.work.sharedRead += lanes * 4
    maximum.work.sharedWrite += 2 * Double(rows * 4)
    guard isMasked else { return [maximum] }
    return [
      softmax.mask(
        keyTile: TileCoordinate(rows: keyTile, index: .walk(offset: index)),
        queryTile: TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))), maximum,
    ]
  }

  func addFirst(_ builder: inout KernelBuilder<Steps>, _ shared: Shared) {
    let own = shared.groups[0]
    let queryBytes = Double(min(rows, shape.seqQ * shape.group) * shape.headDim) * element
    let prologue = [
      lookUp(own),
      Operation(
        "load Q", .copyAsync,
        work: .of {
          $0.streamRead = queryBytes
          $0.sharedWrite = Double(rows * shape.headDim) * element
        }, signals: [shared.qFull],
        action: .load(.q, TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0)), into: shared.q)),
      load(shared, block: 0, right: false, ahead: 0),
    ]
    let start = [
      Operation("m = -inf", .sync, action: .fill(shared.maximum, -Double.infinity)),
      Operation("l = 0", .sync, action: .fill(own.sum, 0)), wait("Q is there", shared.qFull),
      scores(shared, 0, right: false, accumulate: false), scores(shared, 0, right: true, accumulate: true),
      wait("S is there", own.scoresDone), wait("S is there", own.scoresDone),
    ]
    builder.actor(
      "warpgroup 0", warps: 4,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: prologue),
        Block(
          trips: .count(\Steps.second), stepsPerTrip: 0,
          operations: [load(shared, block: 1, right: false, ahead: 1)]),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: start),
        Block(trips: .count(\Steps.full), stepsPerTrip: 2, operations: first(shared, .full)),
        Block(trips: .count(\Steps.toSingle), stepsPerTrip: 2, operations: first(shared, .toSingle)),
        Block(trips: .count(\Steps.lastPair), stepsPerTrip: 2, operations: first(shared, .lastPair)),
        Block(trips: .count(\Steps.lastSingle), stepsPerTrip: 1, operations: first(shared, .lastSingle)),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: addSums(shared, 0)),
        Block(trips: .count(\Steps.direct), stepsPerTrip: 0, operations: store(shared, isPartial: false)),
        Block(trips: .count(\Steps.partial), stepsPerTrip: 0, operations: store(shared, isPartial: true)),
      ])
  }

  // MARK: The second warpgroup

  func second(_ shared: Shared, _ step: Step) -> [Operation] {
    let own = shared.groups[1]
    let softmax = own.softmax
    let isLast = step == .lastPair || step == .lastSingle
    var operations = [wait("wait for scales", shared.groups[0].scaled)]
    let other = shared.groups[0].scale
    if step == .lastSingle {
      // There is no block of its own: its scale is one.
      operations += [
        Operation("scale = 1", .vector, work: .of { $0.alu = lanes }, action: .fill(own.scale, 1)),
        rescale(own, by: [other], sum: true),
        Operation("scales are ready", .sync, signals: [own.scaled]),
      ]
    } else {
      operations += softmaxSteps(shared, 1, isMasked: isLast || step == .toSingle)
      // The sum of the first warpgroup's blocks is its own: here only what came before is scaled.
      var sum = softmax.updateSum()
      sum.action = .sequence([
        .rescale(own.sum, scale: other),
        .updateSum(probabilities: own.scores, sum: own.sum, scale: own.scale),
      ])
      operations += [
        softmax.exponentiate(), softmax.convert(), sum, rescale(own, by: [other, own.scale], sum: false),
        Operation("scales are ready", .sync, signals: [own.scaled]),
        handOver(own, action: .convert(own.probabilities, into: own.handed), scaled: false, signals: []),
        output(shared, group: 1, block: 1),
      ]
    }
    operations += [wait("wait for P", shared.ready), output(shared, group: 1, block: 0)]
    if step != .lastSingle {
      operations += [
        Operation("product is issued", .sync, signals: [shared.issued]), wait("O is done", own.localDone),
      ]
    }
    if step == .full { operations.append(load(shared, block: 1, right: true, ahead: 3)) }
    operations.append(wait("O is done", own.remoteDone))
    if !isLast { operations.append(load(shared, block: 0, right: true, ahead: 2)) }
    if step == .full {
      operations += [
        scores(shared, 1, right: true, accumulate: false), scores(shared, 1, right: false, accumulate: true),
        wait("S is there", own.scoresDone), wait("S is there", own.scoresDone),
      ]
    }
    return operations
  }

  func addSecond(_ builder: inout KernelBuilder<Steps>, _ shared: Shared) {
    let own = shared.groups[1]
    let start = [
      lookUp(own), load(shared, block: 0, right: true, ahead: 0),
      Operation("l = 0", .sync, action: .fill(own.sum, 0)),
    ]
    let scores = [
      load(shared, block: 1, right: true, ahead: 1), wait("Q is there", shared.qFull),
      scores(shared, 1, right: true, accumulate: false), scores(shared, 1, right: false, accumulate: true),
      wait("S is there", own.scoresDone), wait("S is there", own.scoresDone),
    ]
    builder.actor(
      "warpgroup 1", warps: 4,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: start),
        Block(trips: .count(\Steps.second), stepsPerTrip: 0, operations: scores),
        Block(trips: .count(\Steps.full), stepsPerTrip: 2, operations: second(shared, .full)),
        Block(trips: .count(\Steps.toSingle), stepsPerTrip: 2, operations: second(shared, .toSingle)),
        Block(trips: .count(\Steps.lastPair), stepsPerTrip: 2, operations: second(shared, .lastPair)),
        Block(trips: .count(\Steps.lastSingle), stepsPerTrip: 1, operations: second(shared, .lastSingle)),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: addSums(shared, 1)),
        Block(trips: .count(\Steps.direct), stepsPerTrip: 0, operations: [stage(shared, isPartial: false)]),
        Block(trips: .count(\Steps.partial), stepsPerTrip: 0, operations: [stage(shared, isPartial: true)]),
      ])
  }

  // MARK: Epilogue

  /// Both warpgroups' row sums together, and the output over them.
  func addSums(_ shared: Shared, _ index: Int) -> [Operation] {
    let own = shared.groups[index]
    var normalise = own.softmax.normalise(logSumExp: own.logSumExp)
    normalise.action = .normalise(
      output: own.output, sum: own.total, maximum: shared.maximum, logSumExp: own.logSumExp)
    return [
      Operation(
        "sum to shared memory", .vector,
        work: .of {
          $0.shuffle = 2 * lanes
          $0.fma = 2 * lanes
          $0.sharedWrite = Double(rows * 4)
        }, chain: Chain(alu: 2, shuffle: 2, shared: 1), signals: [shared.sums],
        action: .convert(own.sum, into: own.sharedSum)),
      Operation(
        "add sums", .vector,
        work: .of {
          $0.fma = lanes
          $0.sharedRead = lanes * 4
        }, chain: Chain(alu: 1, shared: 1), waits: [shared.sums],
        action: .sequence([
          .convert(shared.groups[0].sharedSum, into: own.total),
          .add(shared.groups[1].sharedSum, into: own.total),
        ])), normalise,
    ]
  }

  func stage(_ shared: Shared, isPartial: Bool) -> Operation {
    let elements = Double(rows * half)
    return Operation(
      "O to shared memory", .vector,
      work: .of {
        $0.convert = isPartial ? 0 : elements
        $0.sharedWrite = elements * (isPartial ? 4 : element)
        $0.otherInstructions = elements / (isPartial ? 2 : 8)
      }, chain: Chain(alu: 1, shared: 1), signals: [shared.staged])
  }

  func store(_ shared: Shared, isPartial: Bool) -> [Operation] {
    let used = Double(min(rows, shape.seqQ * shape.group))
    let bytes = used * Double(shape.headDimV) * (isPartial ? 4 : element)
    let coordinate = TileCoordinate(rows: rows, index: .item(scale: 1, offset: 0))
    var second = coordinate
    second.firstColumn = half
    let tensor = isPartial ? Tensor.partialO : .o
    return [
      stage(shared, isPartial: isPartial), Operation("meet", .sync, waits: [shared.staged]),
      Operation(
        isPartial ? "store partial O" : "store O", .copyAsync,
        work: .of {
          $0.sharedRead = bytes
          $0.globalWrite = bytes
        }, signals: [shared.stored],
        action: .sequence([
          .store(shared.groups[0].output, tensor, coordinate),
          .store(shared.groups[1].output, tensor, second),
        ])),
      Operation(
        isPartial ? "store partial log-sum-exp" : "store log-sum-exp", .loadStore,
        work: .of { $0.globalWrite = used * 4 }, chain: Chain(alu: 6, exp: 1, shared: 1),
        action: .store(
          shared.groups[0].logSumExp, isPartial ? .partialLogSumExp : .logSumExp, coordinate)),
      Operation("O is read", .sync, waits: [shared.stored]),
    ]
  }
}
