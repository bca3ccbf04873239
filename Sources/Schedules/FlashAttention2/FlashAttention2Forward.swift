import Attention
import HWModels
import Programs

/// FlashAttention-2, forward (Dao 2023, Algorithm 1): a work item owns a tile of queries and takes one key tile after another,
/// from the last to the first. All its warps do the same.
struct FlashAttention2Forward {
  let shape: AttentionShape
  let tile: FlashAttention2Tile
  let walk: KeyWalk
  /// Query heads packed into the rows of a tile.
  var packedHeads = 1
  /// nil where keys lie in a row.
  var pages: KeyPages?
  var schedule = FlashAttention2.name

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
  }

  /// Buffers, registers and barriers of a work item.
  private struct Storage {
    let q, k, v: TileRef
    let registers: ConsumerBuffers
    let queryLoaded, keyLoaded, valueLoaded: BarrierID
    let pageEntries: TileRef?
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: walk.kernel)
    let s = storage(&builder)
    builder.actor("warps", warps: tile.warps) { actor in
      actor.once { walk.beginning }
      actor.when(\.hasRows) { s.registers.clear }
      actor.when(\.first) {
        loadQuery(s)
        loadKey(s, offset: 0)
        Operation.wait("Q", s.queryLoaded)
      }
      if let vote = walk.vote {
        actor.each(\.skipped) { padded(skippedStep(s, vote)) }
        actor.each(\.lastSkipped) { padded(skippedStep(s, vote, isLast: true)) }
      }
      actor.each(\.masked) { padded(step(s, isMasked: true)) }
      actor.each(\.whole) { padded(step(s, isMasked: false)) }
      actor.each(\.edge) { padded(step(s, isMasked: true)) }
      actor.each(\.last) { padded(step(s, isMasked: false, isLast: true)) }
      actor.each(\.lastMasked) { padded(step(s, isMasked: true, isLast: true)) }
      actor.when(\.hasRows) { padded(epilogue(s)) }
    }
    return try builder.build(
      items: walk.items, policy: .grid(order: walk.order),
      footprint: Footprint(
        threads: 32 * tile.warps, registersPerThread: tile.queryTile >= 64 ? 255 : 128,
        sharedBytes: (tile.queryTile + 2 * tile.keyTile) * tile.headDim * 2),
      on: device)
  }

  private func storage(_ builder: inout KernelBuilder<Steps>) -> Storage {
    func shared(_ name: String, rows: Int) -> TileRef {
      TileRef(builder.buffer(name, .shared, rows: rows, columns: tile.headDim, type: shape.dataType))
    }
    return Storage(
      q: shared("Q", rows: tile.queryTile), k: shared("K", rows: tile.keyTile),
      v: shared("V", rows: tile.keyTile),
      registers: ConsumerBuffers(
        builder: &builder, group: 0, rows: tile.queryTile, keyTile: tile.keyTile, headDimV: tile.headDim,
        type: shape.dataType, probabilitiesInRegisters: true, exponential: .unfusedKeepingDenormals),
      queryLoaded: builder.barrier("Q loaded", .named), keyLoaded: builder.barrier("K loaded", .named),
      valueLoaded: builder.barrier("V loaded", .named),
      pageEntries: pages == nil ? nil : builder.registers("page entries", 1, 1))
  }

  // MARK: The loop

  /// A step of the inner loop of Algorithm 1: K is there, V arrives during the scores, the next K during softmax and output. A
  /// kernel that decides by the scores whether it needs V loads it after them.
  ///
  /// ptxas spreads the softmax among the instructions of the second product.
  @OperationList
  private func step(_ s: Storage, isMasked: Bool, isLast: Bool = false) -> [Operation] {
    let softmax = s.registers.softmax
    loopControl
    walk.next
    Operation.wait("K", s.keyLoaded)
    if let vote = walk.vote {
      scores(s)
      vote
      loadValue(s)
    } else {
      loadValue(s)
      scores(s)
    }
    if isMasked { mask(s).interleaved }
    Operation.wait("V", s.valueLoaded)
    if !isLast { loadKey(s, offset: 1) }
    softmax.updateMaximum().interleaved
    softmax.rescaleOutput().interleaved
    softmax.exponentiate().interleaved
    softmax.updateSum().interleaved
    s.registers.convert.interleaved
    accumulate(s)
  }

  /// A tile that is not needed: scores, the vote, and on to the next key.
  @OperationList
  private func skippedStep(_ s: Storage, _ vote: Operation, isLast: Bool = false) -> [Operation] {
    loopControl
    walk.next
    Operation.wait("K", s.keyLoaded)
    scores(s)
    vote
    if !isLast { loadKey(s, offset: 1) }
  }

  @OperationList
  private func epilogue(_ s: Storage) -> [Operation] {
    let epilogue = outputs(s)
    epilogue.normalise
    epilogue.throughShared()
    epilogue.storeByThreads
    epilogue.storeLogSumExp()
  }

  // MARK: Its parts

  /// Addresses, register moves, spills, branches: counted in the compiled loops at head dim 64, 128 and 256; the nearest one
  /// elsewhere.
  private var loopControl: Operation {
    Operation.loopControl(
      warps: tile.warps, tile.headDim <= 64 ? 136 : tile.headDim <= 192 ? 152 : 62
    ).interleaved
  }

  private var queryPlace: TileCoordinate {
    TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0))
  }

  private var tiles: QueryTiles {
    QueryTiles(shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
  }

  private func loadQuery(_ s: Storage) -> Operation {
    TileCopy(
      .q, queryPlace, columns: tile.headDim, readers: .one, rowsRead: tiles.usedRows(count: tile.queryTile)
    ).byThreads(into: s.q, signals: [s.queryLoaded])
  }

  private func keys(_ tensor: Tensor, offset: Int) -> TileCopy {
    TileCopy(
      tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: offset)), columns: tile.headDim,
      rowsRead: Double(min(tile.keyTile, shape.seqKV)))
  }

  @OperationList
  private func loadKey(_ s: Storage, offset: Int) -> [Operation] {
    if let pages, let entries = s.pageEntries { pages.loadEntry(tile, into: entries) }
    keys(.k, offset: offset).byThreads(into: s.k, signals: [s.keyLoaded])
  }

  @OperationList
  private func loadValue(_ s: Storage) -> [Operation] {
    if let pages, let entries = s.pageEntries { pages.useEntry(tile, in: entries) }
    keys(.v, offset: 0).byThreads(into: s.v, signals: [s.valueLoaded])
  }

  /// Each warp reads its own queries and the whole tile of keys or values; where there are fewer rows than warps take, they
  /// share out the keys.
  private func product(columns: Int, depth: Int, leftBytes: Double? = nil) -> Gemm {
    let sharesKeys = tile.queryTile < 16 * tile.warps
    return .synchronous(
      rows: paddedRows, columns: columns, depth: depth, down: sharesKeys ? 1 : tile.warps,
      across: sharesKeys ? tile.warps : 1, leftBytes: leftBytes)
  }

  private func scores(_ s: Storage) -> Operation {
    product(columns: tile.keyTile, depth: tile.headDim).operation(
      "S = Q K^T", s.q, s.k, into: s.registers.scores, transposed: .b, accumulate: false)
  }

  private func accumulate(_ s: Storage) -> Operation {
    product(columns: tile.headDim, depth: tile.keyTile, leftBytes: 0).operation(
      "O += P V", s.registers.probabilities, s.v, into: s.registers.output, accumulate: true)
  }

  private func mask(_ s: Storage) -> Operation {
    var mask = s.registers.softmax.mask(
      keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)), queryTile: queryPlace)
    if let work = walk.maskWork { mask.work = work }
    return mask
  }

  private func outputs(_ s: Storage) -> Epilogue {
    var epilogue = Epilogue(
      s.registers, queryPlace, columns: tile.headDim, rowsWritten: tiles.usedRows(count: tile.queryTile))
    if let element = walk.partialElement {
      (epilogue.output, epilogue.logSumExp, epilogue.element) = (.partialO, .partialLogSumExp, element)
    }
    return epilogue
  }

  /// Rows of the matrix instructions: a tile of fewer is padded.
  private var paddedRows: Int { max(tile.queryTile, 16) }

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
}
