import Attention
import HWModels
import Programs

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
  /// Parts of each run of equal sequences, where lengths differ.
  var partsOfRuns: [Int] = []
  /// The block mask that the kernel walks: masked blocks first, then whole ones, each list from its end. nil for a
  /// kernel that knows the band of its mask.
  var blocks: BlockMaskItems?

  /// The C++ build gathers the rows of packed heads by the four warps of the producer, not by the copy engine.
  var threadsLoadQueries: Bool { !isCute && packedHeads > 1 && !copiesPages }
  /// Rows of packed heads, and of sequences of varying length, are stored by the threads too.
  var threadsStore: Bool {
    (!isCute && (isVarlen || packedHeads > 1 || splits > 1)) || shape.hasQueryLengths
  }

  let element = 2
  var tiles: QueryTiles {
    QueryTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
  }

  /// K and V tiles are multicast to two cores where the C++ build launches clusters: non-causal calls with head
  /// dimension from 128 and an even number of query tiles.
  var clusterSize: Int {
    !isCute && !isVarlen && splits == 1 && shape.mask == .none && tile.headDim >= 128
      && tiles.tilesPerSequence % 2 == 0
      ? 2 : 1
  }

  /// Work items in the order of the build's scheduler.
  ///
  /// CuTe: one launch per tile, causal ones longest first over sections of heads whose keys and values fit 50 MiB
  /// (tile_scheduler.py); what a block mask means it does not know. C++: persistent, causal ones
  /// by an atomic counter, sections of 32 MB (tile_scheduler.hpp).
  var policy: TilePolicy {
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
    try tiles.checkLengths(schedule: schedule)
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: "\(schedule)_fwd")
    let type = shape.dataType
    let groups = tile.warpgroups
    let q = builder.ring(
      "Q", rows: tile.queryTile, columns: tile.headDim, type: type, slots: 1, consumers: groups)
    func rings(_ name: String, columns: Int) -> [Ring] {
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
    let turns = (0..<groups).map { group in
      builder.barrier("turn \(group)", .named, initialPhases: group == 0 ? 1 : 0)
    }
    let hand: WorkHand? =
      isVarlen
      ? WorkHand(
        &builder, consumers: groups, producerWarps: copiesPages || threadsLoadQueries ? 4 : 1,
        isNear: lengthsAreNear(on: device)) : nil
    if let hand, copiesPages {
      addCopyingProducer(&builder, q: q, k: k[0], v: v[0], hand: hand, on: device)
    } else {
      addProducer(&builder, q: q, k: k, v: v, hand: hand, on: device)
    }
    let meetings = threadsStore ? nil : Meetings(&builder, consumers: groups)
    for group in 0..<groups {
      addConsumer(
        &builder, group: group, q: q, k: k, v: v, turns: turns, meetings: meetings, hand: hand)
    }
    let threads = 128 * (groups + 1)
    return try builder.build(
      items: items(), policy: policy,
      footprint: Footprint(
        threads: threads, registersPerThread: groups == 3 ? 128 : groups == 2 ? 168 : 255,
        sharedBytes: sharedBytes,
        clusterSize: clusterSize),
      on: device)
  }

  /// Trips of a work item.
  struct Steps: StepCounts {
    /// Whether the first step is masked.
    var first = 0
    var masked = 0
    var whole = 0
    /// Masked steps at the left edge of a window, after the unmasked ones.
    var edge = 0
    /// Whether the first step is a block that needs no mask.
    var firstWhole = 0
    /// Whether there is a step at all.
    var any = 0
    /// Where only some items are parts of an output: whether this one is none, or is.
    var wholeOutput = 0
    var partOutput = 0
    /// Whether it has rows.
    var hasRows = 0

    /// A walk over a band, whose first step is always masked.
    static func band(_ walk: QueryTiles.Steps) -> Steps {
      Steps(
        first: walk.first, masked: walk.masked, whole: walk.whole, edge: walk.edge, any: walk.first,
        hasRows: 1)
    }

    /// A walk over masked and then whole blocks.
    static func blocks(masked: Int, whole: Int) -> Steps {
      let firstMasked = min(masked, 1)
      let firstWhole = min(whole, 1 - firstMasked)
      return Steps(
        first: firstMasked, masked: masked - firstMasked, whole: whole - firstWhole, firstWhole: firstWhole,
        any: firstMasked + firstWhole, hasRows: 1)
    }
  }

  /// Barriers and alignment, beside the tiles.
  static let barrierBytes = 1024

  // MARK: Producer

  /// Rows by the four warps of the producer, 16 bytes a thread: sixteen rows at a time, eight lanes each; the address comes
  /// from another lane, its halves together, then the copies.
  ///
  /// - Parameters:
  ///   - read: bytes, and whether other work items read them too.
  ///   - addressing: instructions of each thread beside the copies.
  func copyByThreads(
    _ name: String, _ tensor: Tensor, rows: Int, columns: Int, read: (bytes: Double, isShared: Bool),
    addressing: Double, ring: Ring, from index: TileIndex, into slot: TileRef
  ) -> Operation {
    let bytes = Double(rows * columns * element)
    return Operation(
      name, .loadAsync,
      work: .of {
        if read.isShared { $0.globalRead = read.bytes } else { $0.streamRead = read.bytes }
        $0.sharedWrite = bytes
        $0.otherInstructions = bytes / 16 + 4 * 32 * addressing
        $0.alu = bytes / 16
        $0.shuffle = Double(2 * 8 * rows)
      }, chain: Chain(alu: 12 + 2 * rows / 16, shuffle: rows / 16), waits: [ring.empty], signals: [ring.full],
      action: .load(tensor, TileCoordinate(rows: rows, index: index), into: slot))
  }

  /// Gathers the rows of a query tile; those past the end are not read.
  func gatherQueries(_ q: Ring) -> Operation {
    let used = tiles.usedRows(count: tile.queryTile) / Double(tile.queryTile)
    return copyByThreads(
      "load Q", .q, rows: tile.queryTile, columns: tile.headDim,
      read: (Double(tile.queryTile * tile.headDim * element) * used, false), addressing: 60, ring: q,
      from: .item(scale: 1, offset: 0), into: TileRef(q.buffer, .item))
  }

  /// K of the first step, Q, then K of step j + 1 before V of step j; the last V alone.
  private func addProducer(
    _ builder: inout KernelBuilder<Steps>, q: Ring, k: [Ring], v: [Ring],
    hand: WorkHand?, on device: Device
  ) {
    func copy(_ name: String, _ rings: [Ring], _ tensor: Tensor, columns: Int, offset: Int)
      -> [Operation]
    {
      rings.enumerated().map { part, ring in
        TileCopy(
          tensor,
          TileCoordinate(
            rows: tile.keyTile, index: .walk(offset: offset), firstColumn: part * columns / parts),
          columns: columns / parts
        ).byCopyEngine(name, multicast: clusterSize, into: ring)
      }
    }
    let loadQ =
      threadsLoadQueries
      ? gatherQueries(q)
      : TileCopy(
        .q, TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)), columns: tile.headDim,
        readers: .one
      ).byCopyEngine(into: q)
    let warps = threadsLoadQueries ? 4 : 1
    let firstK = copy("load K", k, .k, columns: tile.headDim, offset: 0)
    let nextK = copy("load K", k, .k, columns: tile.headDim, offset: 1)
    let loadV = copy("load V", v, .v, columns: tile.headDimV, offset: 0)
    builder.actor(
      "producer", warps: warps,
      blocks: beginnings(warps: 1) + [
        Block(
          trips: .fixed(hand == nil ? 0 : 1), stepsPerTrip: 0,
          operations: hand.map { [$0.readLengthsForCopies(threads: Double(32 * warps))] } ?? []),
        Block(
          trips: .count(\Steps.any), stepsPerTrip: 0,
          operations: firstK + [loadQ]
            + (hand.map { [Operation("wait for O to leave", .sync, waits: [$0.outputStored])] } ?? [])),
        Block(trips: .count(\Steps.masked), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .count(\Steps.whole), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .count(\Steps.edge), stepsPerTrip: 1, operations: nextK + loadV),
        Block(trips: .fixed(hand == nil ? 0 : 1), stepsPerTrip: 0, operations: hand.map { [$0.count] } ?? []),
        Block(trips: .count(\Steps.any), stepsPerTrip: 1, operations: loadV),
      ] + (hand.map { dealing($0, on: device) } ?? []))
  }
}
