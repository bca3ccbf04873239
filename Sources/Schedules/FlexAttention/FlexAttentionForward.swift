import Attention
import HWModels
import Programs

/// Builds the kernel of FlexAttention's forward pass.
///
/// One actor for each warpgroup; they share the rings and meet at their barriers. Each of the two loops (partial blocks,
/// full blocks) loads its first two steps before it begins and the step after next in every step.
struct FlexAttentionForward {
  let shape: AttentionShape
  let tile: FlexTile
  /// What a kernel evaluates whose lists say all about the mask but this; nil for a kernel that evaluates the mask itself.
  var listedCode: MaskCode?

  private let element = 2
  private var code: MaskCode { listedCode ?? MaskCode(shape.mask) }
  /// A kernel without a mask has one list of one endless block, and no index to read.
  private var hasBlockLists: Bool { shape.mask != .none }
  /// ptxas serialises the products of a warpgroup whose tile takes two instructions side by side, and those of a kernel
  /// whose rule reads tables for each score.
  private var isSerialised: Bool { tile.isSerialised || code.scoreLookups > 0 }
  /// Lengths that blocks do not divide: every step checks the bounds.
  private var checksBounds: Bool {
    shape.seqQ % FlexAttention.block != 0 || shape.seqKV % FlexAttention.block != 0
  }
  /// Instructions of a step and warp beside products, softmax and copies, counted in the compiled loops: uniform
  /// address and descriptor arithmetic, moves, fences, index loads, branches; and integer arithmetic on lanes. Each
  /// serialised product adds a fence and a wait.
  private var loopInstructions: (other: Double, logic: Double) {
    isSerialised ? (other: 95, logic: 33) : (other: 68, logic: 25)
  }

  /// Trips of one of the two loops. The first step has no output product of an earlier one to wait for; the last two
  /// load nothing.
  struct Loop: StepCounts {
    var any = 0
    var second = 0
    var firstLoading = 0
    var first = 0
    var main = 0
    var last = 0

    init() {}

    init(_ steps: Int) {
      any = min(steps, 1)
      second = steps > 1 ? 1 : 0
      firstLoading = steps > 2 ? 1 : 0
      first = any - firstLoading
      main = max(steps - 3, 0)
      last = min(max(steps - 1, 0), 2)
    }
  }

  /// Steps with mask, then those without.
  struct Steps: StepCounts {
    var partial = Loop()
    var full = Loop()
  }

  /// What the warpgroups share.
  private struct Shared {
    let q: BufferID
    let queriesLoaded: BarrierID
    let k: Ring
    let v: Ring
  }

  func kernel(items: ItemSpace, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlexAttention.name, kernel: "flex_fwd")
    let type = shape.dataType
    let groups = tile.warpgroups
    let q = builder.buffer("Q", .shared, rows: tile.queryTile, columns: tile.headDim, type: type)
    let queriesLoaded = builder.barrier("Q loaded", .named, arrivals: groups)
    // Every warpgroup copies its share of a tile and gives it back.
    func ring(_ name: String, columns: Int) -> Ring {
      builder.ring(
        name, rows: tile.keyTile, columns: columns, type: type, slots: tile.stages, producers: groups,
        consumers: groups, mechanism: .named)
    }
    let shared = Shared(
      q: q, queriesLoaded: queriesLoaded, k: ring("K", columns: tile.headDim),
      v: ring("V", columns: tile.headDimV))
    for group in 0..<groups { addWarpgroup(&builder, group, shared) }
    let sharedBytes =
      tile.queryTile * tile.headDim * element
      + tile.stages * tile.keyTile * (tile.headDim + tile.headDimV) * element
    return try builder.build(
      items: items, policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: 128 * groups, registersPerThread: registers, sharedBytes: sharedBytes), on: device)
  }

  /// Registers of a thread as compiled: 237 to 255 at head dim 64, 153 to 239 at 128.
  private var registers: Int { tile.isSerialised ? 255 : tile.warpgroups == 2 ? 240 : 168 }

  // MARK: A warpgroup

  private func addWarpgroup(_ builder: inout KernelBuilder<Steps>, _ group: Int, _ shared: Shared) {
    let halves = tile.rowsPerGroup / 64
    let parts = (0..<halves).map { half in
      let consumer = ConsumerBuffers(
        builder: &builder, group: group * halves + half, rows: 64, keyTile: tile.keyTile,
        headDimV: tile.headDimV, type: shape.dataType, probabilitiesInRegisters: true, exponential: .scaled)
      return FlexProducts(
        tile: tile, consumer: consumer, row: group * tile.rowsPerGroup + half * 64,
        queryTile: TileCoordinate(
          rows: 64, index: .item(scale: tile.queryTile / 64, offset: group * halves + half)),
        q: shared.q, k: shared.k, v: shared.v, isSerialised: isSerialised)
    }
    builder.actor("warpgroup \(group)", warps: 4) { actor in
      actor.once {
        for part in parts { part.consumer.clear }
        loadQueries(group, shared)
        Operation.wait("Q", shared.queriesLoaded)
      }
      for (loop, isMasked) in [(\Steps.partial, true), (\Steps.full, false)] {
        func step(isFirst: Bool = false, loads: Bool = false) -> [Operation] {
          self.step(parts, shared, isMasked: isMasked, isFirst: isFirst)
            + (hasBlockLists ? [nextBlock] : []) + (loads ? self.loads(2, shared) : [])
        }
        actor.when(loop.appending(path: \.any)) {
          readIndex
          loads(0, shared)
        }
        actor.when(loop.appending(path: \.second)) { loads(1, shared) }
        actor.each(loop.appending(path: \.firstLoading)) { step(isFirst: true, loads: true) }
        actor.each(loop.appending(path: \.first)) { step(isFirst: true) }
        actor.each(loop.appending(path: \.main)) { step(loads: true) }
        actor.each(loop.appending(path: \.last)) { step() }
        actor.when(loop.appending(path: \.any)) { parts[0].drain }
      }
      actor.once {
        for part in parts { epilogue(part) }
      }
    }
  }

  private func loadQueries(_ group: Int, _ shared: Shared) -> Operation {
    let rows = tile.rowsPerGroup
    return TileCopy(
      .q, TileCoordinate(rows: rows, index: .item(scale: tile.warpgroups, offset: group)),
      columns: tile.headDim, readers: .one
    ).byThreads(
      addressing: 0, into: TileRef(shared.q, rows: group * rows..<(group + 1) * rows),
      signals: [shared.queriesLoaded])
  }

  /// The first block's number, on which the first addresses depend.
  private var readIndex: Operation {
    Operation(
      "read block list", .vector, work: .of { $0.otherInstructions = 128 * 40 }, chain: Chain(global: 1))
  }

  /// Two numbers of the block list from the nearest cache, and from their difference the eight addresses of the next
  /// copies, 64 bits wide: each of those multiplications takes the turns of four.
  private var nextBlock: Operation {
    Operation(
      "next block", .vector,
      work: .of {
        $0.fma = 128 * 8 * 4
        $0.alu = 128 * 12
        $0.otherInstructions = 128 * 2
      }, chain: Chain(alu: 8, shared: 1))
  }

  /// This warpgroup's share of K and V of the step `offset` from here: 16 bytes a lane and copy.
  private func loads(_ offset: Int, _ shared: Shared) -> [Operation] {
    let tensors = [(Tensor.k, shared.k, tile.headDim), (.v, shared.v, tile.headDimV)]
    return tensors.map { tensor, ring, columns in
      let bytes = Double(tile.keyTile * columns * element) / Double(tile.warpgroups)
      return Operation(
        "load \(tensor.rawValue.uppercased())", .loadAsync,
        work: .of {
          $0.globalRead = bytes
          $0.sharedWrite = bytes
          $0.otherInstructions = bytes / 16
          $0.alu = bytes / 16
        }, waits: [ring.empty], signals: [ring.full],
        action: .load(
          tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: offset)),
          into: TileRef(ring.buffer, .step(offset: offset))))
    }
  }

  // MARK: A step

  private func step(
    _ parts: [FlexProducts], _ shared: Shared, isMasked: Bool, isFirst: Bool
  ) -> [Operation] {
    let begin = [
      Operation.loopControl(warps: 4, loopInstructions.other, logic: loopInstructions.logic),
      Operation.wait("K and V", shared.k.full, shared.v.full),
    ]
    let masks = parts.map { mask($0, isMasked: isMasked) }
    return begin
      + (tile.isSerialised
        ? FlexProducts.serialisedStep(parts, masks: masks)
        : isSerialised
          ? parts[0].serialisedStep(mask: masks[0])
          : parts[0].step(mask: masks[0], isFirst: isFirst, sumsLate: hasBlockLists))
  }

  /// The mask rule on partial blocks; where lengths are no multiples of a block, the bounds on all.
  private func mask(_ part: FlexProducts, isMasked: Bool) -> [Operation] {
    let scores = Double(64 * tile.keyTile)
    var work = isMasked ? code.work(scores: scores, rowsPerLane: Double(tile.rowsPerGroup / 32)) : Work()
    if checksBounds {
      work.alu +=
        scores + (1 + MaskCode.logicPerDivision) * scores / Double(tile.rowsPerGroup / 32)
    }
    guard isMasked || checksBounds else { return [] }
    return [
      Operation(
        "mask S", .vector, work: work, chain: Chain(alu: 4),
        action: .mask(
          part.consumer.scores, keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
          queryTile: part.queryTile))
    ]
  }

  @OperationList
  private func epilogue(_ part: FlexProducts) -> [Operation] {
    let epilogue = Epilogue(part.consumer, part.queryTile, columns: tile.headDimV)
    epilogue.normalise
    epilogue.throughShared(addressing: 1)
    epilogue.storeByThreads
  }
}
