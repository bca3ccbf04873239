import HWModels

/// Builds the one kernel of FlashAttention-3's forward pass.
struct FlashAttention3Forward {
  let shape: AttentionShape
  let tile: FlashAttention3Tile
  let isCute: Bool
  let packedHeads: Int
  let pingPong: Bool
  let ringSlots: Int
  /// The schedule that the kernel belongs to.
  var schedule = FlashAttention3.name
  /// How the kernel is compiled to take the exponential.
  var exponential = SoftmaxSteps.Exponential.fused
  /// Instructions of a step and warp beside matrix products, softmax and shuffles: stage and phase arithmetic,
  /// descriptors, barrier polls, branches. Counted in the compiled loop (65, 71 and 73 at head dim 64, 128 and 256).
  var loopInstructions = 70.0
  /// Parts of the head dimension in which tiles of K and V arrive and are given back.
  var parts = 1
  /// The order in which cores take work items, where it is not that of either build.
  var otherPolicy: TilePolicy?
  /// Lengths come from a table; tiles are dealt from a counter.
  var isVarlen = false
  /// The producer is a warpgroup that copies queries, keys and values, 16 bytes a thread, the latter from pages.
  var page: Int?
  var copiesPages: Bool { page != nil }
  /// Parts into which the keys of a tile are cut; with more than one, outputs are partial results in fp32.
  var splits = 1
  /// The block mask that the kernel walks: masked blocks first, then whole ones, each list from its end. nil for a
  /// kernel that knows the band of its mask.
  var blocks: BlockMaskItems?

  /// The C++ build gathers the rows of packed heads by the threads that use them, not by the copy engine.
  private var threadsLoadQueries: Bool { !isCute && packedHeads > 1 && !copiesPages }
  /// Rows of packed heads, and of sequences of varying length, are stored by the threads too.
  private var threadsStore: Bool { !isCute && (isVarlen || packedHeads > 1 || splits > 1) }

  let element = 2
  var tiles: QueryTiles {
    QueryTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads,
      firstAlwaysMasked: true)
  }

  /// K and V tiles are multicast to two cores where the C++ build launches clusters: non-causal calls with head
  /// dimension from 128 and an even number of query tiles.
  private var clusterSize: Int {
    !isCute && !isVarlen && splits == 1 && shape.mask == .none && tile.headDim >= 128
      && tiles.tilesPerSequence % 2 == 0
      ? 2 : 1
  }

  /// Work items in the order of the build's scheduler.
  ///
  /// CuTe: one launch per tile, causal ones longest first over sections of heads whose keys and values fit 50 MiB
  /// (tile_scheduler.py); what a block mask means it does not know. C++: persistent, causal ones
  /// by an atomic counter, sections of 32 MB (tile_scheduler.hpp).
  private var policy: TilePolicy {
    if let otherPolicy { return otherPolicy }
    // Parts of one tile follow each other; with lengths from a table they are dealt from a counter (tile_scheduler.hpp).
    if splits > 1 { return isVarlen ? .dynamicPersistent(order: .tilesFastest) : .grid(order: .tilesFastest) }
    guard shape.mask == .causal else {
      return isCute || (shape.mask == .none && !isVarlen)
        ? (isCute ? .grid(order: .tilesFastest) : .staticPersistent(order: .tilesFastest))
        : .dynamicPersistent(order: .longestFirst(sequencesPerSection: section(32_000_000)))
    }
    return isCute
      ? .grid(order: .longestFirst(sequencesPerSection: section(50 * 1_048_576)))
      : .dynamicPersistent(order: .longestFirst(sequencesPerSection: section(32_000_000)))
  }

  private func section(_ budget: Int) -> Int {
    let headBytes = shape.seqKV * (shape.headDim + shape.headDimV) * element
    var heads = 1
    while heads * 2 * headBytes <= budget { heads *= 2 }
    // Query heads that share keys come along with their key-value head, unless they already share its tiles.
    return isCute ? heads : heads * shape.group / packedHeads
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "\(schedule)_fwd")
    let type = shape.dataType
    let groups = tile.warpgroups
    let q = builder.ring(
      "Q", rows: tile.queryTile, columns: tile.headDim, type: type, slots: 1, consumers: groups)
    func rings(_ name: String, columns: Int) -> [KernelBuilder.Ring] {
      (0..<parts).map { part in
        builder.ring(
          parts == 1 ? name : "\(name)\(part)", rows: tile.keyTile, columns: columns / parts, type: type,
          slots: ringSlots, consumers: groups)
      }
    }
    let k = rings("K", columns: tile.headDim)
    let v = rings("V", columns: tile.headDimV)
    var sharedBytes =
      tile.queryTile * max(tile.headDim, tile.headDimV) * element
      + ringSlots * tile.keyTile * (tile.headDim + tile.headDimV) * element + Self.barrierBytes
    if !tile.probabilitiesInRegisters { sharedBytes += tile.queryTile * tile.keyTile * element }
    let first = builder.variable("first")
    let masked = builder.variable("masked")
    let whole = builder.variable("whole")
    let edge = builder.variable("edge")
    let steps = StepVariables(
      first: first, masked: masked, whole: whole, edge: edge,
      firstWhole: blocks == nil ? nil : builder.variable("first, whole"),
      any: blocks == nil ? first : builder.variable("any"))
    let turns = (0..<groups).map { group in
      builder.barrier("turn \(group)", .named, initialPhases: group == 0 ? 1 : 0)
    }
    let hand: WorkHand? = copiesPages ? WorkHand(&builder, consumers: groups) : nil
    if let hand {
      addCopyingProducer(&builder, q: q, k: k[0], v: v[0], steps: steps, hand: hand, on: device)
    } else {
      addProducer(&builder, q: q, k: k, v: v, steps: steps)
    }
    for group in 0..<groups {
      addConsumer(&builder, group: group, q: q, k: k, v: v, turns: turns, steps: steps, hand: hand)
    }
    let threads = 128 * (groups + 1)
    return try builder.build(
      items: blocks?.items(StepVariables.values) ?? tiles.items(splits: splits), policy: policy,
      footprint: Footprint(
        threads: threads, registersPerThread: groups == 3 ? 128 : 168, sharedBytes: sharedBytes,
        clusterSize: clusterSize),
      on: device)
  }

  struct StepVariables {
    let first: Int
    let masked: Int
    let whole: Int
    /// Masked steps at the left edge of a window, after the unmasked ones.
    let edge: Int
    /// Whether the first step is a block that needs no mask; nil where the first step is always masked.
    let firstWhole: Int?
    /// Whether there is a step at all.
    let any: Int

    /// The variables of a walk over masked and then whole blocks.
    static func values(masked: Int, whole: Int) -> [Int] {
      let firstMasked = min(masked, 1)
      let firstWhole = min(whole, 1 - firstMasked)
      return [firstMasked, masked - firstMasked, whole - firstWhole, 0, firstWhole, firstMasked + firstWhole]
    }
  }

  /// Barriers and alignment, beside the tiles.
  static let barrierBytes = 1024

  // MARK: Producer

  /// K of the first step, Q, then K of step j + 1 before V of step j; the last V alone.
  private func addProducer(
    _ builder: inout KernelBuilder, q: KernelBuilder.Ring, k: [KernelBuilder.Ring], v: [KernelBuilder.Ring],
    steps: StepVariables
  ) {
    func copy(_ name: String, _ rings: [KernelBuilder.Ring], _ tensor: Tensor, columns: Int, offset: Int)
      -> [Operation]
    {
      let bytes = Double(tile.keyTile * columns / parts * element)
      return rings.enumerated().map { part, ring in
        let action = Action.load(
          tensor,
          TileCoordinate(
            rows: tile.keyTile, index: .walk(offset: offset), firstColumn: part * columns / parts),
          into: TileRef(ring.buffer, .step(offset: offset)))
        return Operation(
          name, .copyAsync,
          work: .of {
            $0.globalRead = bytes / Double(clusterSize)
            $0.sharedWrite = bytes
          }, waits: [ring.empty], signals: [ring.full], action: action)
      }
    }
    let queryBytes = Double(tile.queryTile * tile.headDim * element)
    let loadQ = Operation(
      "load Q", .copyAsync,
      work: .of {
        $0.streamRead = queryBytes
        $0.sharedWrite = queryBytes
      }, waits: [q.empty], signals: [q.full],
      action: .load(
        .q, TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)),
        into: TileRef(q.buffer, .item)))
    let firstK = copy("load K", k, .k, columns: tile.headDim, offset: 0)
    let nextK = copy("load K", k, .k, columns: tile.headDim, offset: 1)
    let loadV = copy("load V", v, .v, columns: tile.headDimV, offset: 0)
    builder.actor(
      "producer", warps: 1,
      blocks: [
        Block(
          trips: .variable(steps.any, offset: 0), stepsPerTrip: 0,
          operations: threadsLoadQueries ? firstK : firstK + [loadQ]),
        Block(trips: .variable(steps.masked, offset: 0), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .variable(steps.whole, offset: 0), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .variable(steps.edge, offset: 0), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .variable(steps.any, offset: 0), stepsPerTrip: 1, operations: loadV),
      ])
  }

  // MARK: Consumers

  private func addConsumer(
    _ builder: inout KernelBuilder, group: Int, q: KernelBuilder.Ring, k: [KernelBuilder.Ring],
    v: [KernelBuilder.Ring], turns: [BarrierID], steps: StepVariables, hand: WorkHand?
  ) {
    let rows = 64
    let warpgroup = ConsumerBuffers(
      builder: &builder, group: group, rows: rows, keyTile: tile.keyTile, headDimV: tile.headDimV,
      type: shape.dataType, probabilitiesInRegisters: tile.probabilitiesInRegisters, exponential: exponential)
    let softmax = warpgroup.softmax
    let (width, widthV) = (tile.headDim / parts, tile.headDimV / parts)
    let scoreBytes = Double((rows + tile.keyTile) * width * element)
    func scores(_ turn: [BarrierID]) -> [Operation] {
      k.enumerated().map { part, ring in
        let columns = parts == 1 ? nil : part * width..<(part + 1) * width
        return Operation(
          "S = Q K^T", .tensorAsync,
          work: .of {
            $0.matrixFlops = 2 * Double(rows * tile.keyTile * width)
            $0.matrixInstructions = Double(width / 16)
            $0.sharedRead = scoreBytes
          }, waits: [ring.full] + (part == 0 ? turn : []), signals: [warpgroup.scoresDone],
          action: .matmul(
            into: warpgroup.scores,
            a: TileRef(q.buffer, .item, rows: group * rows..<(group + 1) * rows, columns: columns),
            b: TileRef(ring.buffer, .step(offset: 0)), transposeA: false, transposeB: true,
            accumulate: part > 0))
      }
    }
    let outputBytes = Double(
      (tile.keyTile * widthV + (tile.probabilitiesInRegisters ? 0 : rows * tile.keyTile)) * element)
    let accumulate = v.enumerated().map { part, ring in
      Operation(
        "O += P V", tile.probabilitiesInRegisters ? .tensorAsyncRegisters : .tensorAsync,
        work: .of {
          $0.matrixFlops = 2 * Double(rows * tile.keyTile * widthV)
          $0.matrixInstructions = Double(tile.keyTile / 16)
          $0.sharedRead = outputBytes
        }, waits: [ring.full], signals: [warpgroup.outputDone],
        action: .matmul(
          into: TileRef(
            warpgroup.output.buffer, columns: parts == 1 ? nil : part * widthV..<(part + 1) * widthV),
          a: warpgroup.probabilities, b: TileRef(ring.buffer, .step(offset: -1)), transposeA: false,
          transposeB: false, accumulate: true))
    }
    /// Gives back the parts of a tile as the products that read them complete.
    func release(
      _ name: String, _ rings: [KernelBuilder.Ring], _ done: BarrierID, and last: [BarrierID] = []
    ) -> [Operation] {
      rings.enumerated().map { part, ring in
        Operation(
          name, .sync, waits: [done], signals: [ring.empty] + (part == rings.count - 1 ? last : []))
      }
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
    let ownQueries = threadsLoadQueries ? builder.barrier("Q\(group) loaded", .named) : q.full
    let queryBytes = Double(rows * tile.headDim * element)
    let loadQ = Operation(
      "load Q", .loadAsync,
      work: .of {
        $0.streamRead = queryBytes
        $0.sharedWrite = queryBytes
        $0.otherInstructions = queryBytes / 16
        $0.alu = queryBytes / 16
        $0.shuffle = Double(2 * 8 * rows)
      }, chain: Chain(alu: 12, shuffle: 1), signals: [ownQueries],
      action: .load(
        .q, TileCoordinate(rows: rows, index: .item(scale: tile.warpgroups, offset: group)),
        into: TileRef(q.buffer, .item, rows: group * rows..<(group + 1) * rows)))
    func begin(_ mask: Operation) -> [Operation] {
      (threadsLoadQueries ? [loadQ] : [])
        + [Operation("wait for Q", .sync, waits: [ownQueries])] + scores([])
        + release("release K", k, warpgroup.scoresDone) + [
          mask, softmax.updateMaximum(), softmax.exponentiate(), softmax.updateSum(), warpgroup.convert,
        ]
    }
    var first = [
      Block(
        trips: .variable(steps.first, offset: 0), stepsPerTrip: 1,
        operations: begin(self.mask(softmax, isFirst: true, group: group)))
    ]
    if let firstWhole = steps.firstWhole {
      // A whole block is checked against the end of the keys, without the mask rule.
      var check = mask
      check.work = .of { $0.alu = Double(rows * tile.keyTile) }
      first.append(
        Block(trips: .variable(firstWhole, offset: 0), stepsPerTrip: 1, operations: begin(check)))
    }
    let end =
      (rescaleBeforeProduct ? [softmax.rescaleOutput()] : []) + accumulate
      + release("release V", v, warpgroup.outputDone, and: threadsLoadQueries ? [] : [q.empty])
    // Shared memory of V holds O meanwhile.
    let given = hand.map { [Operation("give back V", .sync, signals: [$0.outputStored])] } ?? []
    builder.actor(
      "warpgroup \(group)", warps: 4,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: (hand?.take ?? []) + warpgroup.clear)
      ] + first + [
        Block(trips: .variable(steps.masked, offset: 0), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .variable(steps.whole, offset: 0), stepsPerTrip: 1, operations: step(isMasked: false)),
        Block(trips: .variable(steps.edge, offset: 0), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .variable(steps.any, offset: 0), stepsPerTrip: 0, operations: end),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: epilogue(warpgroup, group: group, rows: rows)),
        Block(trips: .variable(steps.any, offset: 0), stepsPerTrip: 0, operations: given),
      ])
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
    }
    return mask
  }

  /// Normalise, round, through shared memory to device memory.
  private func epilogue(_ warpgroup: ConsumerBuffers, group: Int, rows: Int) -> [Operation] {
    let elements = Double(rows * tile.headDimV)
    let isPartial = splits > 1
    let bytes = elements * Double(isPartial ? 4 : element)
    // Rows past the end of the only tile of a sequence are not written.
    let used = usedRows(group: group, rows: rows)
    let written = bytes * Double(used) / Double(rows)
    let coordinate = TileCoordinate(
      rows: rows, index: .item(scale: tile.warpgroups, offset: group))
    return [
      warpgroup.softmax.normalise(logSumExp: warpgroup.logSumExp),
      Operation(
        "O to shared memory", .vector,
        work: .of {
          $0.convert = isPartial ? 0 : elements
          $0.sharedWrite = isPartial ? 0 : elements * Double(element)
          $0.otherInstructions = isPartial ? 0 : elements / 8
        }, chain: Chain(alu: 1, shared: isPartial ? 0 : 1)),
      threadsStore
        ? Operation(
          "store O", .loadStore,
          work: .of {
            $0.sharedRead = isPartial ? 0 : bytes
            $0.globalWrite = written
            $0.otherInstructions = bytes / 16
            $0.alu = bytes / 16
          }, chain: Chain(alu: 4, shared: isPartial ? 0 : 1),
          action: .store(warpgroup.output, isPartial ? .partialO : .o, coordinate))
        : Operation(
          "store O", .copyAsync,
          work: .of {
            $0.sharedRead = elements * Double(element)
            $0.globalWrite = elements * Double(element)
          }, signals: [warpgroup.stored],
          action: .store(warpgroup.output, .o, coordinate)),
      Operation(
        "store log-sum-exp", .loadStore, work: .of { $0.globalWrite = Double(used * 4) },
        waits: threadsStore ? [] : [warpgroup.stored],
        action: .store(warpgroup.logSumExp, isPartial ? .partialLogSumExp : .logSumExp, coordinate)),
    ]
  }

  /// Rows of a warpgroup's share of a tile that exist: all where a sequence has several tiles.
  private func usedRows(group: Int, rows: Int) -> Int {
    threadsStore && tiles.tilesPerSequence == 1
      ? min(max(tiles.rows - group * rows, 0), rows) : rows
  }
}

/// Registers and completion barriers of one consumer warpgroup.
struct ConsumerBuffers {
  let scores: TileRef
  let probabilities: TileRef
  let output: TileRef
  let logSumExp: TileRef
  let scoresDone: BarrierID
  let outputDone: BarrierID
  let stored: BarrierID
  let softmax: SoftmaxSteps
  /// Rounds P into the operand of the second product.
  let convert: Operation
  /// Sets accumulator, maximum and sum for a new work item.
  let clear: [Operation]

  init(
    builder: inout KernelBuilder, group: Int, rows: Int, keyTile: Int, headDimV: Int, type: DataType,
    probabilitiesInRegisters: Bool, exponential: SoftmaxSteps.Exponential
  ) {
    func vector(_ name: String) -> TileRef {
      TileRef(builder.buffer("\(name)\(group)", .registers, rows: rows, columns: 1, type: .fp32))
    }
    scores = TileRef(builder.buffer("S\(group)", .registers, rows: rows, columns: keyTile, type: .fp32))
    probabilities = TileRef(
      builder.buffer(
        "P\(group)", probabilitiesInRegisters ? .registers : .shared, rows: rows, columns: keyTile, type: type
      ))
    output = TileRef(builder.buffer("O\(group)", .registers, rows: rows, columns: headDimV, type: .fp32))
    let maximum = vector("m")
    let sum = vector("l")
    let scale = vector("scale")
    logSumExp = vector("lse")
    scoresDone = builder.barrier("S\(group) done", .completion)
    outputDone = builder.barrier("O\(group) done", .completion)
    stored = builder.barrier("O\(group) stored", .completion)
    softmax = SoftmaxSteps(
      rows: rows, keys: keyTile, outputColumns: headDimV, scores: scores, probabilities: probabilities,
      output: output, maximum: maximum, sum: sum, scale: scale, exponential: exponential)
    var rounding = softmax.convert()
    if !probabilitiesInRegisters {
      rounding.work.sharedWrite = Double(rows * keyTile * type.bytes)
      rounding.work.otherInstructions = Double(rows * keyTile) / 8
      rounding.chain.shared = 1
    }
    convert = rounding
    clear = [
      Operation("O = 0", .sync, action: .fill(output, 0)),
      Operation("m = -inf", .sync, action: .fill(maximum, -Double.infinity)),
      Operation("l = 0", .sync, action: .fill(sum, 0)),
    ]
  }
}
