import Attention
import HWModels
import Programs

/// The forward kernels of both builds.
extension FlashAttention3Forward {
  /// Tile, packing and what a call asks of a kernel.
  struct Call {
    let shape: AttentionShape
    let tile: FlashAttention3Tile
    var packedHeads = 1
    var pingPong: Bool
    /// Slots of the rings of K and V.
    var slots = 2
    /// The schedule that the kernel belongs to.
    var schedule = FlashAttention3.name

    var tiles: QueryTiles {
      QueryTiles(
        shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
    }

    var builder: KernelBuilder<Steps> {
      KernelBuilder(counting: Steps.self, schedule: schedule, kernel: "\(schedule)_fwd")
    }

    /// Sections of heads whose keys and values fit `budget` bytes, in powers of two.
    fileprivate func headsPerSection(_ budget: Int) -> Int {
      let headBytes = shape.seqKV * (shape.headDim + shape.headDimV) * shape.dataType.bytes
      var heads = 1
      while heads * 2 * headBytes <= budget { heads *= 2 }
      return heads
    }
  }

  /// The CuTe build: a launch a tile; under a causal mask the longest first over sections of heads whose keys and values fit
  /// 50 MiB (tile_scheduler.py). The copy engine gathers the rows of packed heads.
  static func cute(_ call: Call) throws(ScheduleError) -> FlashAttention3Forward {
    let (shape, tiles) = (call.shape, call.tiles)
    try tiles.checkLengths(schedule: call.schedule)
    let order: ItemOrder =
      shape.mask == .causal
      ? .longestFirst(sequencesPerSection: call.headsPerSection(50 * 1_048_576)) : .tilesFastest
    let items = LaunchedItems(
      policy: .grid(order: order), readsLengths: shape.lengths != nil,
      sequences: shape.hasQueryLengths ? shape.batch : nil)
    let space = ItemSpace.band(tiles)
    return FlashAttention3Forward(
      call, items: items,
      walk: .band(shape.hasQueryLengths ? space.withItemsBeyond(tiles) : space, call.tile),
      threadsStore: shape.hasQueryLengths)
  }

  /// The CuTe build, or what is like it: the copy engine does what it can.
  init(
    _ call: Call, keys: CopiedKeys? = nil, items: any ItemSource, walk: Walk, threadsStore: Bool = false
  ) {
    var builder = call.builder
    let sink: any OutputSink =
      threadsStore
      ? ThreadStore(tile: call.tile, tiles: call.tiles, isPartial: false)
      : CopyEngineStore(&builder, call.tile)
    self.init(
      tile: call.tile, type: call.shape.dataType, builder: builder, rows: CopiedRows(tile: call.tile),
      keys: keys ?? CopiedKeys(tile: call.tile), items: items, walk: walk,
      outputs: [Output(count: \.output, sink: sink)], pingPong: call.pingPong, slots: call.slots)
  }

  /// The C++ build: persistent. Four warps gather the rows of packed heads, threads store them; keys in parts, in pages, and
  /// of lengths from a table, whose tiles are dealt from a counter.
  ///
  /// - Parameters:
  ///   - page: tokens of the pages that the producer's threads copy; nil where the copy engine does.
  static func cpp(
    _ call: Call, splits: FlashAttention3Splits, isVarlen: Bool, page: Int?, on device: Device
  ) throws(ScheduleError) -> FlashAttention3Forward {
    let (shape, tile, tiles) = (call.shape, call.tile, call.tiles)
    try tiles.checkLengths(schedule: call.schedule)
    var builder = call.builder
    let isPacked = call.packedHeads > 1
    // K and V tiles are multicast to two cores of a cluster: calls without a mask, with head dimension from 128 and an even
    // number of query tiles.
    let isCluster =
      !isVarlen && splits.parts == 1 && shape.mask == .none && tile.headDim >= 128
      && tiles.tilesPerSequence % 2 == 0
    let rows: any RowSource =
      isPacked || page != nil ? GatheredRows(tile: tile, tiles: tiles) : CopiedRows(tile: tile)
    let keys: any KeySource =
      if let page {
        PagedKeys(&builder, tile: tile, keys: shape.seqKV, page: page)
      } else {
        CopiedKeys(tile: tile, multicast: isCluster ? 2 : 1)
      }
    let space = ItemSpace.band(tiles, splits: splits.parts, partsOfRuns: splits.partsOfRuns)
      .longestFirst(tiles)
    let policy = call.persistentPolicy(isVarlen: isVarlen, isSplit: splits.parts > 1)
    let items: any ItemSource =
      isVarlen
      ? DealtItems(
        &builder, policy: policy, consumers: tile.warpgroups, producerWarps: max(rows.warps, keys.warps),
        itemsPerSequence: max(space.total / shape.batch, 1), on: device) : PlainItems(policy: policy)
    var outputs: [Output] = []
    if splits.parts == 1 || splits.partsOfRuns.contains(1) {
      let sink: any OutputSink =
        isVarlen || isPacked || splits.parts > 1 || shape.hasQueryLengths
        ? ThreadStore(tile: tile, tiles: tiles, isPartial: false) : CopyEngineStore(&builder, tile)
      outputs.append(Output(count: \.output, sink: sink))
    }
    if splits.parts > 1 {
      outputs.append(
        Output(count: \.partialOutput, sink: ThreadStore(tile: tile, tiles: tiles, isPartial: true)))
    }
    // Right and left end of a window and the end of the sinks are compared with every key's number, and combined; a select.
    // Counted: 466 of such instructions for 96 scores of a lane.
    var logic = 2.0
    if case .slidingWindow = shape.mask { logic = 5 }
    return FlashAttention3Forward(
      tile: tile, type: shape.dataType, builder: builder, rows: rows, keys: keys, items: items,
      walk: .band(space, tile, logic: logic), outputs: outputs, pingPong: call.pingPong, slots: call.slots)
  }
}

extension FlashAttention3Forward.Call {
  /// The C++ build's schedulers (tile_scheduler.hpp): parts of one tile follow each other; without a mask tiles are dealt in
  /// turn, under one and with lengths from a table by an atomic counter, the longest first over sections of heads of 32 MB.
  fileprivate func persistentPolicy(isVarlen: Bool, isSplit: Bool) -> TilePolicy {
    if isSplit { return isVarlen ? .dynamicPersistent(order: .tilesFastest) : .grid(order: .tilesFastest) }
    if shape.mask == .none, !isVarlen { return .staticPersistent(order: .tilesFastest) }
    // Query heads that share keys come along with their key-value head, unless they already share its tiles.
    let heads = headsPerSection(32_000_000) * shape.group / packedHeads
    return .dynamicPersistent(order: .longestFirst(sequencesPerSection: heads))
  }
}
