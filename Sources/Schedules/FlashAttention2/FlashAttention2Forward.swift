import Attention
import HWModels
import Programs

/// Builds the main kernel of FlashAttention-2's forward pass, whole or with split keys.
struct FlashAttention2Forward {
  let shape: AttentionShape
  let tile: FlashAttention2Tile
  let splits: Int
  /// Query heads packed into the rows of a tile.
  let packedHeads: Int
  var schedule = FlashAttention2.name
  /// Lists of key tiles, where the kernel takes those and not a range.
  var lists: KeyTileLists?
  /// Tokens of a page of the cache; nil where keys lie in a row.
  var page: Int?

  /// Trips of a work item. All but the last step load the next key.
  struct Steps: StepCounts {
    /// Whether there is a step at all.
    var first = 0
    var masked = 0
    var whole = 0
    /// Masked steps at the left edge of a window.
    var edge = 0
    /// Whether the last step is one without a mask, or one with.
    var last = 0
    var lastMasked = 0
    /// Whether the item has rows.
    var hasRows = 0
    /// Steps whose tile turns out not to be needed, and whether the last one is such.
    var skipped = 0
    var lastSkipped = 0

    static func band(_ walk: QueryTiles.Steps) -> Steps {
      var steps = Steps(first: walk.first, masked: walk.first + walk.masked, whole: walk.whole, hasRows: 1)
      if walk.edge > 0 {
        (steps.edge, steps.lastMasked) = (walk.edge - 1, 1)
      } else if walk.whole > 0 {
        (steps.whole, steps.last) = (walk.whole - 1, 1)
      } else {
        (steps.masked, steps.lastMasked) = (max(steps.masked - 1, 0), min(steps.masked, 1))
      }
      return steps
    }

    /// A list of tiles, masked ones before whole ones; skipped ones come before both.
    static func list(partial: Int, full: Int, skipped: Int = 0) -> Steps {
      let kept = partial + full
      let lastSkipped = kept == 0 ? min(skipped, 1) : 0
      var steps = Steps(
        first: min(kept + skipped, 1), hasRows: 1, skipped: skipped - lastSkipped, lastSkipped: lastSkipped)
      if full > 0 {
        (steps.masked, steps.whole, steps.last) = (partial, full - 1, 1)
      } else {
        (steps.masked, steps.lastMasked) = (max(partial - 1, 0), min(partial, 1))
      }
      return steps
    }
  }

  private let element = 2
  /// Rows of the matrix instructions: a tile of fewer is padded.
  private var paddedRows: Int { max(tile.queryTile, 16) }
  private var isSplit: Bool { lists?.isSplit ?? (splits > 1) }
  /// Bytes of an element of a partial output.
  private var partialElement: Int { lists?.partialElement ?? 4 }
  /// Instructions of a step and warp beside products, operand loads, softmax and copies: addresses, register moves,
  /// spills, branches. Counted in the compiled loops at head dim 64, 128 and 256; the nearest one elsewhere.
  private var loopInstructions: Double { tile.headDim <= 64 ? 136 : tile.headDim <= 192 ? 152 : 62 }
  private var tiles: QueryTiles {
    QueryTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    try tiles.checkLengths(schedule: schedule)
    var builder = KernelBuilder(
      counting: Steps.self, schedule: schedule,
      kernel: lists?.name ?? (splits > 1 ? "fa2_fwd_split" : "fa2_fwd"))
    let type = shape.dataType
    let q = builder.buffer("Q", .shared, rows: tile.queryTile, columns: tile.headDim, type: type)
    let k = builder.buffer("K", .shared, rows: tile.keyTile, columns: tile.headDim, type: type)
    let v = builder.buffer("V", .shared, rows: tile.keyTile, columns: tile.headDim, type: type)
    let registers = ConsumerBuffers(
      builder: &builder, group: 0, rows: tile.queryTile, keyTile: tile.keyTile, headDimV: tile.headDim,
      type: type, probabilitiesInRegisters: true, exponential: .unfusedKeepingDenormals)
    let queryLoaded = builder.barrier("Q loaded", .named)
    let keyLoaded = builder.barrier("K loaded", .named)
    let valueLoaded = builder.barrier("V loaded", .named)

    // With lengths from a table, work items beyond the end of their sequence are launched too, and do nothing.
    let isLive: TripCount = hasItemsBeyond ? .count(\Steps.hasRows) : .fixed(1)

    func load(
      _ name: String, _ tensor: Tensor, rows: Int, index: TileIndex, into buffer: BufferID, signals: BarrierID
    ) -> Operation {
      let bytes = Double(rows * tile.headDim * element)
      // Rows past the end are not read.
      let used = tensor == .q ? tiles.usedRows(count: rows) : Double(min(rows, shape.seqKV))
      let read = used * Double(tile.headDim * element)
      return Operation(
        name, .loadAsync,
        work: .of {
          if tensor == .q { $0.streamRead = read } else { $0.globalRead = read }
          $0.sharedWrite = bytes
          // One 16-byte copy a lane, with its address and predicate.
          $0.otherInstructions = bytes / 16
          $0.alu = bytes / 16
        }, signals: [signals],
        action: .load(tensor, TileCoordinate(rows: rows, index: index), into: TileRef(buffer)))
    }
    func loadK(_ offset: Int) -> Operation {
      load("load K", .k, rows: tile.keyTile, index: .walk(offset: offset), into: k, signals: keyLoaded)
    }
    let loadV = load("load V", .v, rows: tile.keyTile, index: .walk(offset: 0), into: v, signals: valueLoaded)
    let loadQ = load(
      "load Q", .q, rows: tile.queryTile, index: .item(scale: 1, offset: 0), into: q, signals: queryLoaded)

    // A thread copies neighbouring rows, all of one page, whose entry it reads before it can copy K; V's is then near.
    let entry: (key: [Operation], value: [Operation])? = page.map { page in
      let threads = Double(32 * tile.warps)
      let bytesOfTable = Double(4 * max(tile.keyTile / page, 1))
      let table = TileRef(builder.buffer("page entries", .registers, rows: 1, columns: 1, type: .fp32))
      func place(_ name: String, _ unit: Operation.Unit, bytes: Double, _ chain: Chain) -> [Operation] {
        [
          Operation(
            name, unit,
            work: .of {
              $0.tableRead = bytes
              $0.otherInstructions = 6 * threads
              $0.alu = 10 * threads
            }, chain: chain, action: .fill(table, 0))
        ]
      }
      return (
        key: place(
          "load page entry", .loadStore, bytes: bytesOfTable, Chain(alu: 12)),
        value: place("page of V", .vector, bytes: 0, Chain(alu: 12, shared: 1))
      )
    }
    let (keyEntry, valueEntry) = (entry?.key ?? [], entry?.value ?? [])
    let product = ProductCosts(tile: tile)
    let scores = Operation(
      "S = Q K^T", .tensorSync, work: product.scores,
      action: .matmul(
        into: registers.scores, a: TileRef(q), b: TileRef(k), transposeA: false, transposeB: true,
        accumulate: false))
    let output = Operation(
      "O += P V", .tensorSync, work: product.output,
      action: .matmul(
        into: registers.output, a: registers.probabilities, b: TileRef(v), transposeA: false,
        transposeB: false, accumulate: true))
    let softmax = registers.softmax
    let loopControl = Operation(
      "loop control", .vector,
      work: .of { $0.otherInstructions = Double(32 * tile.warps) * loopInstructions })
    var mask = softmax.mask(
      keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
      queryTile: TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)))
    if let lists {
      let rowsPerLane = Double(max(tile.queryTile / (16 * tile.warps), 1)) * 2
      mask.work = lists.code.work(scores: Double(tile.queryTile * tile.keyTile), rowsPerLane: rowsPerLane)
      mask.work.alu += Double(tile.queryTile * tile.keyTile)
    }
    // The list's next entry, from the nearest cache.
    let nextEntry =
      lists == nil
      ? []
      : [
        Operation(
          "next entry", .vector, work: .of { $0.otherInstructions = Double(32 * tile.warps) * 4 },
          chain: Chain(alu: 4, shared: 1))
      ]
    // Whether any row's maximum comes near the running one: all warps vote.
    let decision = Operation(
      "vote on the tile", .vector,
      work: .of {
        $0.max = Double(tile.queryTile * tile.keyTile + 2 * tile.queryTile * SoftmaxSteps.lanesPerRow)
        $0.shuffle = Double(2 * tile.queryTile * SoftmaxSteps.lanesPerRow)
        $0.alu = Double(tile.queryTile * SoftmaxSteps.lanesPerRow)
      }, chain: Chain(alu: 6, shuffle: 2, shared: 2))

    /// One step: K is there, V loads during the scores; the next K loads during softmax and output. A kernel that decides
    /// by the scores whether it needs V loads it after them.
    func step(isMasked: Bool, loadsNextKey: Bool) -> [Operation] {
      let votes = lists?.votes ?? false
      var operations =
        [loopControl.interleaved] + nextEntry + [Operation("wait for K", .sync, waits: [keyLoaded])]
        + (votes ? [scores, decision, loadV] : valueEntry + [loadV, scores])
      if isMasked { operations.append(mask.interleaved) }
      operations.append(Operation("wait for V", .sync, waits: [valueLoaded]))
      if loadsNextKey { operations += keyEntry + [loadK(1)] }
      // ptxas spreads the softmax among the instructions of the second product.
      operations += [
        softmax.updateMaximum(), softmax.rescaleOutput(), softmax.exponentiate(), softmax.updateSum(),
        registers.convert,
      ].map(\.interleaved)
      operations.append(output)
      return operations
    }

    /// A tile that is not needed: scores, the vote, and on to the next key.
    func skippedStep(loadsNextKey: Bool) -> [Operation] {
      [loopControl.interleaved] + nextEntry + [
        Operation("wait for K", .sync, waits: [keyLoaded]), scores, decision,
      ] + (loadsNextKey ? [loadK(1)] : [])
    }

    let begin: [Operation] =
      [loadQ] + keyEntry + [loadK(0), Operation("wait for Q", .sync, waits: [queryLoaded])]
    // The last step of a walk loads no further key.
    var skipped: [Block] = []
    if lists?.votes == true {
      for (trips, loadsNextKey) in [(\Steps.skipped, true), (\Steps.lastSkipped, false)] {
        skipped.append(
          Block(
            trips: .count(trips), stepsPerTrip: 1,
            operations: padded(skippedStep(loadsNextKey: loadsNextKey))))
      }
    }
    builder.actor(
      "warps", warps: tile.warps,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: readLengths),
        Block(trips: isLive, stepsPerTrip: 0, operations: registers.clear),
        Block(trips: .count(\Steps.first), stepsPerTrip: 0, operations: begin),
      ] + skipped
        + [
          Block(
            trips: .count(\Steps.masked), stepsPerTrip: 1,
            operations: padded(step(isMasked: true, loadsNextKey: true))),
          Block(
            trips: .count(\Steps.whole), stepsPerTrip: 1,
            operations: padded(step(isMasked: false, loadsNextKey: true))),
          Block(
            trips: .count(\Steps.edge), stepsPerTrip: 1,
            operations: padded(step(isMasked: true, loadsNextKey: true))),
          Block(
            trips: .count(\Steps.last), stepsPerTrip: 1,
            operations: padded(step(isMasked: false, loadsNextKey: false))),
          Block(
            trips: .count(\Steps.lastMasked), stepsPerTrip: 1,
            operations: padded(step(isMasked: true, loadsNextKey: false))),
          Block(trips: isLive, stepsPerTrip: 0, operations: padded(epilogue(registers))),
        ].filter { !$0.operations.isEmpty })
    let sharedBytes = (tile.queryTile + 2 * tile.keyTile) * tile.headDim * element
    // The grid is (row tiles, sequences, heads), and with parts (row tiles, parts, sequences and heads).
    let order: ItemOrder =
      shape.lengths == nil || splits > 1 ? .tilesFastest : .headsSlowest(heads: shape.headsQ / packedHeads)
    return try builder.build(
      items: lists?.items ?? items(), policy: .grid(order: order),
      footprint: Footprint(
        threads: 32 * tile.warps, registersPerThread: tile.queryTile >= 64 ? 255 : 128,
        sharedBytes: sharedBytes),
      on: device)
  }

  private var hasItemsBeyond: Bool { lists == nil && shape.hasQueryLengths }

  /// Where a sequence begins and how long it is: loads that wait for the shared cache once (block_info.h).
  private var readLengths: [Operation] {
    guard shape.lengths != nil else { return [] }
    let threads = Double(32 * tile.warps)
    return [
      Operation(
        "read lengths", .vector, work: .of { $0.otherInstructions = 30 * threads },
        chain: Chain(alu: 20, global: 1))
    ]
  }

  /// Vector work and registers of padding rows are spent like those of others; memory is not touched for them.
  private func padded(_ operations: [Operation]) -> [Operation] {
    guard paddedRows > tile.queryTile else { return operations }
    let factor = Double(paddedRows) / Double(tile.queryTile)
    return operations.map { operation in
      guard operation.unit == .vector else { return operation }
      var copy = operation
      copy.work = .of { $0.add(operation.work, times: factor) }
      return copy
    }
  }

  private func items() -> ItemSpace {
    guard shape.lengths != nil else { return items(tiles) }
    return ItemSpace(
      shape.runs, heads: shape.headsQ / packedHeads, packedHeads: packedHeads,
      rowTiles: hasItemsBeyond ? tiles.tilesPerSequence : 0,
      beyond: hasItemsBeyond ? ItemClass(Steps(), walk: .descending(0..<0)) : nil
    ) { run in items(tiles.one(run)) }
  }

  private func items(_ tiles: QueryTiles) -> ItemSpace {
    let blocks = (tiles.shape.seqKV + tile.keyTile - 1) / tile.keyTile
    let perSplit = (blocks + splits - 1) / splits
    return tiles.items(
      splits: splits, part: { $1 * perSplit..<($1 + 1) * perSplit }, Steps.band)
  }

  private func epilogue(_ registers: ConsumerBuffers) -> [Operation] {
    let elements = Double(tile.queryTile * tile.headDim)
    let bytesOut = elements * Double(isSplit ? partialElement : element)
    let coordinate = TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0))
    return [
      registers.softmax.normalise(logSumExp: registers.logSumExp),
      Operation(
        "O through shared memory", .vector,
        work: .of {
          $0.convert = isSplit && partialElement == 4 ? 0 : elements
          $0.sharedWrite = bytesOut
          $0.sharedRead = bytesOut
          $0.otherInstructions = bytesOut / 8
        }, chain: Chain(alu: 1, shared: 2)),
      Operation(
        "store O", .loadStore,
        work: .of {
          // Rows past the end are not written.
          $0.globalWrite =
            bytesOut * tiles.usedRows(count: tile.queryTile) / Double(tile.queryTile)
          $0.otherInstructions = bytesOut / 16
        }, action: .store(registers.output, isSplit ? .partialO : .o, coordinate)),
      Operation(
        "store log-sum-exp", .loadStore, work: .of { $0.globalWrite = Double(tile.queryTile * 4) },
        action: .store(registers.logSumExp, isSplit ? .partialLogSumExp : .logSumExp, coordinate)),
    ]
  }
}

/// Work of the two products by mma.sync with operands through ldmatrix.
private struct ProductCosts {
  let scores: Work
  let output: Work

  init(tile: FlashAttention2Tile) {
    let element = 2
    let rows = max(tile.queryTile, 16)
    let flops = 2 * Double(rows * tile.keyTile * tile.headDim)
    let queryBytes = rows * tile.headDim * element
    let keyBytes = tile.keyTile * tile.headDim * element
    // Each warp reads its own queries and the whole tile of keys or values; where there are fewer rows than warps take,
    // they share out the keys.
    let sharesKeys = rows < 16 * tile.warps
    let scoreBytes = Double(
      sharesKeys ? tile.warps * queryBytes + keyBytes : queryBytes + tile.warps * keyBytes)
    let valueBytes = Double(sharesKeys ? keyBytes : tile.warps * keyBytes)
    /// One m16n8k16 instruction of 4096 flops a warp; one ldmatrix.x4 of 512 bytes a warp.
    func instructions(_ bytes: Double) -> Double { 32 * bytes / 512 }
    let products = flops / 4096 / Double(tile.warps)
    scores = .of {
      $0.matrixFlops = flops
      $0.matrixInstructions = products
      $0.sharedRead = scoreBytes
      $0.otherInstructions = instructions(scoreBytes)
    }
    output = .of {
      $0.matrixFlops = flops
      $0.matrixInstructions = products
      $0.sharedRead = valueBytes
      $0.otherInstructions = instructions(valueBytes)
    }
  }
}

/// Key tiles that a kernel on FlashAttention-2's loop takes from lists.
struct KeyTileLists {
  let name: String
  /// Work items counted in `FlashAttention2Forward.Steps`.
  let items: ItemSpace
  /// What a masked tile evaluates.
  let code: MaskCode
  /// Whether items store partial outputs, and in how many bytes an element.
  var isSplit = false
  var partialElement = 4
  /// Whether the kernel computes all scores and decides by them which tiles need values.
  var votes = false
}
