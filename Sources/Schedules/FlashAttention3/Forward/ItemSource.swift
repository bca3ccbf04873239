import Programs

extension FlashAttention3Forward {
  /// How cores come by work items, and what the warps do for it beside their tiles: nothing, where it says nothing.
  protocol ItemSource {
    var policy: TilePolicy { get }
    /// Before warps know their work item.
    func begin(_ actor: inout ActorBuilder<Steps>, _ warps: Warps)
    /// Before V may land where O lay, by the producer.
    var awaitOutput: [Operation] { get }
    /// When the producer has asked for the last tile of K, and of V.
    var count: [Operation] { get }
    func deal(_ actor: inout ActorBuilder<Steps>)
    /// Before a warpgroup stores its output, and when O has left shared memory.
    var take: [Operation] { get }
    var giveBack: [Operation] { get }
  }

  enum Warps {
    case producer(warps: Int)
    case warpgroup

    var threads: Double {
      switch self {
      case .producer(let warps): Double(32 * warps)
      case .warpgroup: 128
      }
    }
  }

  /// A launch or a walk of the core over the grid, whose cost is the device's.
  struct PlainItems: ItemSource {
    let policy: TilePolicy
  }

  /// A launch a work item, by the CuTe build: one warp asks for the tensor maps and sets up the barriers, all warps meet
  /// (325 to 440 cycles), then registers change hands (105 for consumers, 230 to 450 for the producer;
  /// validation/sass_regions_h100.csv).
  ///
  /// Expected (H100, cycles) before a work item of a batch of different lengths knows its keys: one load of the sequence's
  /// lengths, 382 and the arithmetic behind it; where queries differ too, for every 31 sequences up to its own a load and a sum
  /// over the warp, 382 + 224.
  /// - Source: Dao-AILab/flash-attention@0251105 flash_attn/cute/tile_scheduler.py (`SingleTileVarlenScheduler`),
  ///   flash_attn/cute/seqlen_info.py.
  struct LaunchedItems: ItemSource {
    let policy: TilePolicy
    /// Whether lengths come from a table.
    var readsLengths = false
    /// Sequences among which it has to find its own: those with any number of queries.
    var sequences: Int?

    func begin(_ actor: inout ActorBuilder<Steps>, _ warps: Warps) {
      func read(_ name: String, shuffles: Int) -> Operation {
        Operation(
          name, .vector,
          work: .of {
            $0.shuffle = Double(shuffles) * warps.threads
            $0.otherInstructions = 30 * warps.threads
          }, chain: Chain(alu: 20, shuffle: shuffles, global: 1))
      }
      var change = Chain(alu: 25)
      if case .producer = warps { change.alu = 60 }
      actor.once {
        Operation("set up barriers", .vector, chain: Chain(alu: 55, shared: 5))
        Operation("change registers", .vector, chain: change)
      }
      // On average half of the sequences are passed on the way to one's own.
      if let sequences {
        actor.once(trips: 1 + sequences / 62) { read("find the sequence", shuffles: 6) }
      }
      if readsLengths { actor.once { read("read lengths", shuffles: 0) } }
    }
  }
}

extension FlashAttention3Forward.ItemSource {
  func begin(
    _ actor: inout ActorBuilder<FlashAttention3Forward.Steps>, _ warps: FlashAttention3Forward.Warps
  ) {}
  var awaitOutput: [Operation] { [] }
  var count: [Operation] { [] }
  func deal(_ actor: inout ActorBuilder<FlashAttention3Forward.Steps>) {}
  var take: [Operation] { [] }
  var giveBack: [Operation] { [] }
}
