import Attention
import HWModels
package import Programs

/// Builds NATTEN's fused attention kernel for Hopper.
struct GNAHopperForward {
  /// Barriers and alignment, beside the tiles.
  private static let barrierBytes = 1024
  let shape: AttentionShape
  let neighborhood: Neighborhood
  let tiles: GNATiles
  let isPersistent: Bool
  let permutes: Bool
  private let map: NeighborhoodTiles

  private let element = 2
  private var queryTokens: Int { tiles.query.reduce(1, *) }
  private var keyTokens: Int { tiles.key.reduce(1, *) }
  private var groups: Int { queryTokens / 64 }
  /// One warpgroup copies for itself; two have a producer warp.
  private var hasProducerWarp: Bool { groups > 1 }
  private var ringSlots: Int { hasProducerWarp ? 5 : 4 }

  init(
    shape: AttentionShape, neighborhood: Neighborhood, tiles: GNATiles, isPersistent: Bool, permutes: Bool
  ) throws(ScheduleError) {
    self.shape = shape
    self.neighborhood = neighborhood
    self.tiles = tiles
    self.isPersistent = isPersistent
    self.permutes = permutes
    do {
      map = try NeighborhoodTiles(neighborhood, queryTile: tiles.query, keyTile: tiles.key, origin: .fixed)
    } catch {
      throw .unsupported(schedule: GNAHopper.name, field: "mask", message: error.message)
    }
  }

  // MARK: Tokens

  func order(_ tensor: Tensor) -> TokenOrder {
    let isQuery = tensor == .q || tensor == .o
    return TokenOrder(
      shape: neighborhood.shape, tile: isQuery ? tiles.query : tiles.key, dilation: neighborhood.dilation)
  }

  /// Whether tiles do not lie in the sequence as it is.
  var isPermuted: Bool { !order(.q).isIdentity || !order(.k).isIdentity }

  /// A tensor as the kernel reads it: the permuted copy, or the tensor through its order where copies are not asked for.
  private func source(_ tensor: Tensor) -> (tensor: Tensor, order: TokenOrder?) {
    guard isPermuted else { return (tensor, nil) }
    return permutes ? (tensor.permuted, nil) : (tensor, order(tensor == .logSumExp ? .q : tensor))
  }

  // MARK: The mask

  /// Instructions of the mask rule for 64 x 128 scores of a warp's lanes, counted in the compiled loops by number of axes;
  /// `padded` where only keys past the end are masked.
  private var maskWork: Work? {
    let isPadded = zip(neighborhood.axes, tiles.key).contains { axis, tile in
      axis.groupLength(0) % tile != 0 || axis.length % axis.dilation != 0
    }
    let counts: (alu: Double, multiplies: Double, others: Double)
    switch (map.takesKernelFastPath, isPadded, neighborhood.axes.count) {
    case (true, false, _): return nil
    case (true, true, 1): counts = (131, 1, 1)
    case (true, true, 2): counts = (135, 15, 4)
    case (true, true, _): counts = (178, 30, 7)
    case (false, _, 1): counts = (257, 28, 4)
    case (false, _, 2): counts = (301, 64, 15)
    case (false, _, _): counts = (410, 106, 24)
    }
    let lanes = 128 * Double(keyTokens) / 128
    return .of {
      $0.alu = counts.alu * lanes
      // Integer multiply-adds take two turns of the pipe.
      $0.fma = 2 * counts.multiplies * lanes
      $0.otherInstructions = counts.others * lanes
    }
  }

  /// Address and phase arithmetic, descriptors and barrier polls of a step and warp, counted in the compiled loops.
  private static let loopInstructions = 62.0

  // MARK: Work items

  private func items() -> ItemSpace {
    var classes: [ItemClass] = []
    classes.reserveCapacity(map.queryTiles)
    for index in 0..<map.queryTiles {
      let walk = ItemClass.Walk.runs(map.walk(index))
      classes.append(ItemClass(Steps(any: min(walk.count, 1), more: walk.count - 1), walk: walk))
    }
    return ItemSpace(
      classes: classes,
      groups: [.init(count: shape.batch * shape.headsQ, tileClasses: Array(classes.indices))])
  }

  // MARK: The kernel

  /// Trips of a work item: whether there is a tile of keys, and how many follow the first.
  private struct Steps: StepCounts {
    var any = 0
    var more = 0
  }

  private struct Shared {
    let queries: [Ring]
    let ring: Ring
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: GNAHopper.name, kernel: "gna_fwd")
    let type = shape.dataType
    // Each warpgroup has queries of its own.
    let queries = (0..<groups).map { group in
      builder.ring("Q\(group)", rows: 64, columns: shape.headDim, type: type, slots: 1, consumers: 1)
    }
    let ring = builder.ring(
      "K and V", rows: keyTokens, columns: shape.headDim, type: type, slots: ringSlots, consumers: groups)
    let shared = Shared(
      queries: queries, ring: ring)
    addProducer(&builder, shared)
    for group in 0..<groups { addWarpgroup(&builder, group, shared) }
    let tileBytes = shape.headDim * element
    let sharedBytes =
      (queryTokens + ringSlots * keyTokens + (isPersistent ? queryTokens : 0)) * tileBytes
      + Self.barrierBytes
    return try builder.build(
      items: items(),
      policy: isPersistent ? .staticPersistent(order: .tilesFastest) : .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: hasProducerWarp ? 128 * (groups + 1) : 128,
        registersPerThread: hasProducerWarp ? 168 : 255, sharedBytes: sharedBytes),
      on: device)
  }

  /// Queries of the first warpgroup, the first keys, queries of the second, the first values; then keys and values in
  /// turn. (A single warpgroup's first warp does the same between its products.)
  private func addProducer(_ builder: inout KernelBuilder<Steps>, _ shared: Shared) {
    func copy(_ tensor: Tensor, offset: Int) -> Operation {
      let source = source(tensor)
      return TileCopy(
        source.tensor,
        TileCoordinate(
          rows: keyTokens, index: .walk(offset: offset, stepsPerTile: 2), order: source.order),
        columns: shape.headDim
      ).byCopyEngine("load \(tensor.rawValue.uppercased())", into: shared.ring)
    }
    let queries = shared.queries.enumerated().map { group, ring in
      TileCopy(source(.q).tensor, queryCoordinate(group), columns: shape.headDim, readers: .one)
        .byCopyEngine("load Q\(group)", into: ring)
    }
    builder.actor("producer", warps: 1) { actor in
      actor.each(\.any, steps: 2) {
        queries[0]
        copy(.k, offset: 0)
        Array(queries.dropFirst())
        copy(.v, offset: 1)
      }
      actor.each(\.more, steps: 2) {
        copy(.k, offset: 0)
        copy(.v, offset: 1)
      }
    }
  }

  private func queryCoordinate(_ group: Int) -> TileCoordinate {
    TileCoordinate(rows: 64, index: .item(scale: groups, offset: group), order: source(.q).order)
  }

  private func addWarpgroup(_ builder: inout KernelBuilder<Steps>, _ group: Int, _ shared: Shared) {
    let consumer = ConsumerBuffers(
      builder: &builder, group: group, rows: 64, keyTile: keyTokens, headDimV: shape.headDim,
      type: shape.dataType, probabilitiesInRegisters: true, exponential: .fused)
    let (softmax, ring) = (consumer.softmax, shared.ring)
    let queries = shared.queries[group]
    let scores = Gemm.asynchronous(rows: 64, columns: keyTokens, depth: shape.headDim).operation(
      "S = Q K^T", TileRef(queries.buffer, .item), TileRef(ring.buffer, .step(offset: 0)),
      into: consumer.scores, transposed: .b, accumulate: false, waits: [ring.full],
      signals: [consumer.scoresDone])
    let output = Gemm.asynchronous(
      rows: 64, columns: shape.headDim, depth: keyTokens, registerDepth: keyTokens
    ).operation(
      "O += P V", consumer.probabilities, TileRef(ring.buffer, .step(offset: 1)), into: consumer.output,
      accumulate: true, waits: [ring.full], signals: [consumer.outputDone])
    let control = Operation.loopControl(warps: 4, Self.loopInstructions)
    let mask = mask(consumer, group)
    builder.actor("warpgroup \(group)", warps: 4) { actor in
      actor.once { consumer.clear }
      actor.each(\.any, steps: 2) {
        Operation.wait("Q", queries.full)
        control
        scores
        Operation.wait("S", consumer.scoresDone)
        mask
        softmax.updateMaximum()
        softmax.exponentiate()
        softmax.updateSum()
        consumer.convert
        output
        Operation.release("K", ring.empty)
      }
      // The wait for the scores is one for the output product of the step before too.
      actor.each(\.more, steps: 2) {
        control
        scores
        Operation.wait("S", consumer.scoresDone)
        Operation.wait("O", consumer.outputDone)
        mask
        softmax.updateMaximum()
        softmax.exponentiate()
        softmax.rescaleOutput()
        softmax.updateSum()
        consumer.convert
        output
        Operation.release("V", ring.empty)
        Operation.release("K", ring.empty)
      }
      actor.when(\.any) { Operation.release("V", ring.empty, queries.empty, after: consumer.outputDone) }
      actor.once { epilogue(consumer, group) }
    }
  }

  private func mask(_ consumer: ConsumerBuffers, _ group: Int) -> [Operation] {
    let action = Action.mask(
      consumer.scores,
      keyTile: TileCoordinate(
        rows: keyTokens, index: .walk(offset: 0, stepsPerTile: 2), order: isPermuted ? order(.k) : nil),
      queryTile: TileCoordinate(
        rows: 64, index: .item(scale: groups, offset: group), order: isPermuted ? order(.q) : nil))
    guard let work = maskWork else { return [] }
    // Where tiles and stride groups lie takes quotients that wait for each other, one for each axis: three conversions
    // and reciprocals and ten integer steps each.
    let quotients = neighborhood.axes.count
    return [
      Operation(
        "mask S", .vector, work: work, chain: Chain(alu: 4 + 10 * quotients, exp: 3 * quotients),
        action: action)
    ]
  }

  @OperationList
  private func epilogue(_ consumer: ConsumerBuffers, _ group: Int) -> [Operation] {
    let epilogue = outputs(consumer, group)
    epilogue.normalise
    epilogue.toShared
    epilogue.storeByCopyEngine
    epilogue.storeLogSumExp(after: [consumer.stored])
  }

  private func outputs(_ consumer: ConsumerBuffers, _ group: Int) -> Epilogue {
    var epilogue = Epilogue(consumer, queryCoordinate(group), columns: shape.headDim)
    (epilogue.output, epilogue.logSumExp) = (source(.o).tensor, source(.logSumExp).tensor)
    return epilogue
  }
}

extension Tensor {
  /// The copy in the order of tiles.
  package var permuted: Tensor {
    switch self {
    case .q: .permutedQ
    case .k: .permutedK
    case .v: .permutedV
    case .o: .permutedO
    case .logSumExp: .permutedLogSumExp
    default: self
    }
  }
}
