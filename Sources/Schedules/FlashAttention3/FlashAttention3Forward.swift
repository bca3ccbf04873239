import HWModels
import Programs

/// FlashAttention-3, forward (Shah et al. 2024, Algorithm 2): a work item owns a tile of queries. A producer copies it and the
/// tiles of K and V that it sees; warpgroups of 64 rows each work out the scores of a step beside the output of the step
/// before, and take turns.
///
/// Where rows and keys come from, how cores come by work items, which tiles are walked and where output goes are values,
/// chosen in `FlashAttention3Forward+Builds.swift`.
///
/// Expected per step of 128 x 128 at head dim 128 (two warpgroups, 4096 flop, 16 exp, 128 B a cycle and core):
/// tensor 2 x (512 + 512) = 2048; shared 2 x (384 + 256) read, 512 written = 1792; exp 2 x 512 = 1024; issue about
/// 2 x 470. No unit is full: the chain of one warpgroup (products, maximum, exponentials, sum, conversion, rescale,
/// its turn again) sets the pace.
struct FlashAttention3Forward {
  let tile: FlashAttention3Tile
  let type: DataType
  /// The kernel so far: what the values below have in it.
  let builder: KernelBuilder<Steps>
  let rows: any RowSource
  let keys: any KeySource
  let items: any ItemSource
  let walk: Walk
  let outputs: [Output]
  /// Whether warpgroups take turns.
  let pingPong: Bool
  /// Slots of the rings of K and of V.
  let slots: Int
  /// How the kernel is compiled to take the exponential.
  var exponential = SoftmaxSteps.Exponential.fused
  /// Instructions of a step and warp beside matrix products, softmax and shuffles: stage and phase arithmetic,
  /// descriptors, barrier polls, branches. Counted in the compiled loop (65, 71 and 73 at head dim 64, 128 and 256).
  var loopInstructions = 70.0

  /// Trips of a work item.
  struct Steps: StepCounts {
    /// Whether the first step is masked.
    var first = 0
    /// Whether the first step is a block that needs no mask.
    var firstWhole = 0
    var masked = 0
    var whole = 0
    /// Masked steps at the left edge of a window, after the unmasked ones.
    var edge = 0
    /// Whether there is a step at all.
    var any = 0
    /// Whether it stores outputs, or parts of outputs.
    var output = 0
    var partialOutput = 0
  }

  /// What producer and warpgroups share. K and V have a ring for each part of the head dimension.
  struct Shared {
    let q: Ring
    let k: [Ring]
    let v: [Ring]
    let turns: [BarrierID]
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = builder
    let shared = shared(&builder)
    builder.actor("producer", warps: max(rows.warps, keys.warps)) { produce(&$0, shared) }
    for group in 0..<tile.warpgroups {
      let warpgroup = Warpgroup(&builder, self, group, shared)
      builder.actor("warpgroup \(group)", warps: 4) { consume(&$0, shared, warpgroup) }
    }
    return try builder.build(
      items: walk.items, policy: items.policy,
      footprint: Footprint(
        threads: 128 * (tile.warpgroups + 1),
        registersPerThread: tile.warpgroups == 3 ? 128 : tile.warpgroups == 2 ? 168 : 255,
        sharedBytes: tile.sharedBytes(slots: slots), clusterSize: keys.multicast),
      on: device)
  }

  private func shared(_ builder: inout KernelBuilder<Steps>) -> Shared {
    func ring(_ name: String, rows: Int, columns: Int, slots: Int) -> Ring {
      builder.ring(name, rows: rows, columns: columns, type: type, slots: slots, consumers: tile.warpgroups)
    }
    func parts(_ name: String, columns: Int) -> [Ring] {
      (0..<keys.parts).map { part in
        ring(
          keys.parts == 1 ? name : "\(name)\(part)", rows: tile.keyTile, columns: columns / keys.parts,
          slots: slots)
      }
    }
    return Shared(
      q: ring("Q", rows: tile.queryTile, columns: tile.headDim, slots: 1),
      k: parts("K", columns: tile.headDim), v: parts("V", columns: tile.headDimV),
      turns: (0..<tile.warpgroups).map { group in
        builder.barrier("turn \(group)", .named, initialPhases: group == 0 ? 1 : 0)
      })
  }

  // MARK: The producer

  /// K of the first step, Q, then K of step j + 1 before V of step j; the last V alone.
  private func produce(_ actor: inout ActorBuilder<Steps>, _ shared: Shared) {
    items.begin(&actor, .producer(warps: max(rows.warps, keys.warps)))
    actor.when(\.any) {
      keys.find
      keys.load(.k, ahead: 0, into: shared.k)
      rows.load(into: shared.q)
      items.awaitOutput
    }
    for loop in [\Steps.masked, \.whole, \.edge] {
      actor.each(loop) {
        keys.find
        keys.load(.k, ahead: 1, into: shared.k)
        keys.load(.v, ahead: 0, into: shared.v)
      }
    }
    actor.once { items.count }
    actor.each(\.any) { keys.load(.v, ahead: 0, into: shared.v) }
    items.deal(&actor)
  }

  // MARK: A warpgroup

  /// Scores of a step, output of the one before, softmax meanwhile. The first step has no output product beside it and takes
  /// no turn.
  private func consume(_ actor: inout ActorBuilder<Steps>, _ shared: Shared, _ own: Warpgroup) {
    items.begin(&actor, .warpgroup)
    actor.once { own.clear }
    for (first, mask) in walk.begins {
      actor.each(first) {
        Operation.wait("Q", shared.q.full)
        own.scores()
        own.releaseK
        own.mask(mask)
        own.softmax
        own.convert
      }
    }
    for (loop, mask) in [(\Steps.masked, walk.mask), (\.whole, nil), (\.edge, walk.mask)] {
      actor.each(loop) {
        Operation.loopControl(warps: 4, loopInstructions)
        own.scores(turn: own.turn)
        if tile.rescalesBeforeProduct { own.rescale }
        own.accumulate
        own.passTurn
        own.releaseK
        if let mask { own.mask(mask) }
        own.softmax
        own.releaseV
        own.convert
        if !tile.rescalesBeforeProduct { own.rescale }
      }
    }
    actor.when(\.any) {
      // All scores are there: the next work item's queries may come beside the last product.
      Operation.release("Q", shared.q.empty)
      if tile.rescalesBeforeProduct { own.rescale }
      own.accumulate
      own.releaseV
    }
    actor.once { items.take }
    for output in outputs { actor.when(output.count) { output.sink.round(own) } }
    actor.when(\.any) { items.giveBack }
    for output in outputs { actor.when(output.count) { output.sink.store(own) } }
  }
}
