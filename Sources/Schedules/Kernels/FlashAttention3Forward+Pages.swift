import HWModels

/// How the producer of a call with lengths from a table comes by work items and hands them to the consumers.
///
/// Expected between two items (H100, cycles). The producer, when it has asked for the last tile of an item: the counter has answered
/// meanwhile (an addition in the shared cache and back, 400); tiles and parts of the next 31 sequences, 382, and their sum over a
/// warp, 6 x 24 + 20 x 4 = 224, once more for every 31 sequences further on; then the item's place, for which consumers wait
/// before they store their output. Consumers: place, number and lengths, two reads one after the other, 544 and 320 for
/// what is computed from them; lengths once more before the output is stored, 430. Stall samples of the compiled kernel say 279 + 265 and 330,
/// 575 of waiting for the place, 454 (16 x 1024 tokens, head dim 128; validation/fa3_cpp_h100.csv has the cycles of whole
/// calls).
/// - Source: Dao-AILab/flash-attention@0251105 hopper/tile_scheduler.hpp (`VarlenDynamicPersistentTileScheduler`),
///   hopper/flash_fwd_kernel_sm90.h.
struct WorkHand {
  /// The place of the next work item is in shared memory, and was read.
  let full: BarrierID
  let empty: BarrierID
  /// The counter has answered.
  let counted: BarrierID
  /// O, which lies where V lay, has left shared memory.
  let outputStored: BarrierID

  init(_ builder: inout KernelBuilder, consumers: Int) {
    full = builder.barrier("work item full", .named)
    empty = builder.barrier("work item empty", .named, arrivals: consumers, initialPhases: 1)
    counted = builder.barrier("work item counted", .completion)
    outputStored = builder.barrier("O stored", .memory, arrivals: consumers, initialPhases: 1)
  }

  /// Number and lengths of the sequence: two reads one after the other, of which the first level has one.
  static func readLengths(threads: Double, instructions: Double) -> Operation {
    Operation(
      "read its lengths", .vector, work: .of { $0.otherInstructions = threads * instructions },
      chain: Chain(alu: 20, shared: 1, global: 1))
  }

  /// What a consumer does before it stores an item's output: it asks for the next.
  var take: [Operation] {
    [
      Operation("wait for the next work item", .sync, waits: [full]),
      Operation(
        "read its place", .vector, work: .of { $0.otherInstructions = 128 * 30 },
        chain: Chain(alu: 20, shared: 1), signals: [empty]),
    ]
  }

  /// Asks the counter while the item's own tiles are on their way.
  var count: Operation {
    Operation("count work items", .loadAsync, work: .of { $0.otherInstructions = 4 * 32 }, signals: [counted])
  }
}

/// The producer of calls with a paged cache: a warpgroup whose threads copy 16 bytes each.
///
/// Expected for the first tiles of an item (H100, cycles), one after another: lengths of the sequence 440, entries of the page table 382,
/// addresses 60; then K and Q, 382 and their bytes. Consumers meanwhile store the output of the item before, 500. V comes beside the
/// softmax.
/// - Source: Dao-AILab/flash-attention@0251105 hopper/paged_kv.h, hopper/mainloop_fwd_sm90_tma_gmma_ws.hpp (`load`).
extension FlashAttention3Forward {
  /// Sequences whose tiles a warp sums up at a time.
  private static let sequencesPerStep = 31

  /// Steps of 31 sequences between two work items of a core, beside the first: cores take items in turn.
  private func furtherSteps(on device: Device) -> Int {
    let items =
      shape.lengths == nil
      ? tiles.tilesPerSequence * shape.headsQ / packedHeads * splits
      : max(self.items().total / shape.batch, 1)
    return Int(device.cores.count.value) / items / Self.sequencesPerStep
  }

  /// How the producer comes by the next work item and hands it on, when it has asked for the last tile of this one.
  func dealing(_ hand: WorkHand, on device: Device) -> [Block] {
    let sum = Operation(
      "tiles of 31 sequences", .vector,
      work: .of {
        $0.shuffle = 8 * 32
        $0.alu = 20 * 32
        $0.otherInstructions = 10 * 32
      }, chain: Chain(alu: 20, shuffle: 7, global: 1))
    let place = Operation(
      "place of the work item", .vector, work: .of { $0.alu = 20 * 32 },
      chain: Chain(alu: 20, shuffle: 3), waits: [hand.empty], signals: [hand.full])
    return [
      Block(
        trips: .fixed(1), stepsPerTrip: 0,
        operations: [Operation("wait for the counter", .sync, waits: [hand.counted])]),
      Block(trips: .fixed(1 + furtherSteps(on: device)), stepsPerTrip: 0, operations: [sum]),
      Block(trips: .fixed(1), stepsPerTrip: 0, operations: [place]),
    ]
  }

  func addCopyingProducer(
    _ builder: inout KernelBuilder, q: KernelBuilder.Ring, k: KernelBuilder.Ring, v: KernelBuilder.Ring,
    steps: StepVariables, hand: WorkHand, on device: Device
  ) {
    let threads = 128.0
    func copy(_ name: String, _ ring: KernelBuilder.Ring, _ tensor: Tensor, columns: Int, offset: Int)
      -> Operation
    {
      let bytes = Double(tile.keyTile * columns * element)
      return Operation(
        name, .loadAsync,
        work: .of {
          // Rows past the end are not read.
          $0.globalRead = Double(min(tile.keyTile, shape.seqKV) * columns * element)
          $0.sharedWrite = bytes
          // A 16-byte copy a lane; the address of a row is found by one of the eight lanes that read it.
          $0.otherInstructions = bytes / 16
          $0.alu = bytes / 16
          $0.shuffle = Double(2 * 8 * tile.keyTile)
        }, waits: [ring.empty], signals: [ring.full],
        action: .load(
          tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: offset)),
          into: TileRef(ring.buffer, .step(offset: offset))))
    }
    let queryBytes = Double(tile.queryTile * tile.headDim * element)
    let usedQueries = tiles.usedRows(count: tile.queryTile) / Double(tile.queryTile)
    let loadQ = Operation(
      "load Q", .loadAsync,
      work: .of {
        $0.streamRead = queryBytes * usedQueries
        $0.sharedWrite = queryBytes
        $0.otherInstructions = queryBytes / 16
        $0.alu = queryBytes / 16
        $0.shuffle = Double(2 * 8 * tile.queryTile)
      }, chain: Chain(alu: 12, shuffle: 1), waits: [q.empty], signals: [q.full],
      action: .load(
        .q, TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)),
        into: TileRef(q.buffer, .item)))
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
      entries, firstK, loadQ, Operation("wait for O to leave", .sync, waits: [hand.outputStored]),
    ]
    let step = [entries, nextK, loadV]
    builder.actor(
      "producer", warps: 4,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [WorkHand.readLengths(threads: threads, instructions: 60), hand.count]),
        Block(trips: .variable(steps.any, offset: 0), stepsPerTrip: 0, operations: begin),
        Block(trips: .variable(steps.masked, offset: 0), stepsPerTrip: 1, operations: step),
        Block(trips: .variable(steps.whole, offset: 0), stepsPerTrip: 1, operations: step),
        Block(trips: .variable(steps.edge, offset: 0), stepsPerTrip: 1, operations: step),
        Block(trips: .variable(steps.any, offset: 0), stepsPerTrip: 1, operations: [loadV]),
      ] + dealing(hand, on: device))
  }
}
