import HWModels
import Programs

extension FlashAttention3Forward {
  /// Work items dealt from a counter to a batch of lengths from a table; the producer hands them to the consumers.
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
  struct DealtItems: ItemSource {
    let policy: TilePolicy
    private let consumers: Int
    /// Steps of 31 sequences, which a warp sums up at a time, between two work items of a core, beside the first: cores take
    /// items in turn.
    private let furtherSteps: Int
    /// The core's own cache has the lengths: 32 sequences lie in one of its lines, and a core comes back to them.
    private let isNear: Bool
    /// The place of the next work item is in shared memory, and was read.
    private let full: BarrierID
    private let empty: BarrierID
    /// Consumers are at the place; nil where the producer is one warp, which only arrives.
    private let met: BarrierID?
    /// O, which lies where V lay, has left shared memory.
    private let outputStored: BarrierID

    init(
      _ builder: inout KernelBuilder<Steps>, policy: TilePolicy, consumers: Int, producerWarps: Int,
      itemsPerSequence: Int, on device: Device
    ) {
      self.policy = policy
      self.consumers = consumers
      let cores = Int(device.cores.count.value)
      furtherSteps = cores / itemsPerSequence / 31
      isNear = cores <= 32 * itemsPerSequence
      full = builder.barrier("work item full", .named)
      empty = builder.barrier("work item empty", .named, arrivals: consumers, initialPhases: 1)
      met =
        producerWarps > 1 ? builder.barrier("consumers at the work item", .named, arrivals: consumers) : nil
      outputStored = builder.barrier("O stored", .memory, arrivals: consumers, initialPhases: 1)
    }

    /// `near` reads one after the other that the core's own cache answers; the lengths' own come from further away where a core
    /// does not come back to them.
    private func reads(_ near: Int, alu: Int, shuffle: Int = 0) -> Chain {
      // Latencies of shared memory a read: beside one consumer warpgroup it has the load and store unit to itself (25 to 40
      // cycles), beside more it queues behind their loads, stores and copies (60 to 170).
      let read = consumers == 1 ? 1 : 3
      return Chain(
        alu: alu, shuffle: shuffle, shared: read * (isNear ? near : near - 1), global: isNear ? 0 : 1)
    }

    /// Number and lengths of the sequence, and what tells where they lie.
    private func readLengths(threads: Double, instructions: Double, _ chain: Chain) -> Operation {
      Operation(
        "read its lengths", .vector, work: .of { $0.otherInstructions = threads * instructions }, chain: chain
      )
    }

    /// The producer's registers do not hold what it needs: most of the reads are from local memory.
    func begin(_ actor: inout ActorBuilder<Steps>, _ warps: Warps) {
      actor.once {
        switch warps {
        case .producer: readLengths(threads: warps.threads, instructions: 150, reads(11, alu: 30))
        case .warpgroup: readLengths(threads: warps.threads, instructions: 105, reads(4, alu: 20))
        }
      }
    }

    var awaitOutput: [Operation] { [Operation("wait for O to leave", .sync, waits: [outputStored])] }

    /// One lane counts for the warp and tells the others; the answer is needed before the warp goes on.
    var count: [Operation] {
      [
        Operation(
          "count work items", .vector, work: .of { $0.otherInstructions = 13 * 32 },
          chain: Chain(alu: 20, shuffle: 3, global: 1))
      ]
    }

    func deal(_ actor: inout ActorBuilder<Steps>) {
      actor.once(trips: 1 + furtherSteps) {
        Operation(
          "tiles of 31 sequences", .vector,
          work: .of {
            $0.shuffle = 10 * 32
            $0.otherInstructions = 100 * 32
          }, chain: reads(1, alu: 40, shuffle: 10))
      }
      actor.once {
        Operation(
          "place of the work item", .vector, work: .of { $0.otherInstructions = 60 * 32 },
          chain: Chain(alu: 60, shuffle: 6), waits: [empty], signals: [full])
        if let met { Operation("meet the consumers", .sync, waits: [met]) }
      }
    }

    /// A warpgroup asks for the next work item, and reads again what tells where its own output lies.
    var take: [Operation] {
      (met.map { [Operation("come for the next work item", .sync, signals: [$0])] } ?? []) + [
        .wait("the next work item", full),
        Operation(
          "read its place", .vector, work: .of { $0.otherInstructions = 128 * 30 },
          chain: Chain(alu: 20, shared: 1), signals: [empty]),
        readLengths(threads: 128, instructions: 60, reads(6, alu: 20)),
      ]
    }

    /// Shared memory of V holds O until the threads that store it have read it.
    var giveBack: [Operation] { [Operation("give back V", .sync, signals: [outputStored])] }
  }
}
