import Attention
import HWModels
import Programs

/// How the producer of a call with lengths from a table comes by work items and hands them to the consumers.
///
/// Expected between two items (H100, cycles). The producer, when it has asked for the last tile of K: the counter's answer, one
/// round trip and the exchange between lanes, 620; the last tile of V; tiles and parts of the next 31 sequences, read and
/// summed over the warp, 700 where the lengths are near and 1,050 where not, once more for every 31 sequences further on; the
/// item's place, 550; number and lengths of the sequence and what is computed from them, 830 beside one consumer warpgroup, 1,460
/// beside more. Where four warps copy, all meet the consumers at the place: the next item's first copy begins when the last
/// product of this one is done. Consumers: the place, 190; number and lengths, 470 to 700; once more before the output is
/// stored, 410 to 760, and the addresses of its rows, 260 and 40 for each 2 KiB.
///
/// Instructions are those of the compiled kernels (sglang-kernel 0.4.3), rounded: 127 to 175 for number and lengths by the producer,
/// 119 to 126 for the tiles of 31 sequences with the place. Their stall samples say 600 to 1,160 for the counter, 1,250 to 1,500
/// for tiles and place, 1,090 (one warpgroup, with the page table) to 2,010 for number and lengths; for consumers 510 to 950
/// before the first product, 750 to 2,280 after the last.
/// - Source: Dao-AILab/flash-attention@0251105 hopper/tile_scheduler.hpp (`VarlenDynamicPersistentTileScheduler`),
///   hopper/flash_fwd_kernel_sm90.h.
struct WorkHand {
  /// The place of the next work item is in shared memory, and was read.
  let full: BarrierID
  let empty: BarrierID
  /// Consumers are at the place; nil where the producer is one warp, which only arrives.
  let met: BarrierID?
  /// O, which lies where V lay, has left shared memory.
  let outputStored: BarrierID

  /// The core's own cache has the lengths: 32 sequences lie in one of its lines, and a core comes back to them.
  let isNear: Bool
  let consumers: Int

  init(_ builder: inout KernelBuilder<some StepCounts>, consumers: Int, producerWarps: Int, isNear: Bool) {
    self.isNear = isNear
    self.consumers = consumers
    full = builder.barrier("work item full", .named)
    empty = builder.barrier("work item empty", .named, arrivals: consumers, initialPhases: 1)
    met = producerWarps > 1 ? builder.barrier("consumers at the work item", .named, arrivals: consumers) : nil
    outputStored = builder.barrier("O stored", .memory, arrivals: consumers, initialPhases: 1)
  }

  /// Latencies of shared memory that a read takes which the core's own cache answers: beside one consumer warpgroup it has the
  /// load and store unit to itself (25 to 40 cycles), beside more it queues behind their loads, stores and copies (60 to 170).
  private var nearRead: Int { consumers == 1 ? 1 : 3 }

  /// `near` reads one after the other that the core's own cache answers; the lengths' own come from further away where a core
  /// does not come back to them.
  func reads(_ near: Int, alu: Int, shuffle: Int = 0) -> Chain {
    Chain(
      alu: alu, shuffle: shuffle, shared: nearRead * (isNear ? near : near - 1), global: isNear ? 0 : 1)
  }

  /// Number and lengths of the sequence, and what tells where they lie: by a consumer, before its first product and before
  /// it stores.
  func readLengths(threads: Double, instructions: Double, reads: Int) -> Operation {
    Operation(
      "read its lengths", .vector, work: .of { $0.otherInstructions = threads * instructions },
      chain: self.reads(reads, alu: 20))
  }

  /// The same by the producer, whose registers do not hold what it needs: most of the reads are from local memory.
  func readLengthsForCopies(threads: Double) -> Operation {
    Operation(
      "read its lengths", .vector, work: .of { $0.otherInstructions = threads * 150 },
      chain: reads(11, alu: 30))
  }

  /// What a consumer does before it stores an item's output: it asks for the next.
  var take: [Operation] {
    (met.map { [Operation("come for the next work item", .sync, signals: [$0])] } ?? []) + [
      Operation("wait for the next work item", .sync, waits: [full]),
      Operation(
        "read its place", .vector, work: .of { $0.otherInstructions = 128 * 30 },
        chain: Chain(alu: 20, shared: 1), signals: [empty]),
    ]
  }

  /// One lane counts for the warp and tells the others; the answer is needed before the warp goes on.
  var count: Operation {
    Operation(
      "count work items", .vector, work: .of { $0.otherInstructions = 13 * 32 },
      chain: Chain(alu: 20, shuffle: 3, global: 1))
  }
}

/// The producer of calls with a paged cache: a warpgroup whose threads copy 16 bytes each.
///
/// Expected for the first tiles of an item (H100, cycles), one after another: lengths of the sequence 830 to 1,460, entries of the page
/// table 382; the copies of K and Q, of which each group of 16 rows takes a shuffle and the address from it, 32, 8 groups a
/// tile of 128 rows, beside 40 to 60 instructions a thread; then their latency and bytes. Consumers meanwhile store the output
/// of the item before, 1,200 to 1,600. V comes beside the softmax.
/// - Source: Dao-AILab/flash-attention@0251105 hopper/paged_kv.h, hopper/mainloop_fwd_sm90_tma_gmma_ws.hpp (`load`).
extension FlashAttention3Forward {
  /// Sequences whose tiles a warp sums up at a time.
  private static let sequencesPerStep = 31

  /// Work items of a sequence.
  private var itemsPerSequence: Int {
    shape.lengths == nil
      ? tiles.tilesPerSequence * shape.headsQ / packedHeads * splits
      : max(items().total / shape.batch, 1)
  }

  /// Steps of 31 sequences between two work items of a core, beside the first: cores take items in turn.
  private func furtherSteps(on device: Device) -> Int {
    Int(device.cores.count.value) / itemsPerSequence / Self.sequencesPerStep
  }

  /// Between two work items of a core lie fewer sequences than a line of the cache has lengths of.
  func lengthsAreNear(on device: Device) -> Bool {
    Int(device.cores.count.value) <= 32 * itemsPerSequence
  }

  /// How the producer comes by the next work item and hands it on, when it has asked for the last tile of this one.
  func dealing(_ hand: WorkHand, on device: Device) -> [Block] {
    let sum = Operation(
      "tiles of 31 sequences", .vector,
      work: .of {
        $0.shuffle = 10 * 32
        $0.otherInstructions = 100 * 32
      }, chain: hand.reads(1, alu: 40, shuffle: 10))
    let place = Operation(
      "place of the work item", .vector, work: .of { $0.otherInstructions = 60 * 32 },
      chain: Chain(alu: 60, shuffle: 6), waits: [hand.empty], signals: [hand.full])
    let meet = hand.met.map { [Operation("meet the consumers", .sync, waits: [$0])] } ?? []
    return [
      Block(trips: .fixed(1 + furtherSteps(on: device)), stepsPerTrip: 0, operations: [sum]),
      Block(trips: .fixed(1), stepsPerTrip: 0, operations: [place] + meet),
    ]
  }

  func addCopyingProducer(
    _ builder: inout KernelBuilder<Steps>, q: Ring, k: Ring, v: Ring,
    hand: WorkHand, on device: Device
  ) {
    let threads = 128.0
    func copy(_ name: String, _ ring: Ring, _ tensor: Tensor, columns: Int, offset: Int)
      -> Operation
    {
      // Rows past the end are not read.
      copyByThreads(
        name, tensor, rows: tile.keyTile, columns: columns,
        read: (Double(min(tile.keyTile, shape.seqKV) * columns * element), true), addressing: 40, ring: ring,
        from: .walk(offset: offset), into: TileRef(ring.buffer, .step(offset: offset)))
    }
    let table = builder.buffer("page entries", .registers, rows: tile.keyTile, columns: 1, type: .fp32)
    let entries = Operation(
      "load page table", .loadStore,
      work: .of {
        $0.tableRead = Double(4 * max(tile.keyTile / (page ?? 1), 1))
        $0.otherInstructions = 6 * threads
        $0.alu = 10 * threads
      }, chain: Chain(alu: 12), action: .fill(TileRef(table), 0))
    let firstK = copy("load K", k, .k, columns: tile.headDim, offset: 0)
    let nextK = copy("load K", k, .k, columns: tile.headDim, offset: 1)
    let loadV = copy("load V", v, .v, columns: tile.headDimV, offset: 0)
    let begin = [
      entries, firstK, gatherQueries(q), Operation("wait for O to leave", .sync, waits: [hand.outputStored]),
    ]
    let step = [entries, nextK, loadV]
    builder.actor(
      "producer", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [hand.readLengthsForCopies(threads: threads)]),
        Block(trips: .count(\Steps.any), stepsPerTrip: 0, operations: begin),
        Block(trips: .count(\Steps.masked), stepsPerTrip: 1, operations: step),
        Block(trips: .count(\Steps.whole), stepsPerTrip: 1, operations: step),
        Block(trips: .count(\Steps.edge), stepsPerTrip: 1, operations: step),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: [hand.count]),
        Block(trips: .count(\Steps.any), stepsPerTrip: 1, operations: [loadV]),
      ] + dealing(hand, on: device))
  }
}
