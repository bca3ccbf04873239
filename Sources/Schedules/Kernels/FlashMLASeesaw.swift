import HWModels

/// FlashMLA's kernel of April 2025: two warpgroups take a block each and swap roles within a step of two blocks, so that one's
/// softmax runs beside the other's products; each accumulates half of the columns of the output.
///
/// Expected per step of two blocks (H100, cycles). Tensor: 2 x 1152 of scores and 4 x 512 of output = 4352. Shared memory: scores
/// 2 x (64 KiB of Q, whose last part is in registers, and 72 KiB of keys) / 128 = 2176, output 4 x 256 and 2 x 64 of P
/// from shared memory, 128 for P's writes = 3456. Exp: 2 x 256. The chain that no product covers: softmax of the first block
/// (about 500) while the second warpgroup's scores still run, the second's softmax (500) beside the first's first product
/// (512), P handed over twice with three barriers (300). Measured on an H800 at about 1600 MHz: 660 TFLOP/s, 5350 a step.
struct FlashMLASeesaw {
  let shape: AttentionShape
  static let variables = ["full", "to single", "last pair", "last single", "second", "direct", "partial"]

  private let rows = LatentItems.rows
  private let keyTile = LatentItems.keyTile
  private let element = 2.0
  private var half: Int { shape.headDimV / 2 }
  private var lanes: Double { Double(rows * SoftmaxSteps.lanesPerRow) }

  /// One block of keys in shared memory: the left half of the values, and the rest with the part of position. Each is given
  /// back, and filled again, when the products that read it are done.
  private struct Block64 {
    let left: TileRef
    let right: TileRef
    let leftFull: BarrierID
    let rightFull: BarrierID
  }

  private struct Group {
    let scores: TileRef
    let probabilities: TileRef
    /// Its probabilities for the other warpgroup.
    let handed: TileRef
    let output: TileRef
    let sum: TileRef
    let total: TileRef
    let sharedSum: TileRef
    let scale: TileRef
    let logSumExp: TileRef
    let softmax: SoftmaxSteps
    let scoresDone: BarrierID
    let localDone: BarrierID
    let remoteDone: BarrierID
    /// The scales of its block are there, its probabilities too.
    let scaled: BarrierID
  }

  private struct Shared {
    let q: TileRef
    let qFull: BarrierID
    let blocks: [Block64]
    let groups: [Group]
    let maximum: TileRef
    let ready: BarrierID
    let issued: BarrierID
    let sums: BarrierID
    let staged: BarrierID
    let stored: BarrierID
  }

  func kernel(_ items: LatentItems, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: FlashMLA.name, kernel: "flashmla_fwd")
    for name in Self.variables { _ = builder.variable(name) }
    let shared = makeShared(&builder)
    addFirst(&builder, shared)
    addSecond(&builder, shared)
    let (space, lengths) = items.make()
    let sharedBytes = (rows + 2 * keyTile) * shape.headDim * 2 + rows * keyTile * 2 + 5 * rows * 4 + 152
    return try builder.build(
      items: space, policy: .ranges(lengths: lengths, order: .rowTilesSlowest),
      footprint: Footprint(threads: 256, registersPerThread: 255, sharedBytes: sharedBytes), on: device)
  }

  private func makeShared(_ builder: inout KernelBuilder) -> Shared {
    func vector(_ name: String, _ space: Buffer.Space = .registers) -> TileRef {
      TileRef(builder.buffer(name, space, rows: rows, columns: 1, type: .fp32))
    }
    let type = shape.dataType
    let q = builder.buffer("Q", .shared, rows: rows, columns: shape.headDim, type: type)
    let blocks = (0..<2).map { index in
      Block64(
        left: TileRef(builder.buffer("K\(index) left", .shared, rows: keyTile, columns: half, type: type)),
        right: TileRef(
          builder.buffer(
            "K\(index) right", .shared, rows: keyTile, columns: shape.headDim - half, type: type)),
        leftFull: builder.barrier("K\(index) left full", .memory),
        rightFull: builder.barrier("K\(index) right full", .memory))
    }
    let maximum = vector("m", .shared)
    let groups = (0..<2).map { index -> Group in
      let scores = TileRef(
        builder.buffer("S\(index)", .registers, rows: rows, columns: keyTile, type: .fp32))
      let probabilities = TileRef(
        builder.buffer("P\(index)", .registers, rows: rows, columns: keyTile, type: type))
      let output = TileRef(
        builder.buffer("O\(index)", .registers, rows: rows, columns: half, type: .fp32))
      let sum = vector("l\(index)")
      let scale = vector("scale\(index)", .shared)
      return Group(
        scores: scores, probabilities: probabilities,
        handed: TileRef(
          builder.buffer("P\(index) handed over", .shared, rows: rows, columns: keyTile, type: type)),
        output: output, sum: sum, total: vector("total\(index)"),
        sharedSum: vector("l\(index) shared", .shared), scale: scale, logSumExp: vector("lse\(index)"),
        softmax: SoftmaxSteps(
          rows: rows, keys: keyTile, outputColumns: half, scores: scores, probabilities: probabilities,
          output: output, maximum: maximum, sum: sum, scale: scale, exponential: .fused),
        scoresDone: builder.barrier("S\(index) done", .completion),
        localDone: builder.barrier("O\(index) local done", .completion),
        remoteDone: builder.barrier("O\(index) remote done", .completion),
        scaled: builder.barrier("scale\(index) ready", .named))
    }
    return Shared(
      q: TileRef(q), qFull: builder.barrier("Q full", .memory), blocks: blocks, groups: groups,
      maximum: maximum, ready: builder.barrier("P0 ready", .named),
      issued: builder.barrier("P0 V0 issued", .named),
      sums: builder.barrier("sums ready", .named, arrivals: 2),
      staged: builder.barrier("O staged", .named, arrivals: 2),
      stored: builder.barrier("O stored", .completion))
  }

  // MARK: Copies

  /// The request's length and the page of its first block, one after the other.
  private func lookUp(_ group: Group) -> Operation {
    Operation(
      "read length and page", .loadStore, work: .of { $0.streamRead = 8 }, chain: Chain(alu: 20, global: 1),
      action: .fill(group.output, 0))
  }

  /// A part of the block `ahead` blocks after the step's first. Left halves are copied by the first warpgroup, the others
  /// by the second (before the first block, one thread copies all).
  private func load(_ shared: Shared, block: Int, right: Bool, ahead: Int) -> Operation {
    let target = right ? shared.blocks[block].right : shared.blocks[block].left
    let columns = right ? shape.headDim - half : half
    return Operation(
      "load K\(block) \(right ? "right" : "left")", .copyAsync,
      work: .of {
        $0.globalRead = Double(min(keyTile, shape.seqKV) * columns) * element
        $0.sharedWrite = Double(keyTile * columns) * element
      }, signals: [right ? shared.blocks[block].rightFull : shared.blocks[block].leftFull],
      action: .load(
        .k,
        TileCoordinate(rows: keyTile, index: .walk(offset: ahead), firstColumn: right ? half : 0),
        into: target
      ))
  }

  // MARK: Products

  private func scores(_ shared: Shared, _ index: Int, right: Bool, accumulate: Bool) -> Operation {
    let block = shared.blocks[index]
    let columns = right ? half..<shape.headDim : 0..<half
    // The last 64 columns of Q are in registers: P1 takes their place in shared memory.
    let fromShared = columns.count - (right ? 64 : 0)
    return Operation(
      "S\(index) = Q K\(index)^T, \(right ? "right" : "left")", .tensorAsync,
      work: .of {
        $0.matrixFlops = 2 * Double(rows * keyTile * columns.count)
        $0.matrixInstructions = Double(columns.count / 16)
        $0.sharedRead = Double(rows * fromShared + keyTile * columns.count) * element
      }, waits: [right ? block.rightFull : block.leftFull], signals: [shared.groups[index].scoresDone],
      action: .matmul(
        into: shared.groups[index].scores, a: TileRef(shared.q.buffer, columns: columns),
        b: right ? block.right : block.left, transposeA: false, transposeB: true, accumulate: accumulate))
  }

  /// A product of warpgroup `group` with the values of `block`: its own probabilities from registers, the other's from
  /// shared memory.
  private func output(_ shared: Shared, group: Int, block: Int) -> Operation {
    let own = group == block
    let values = shared.blocks[block]
    return Operation(
      "O\(group) += P\(block) V\(block)", own ? .tensorAsyncRegisters : .tensorAsync,
      work: .of {
        $0.matrixFlops = 2 * Double(rows * keyTile * half)
        $0.matrixInstructions = Double(keyTile / 16)
        $0.sharedRead = Double(keyTile * half + (own ? 0 : rows * keyTile)) * element
      }, signals: [own ? shared.groups[group].localDone : shared.groups[group].remoteDone],
      action: .matmul(
        into: shared.groups[group].output,
        a: own ? shared.groups[block].probabilities : shared.groups[block].handed,
        b: group == 0 ? values.left : TileRef(values.right.buffer, columns: 0..<half), transposeA: false,
        transposeB: false, accumulate: true))
  }

  private func wait(_ name: String, _ barrier: BarrierID) -> Operation {
    Operation(name, .sync, waits: [barrier])
  }

  /// P into shared memory, for the other warpgroup.
  private func handOver(_ group: Group, action: Action, scaled: Bool, signals: [BarrierID]) -> Operation {
    let elements = Double(rows * keyTile)
    return Operation(
      "hand over P", .vector,
      work: .of {
        $0.fma = scaled ? elements : 0
        $0.convert = scaled ? elements : 0
        $0.sharedWrite = elements * element
        $0.otherInstructions = elements / 8
      }, chain: Chain(alu: scaled ? 2 : 0, shared: 1), signals: signals, action: action)
  }

  private func rescale(_ group: Group, by scales: [TileRef], sum: Bool) -> Operation {
    Operation(
      "O = O * scale", .vector,
      work: .of { $0.fma = Double(rows * half) + lanes * Double(scales.count) },
      chain: Chain(alu: 1, shared: 1),
      action: .sequence(
        scales.flatMap { scale -> [Action] in
          [.rescale(group.output, scale: scale)] + (sum ? [.rescale(group.sum, scale: scale)] : [])
        }))
  }

  // MARK: The first warpgroup

  private enum Step { case full, toSingle, lastPair, lastSingle }

  private func first(_ shared: Shared, _ step: Step) -> [Operation] {
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
  private func softmaxSteps(_ shared: Shared, _ index: Int, isMasked: Bool) -> [Operation] {
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

  private func addFirst(_ builder: inout KernelBuilder, _ shared: Shared) {
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
          trips: .variable(4, offset: 0), stepsPerTrip: 0,
          operations: [load(shared, block: 1, right: false, ahead: 1)]),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: start),
        Block(trips: .variable(0, offset: 0), stepsPerTrip: 2, operations: first(shared, .full)),
        Block(trips: .variable(1, offset: 0), stepsPerTrip: 2, operations: first(shared, .toSingle)),
        Block(trips: .variable(2, offset: 0), stepsPerTrip: 2, operations: first(shared, .lastPair)),
        Block(trips: .variable(3, offset: 0), stepsPerTrip: 1, operations: first(shared, .lastSingle)),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: addSums(shared, 0)),
        Block(trips: .variable(5, offset: 0), stepsPerTrip: 0, operations: store(shared, isPartial: false)),
        Block(trips: .variable(6, offset: 0), stepsPerTrip: 0, operations: store(shared, isPartial: true)),
      ])
  }

  // MARK: The second warpgroup

  private func second(_ shared: Shared, _ step: Step) -> [Operation] {
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

  private func addSecond(_ builder: inout KernelBuilder, _ shared: Shared) {
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
        Block(trips: .variable(4, offset: 0), stepsPerTrip: 0, operations: scores),
        Block(trips: .variable(0, offset: 0), stepsPerTrip: 2, operations: second(shared, .full)),
        Block(trips: .variable(1, offset: 0), stepsPerTrip: 2, operations: second(shared, .toSingle)),
        Block(trips: .variable(2, offset: 0), stepsPerTrip: 2, operations: second(shared, .lastPair)),
        Block(trips: .variable(3, offset: 0), stepsPerTrip: 1, operations: second(shared, .lastSingle)),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: addSums(shared, 1)),
        Block(trips: .variable(5, offset: 0), stepsPerTrip: 0, operations: [stage(shared, isPartial: false)]),
        Block(trips: .variable(6, offset: 0), stepsPerTrip: 0, operations: [stage(shared, isPartial: true)]),
      ])
  }

  // MARK: Epilogue

  /// Both warpgroups' row sums together, and the output over them.
  private func addSums(_ shared: Shared, _ index: Int) -> [Operation] {
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

  private func store(_ shared: Shared, isPartial: Bool) -> [Operation] {
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
