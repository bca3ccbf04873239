package import Attention
package import HWModels
package import Programs

/// Builds the main kernel of FlashAttention-2's backward pass: a work item owns a tile of keys of one query head and
/// streams queries past it, from the last to the first.
///
/// All eight warps do the same: S, P to shared memory, dP, dS to shared memory, dV += P^T dO, dQ = dS K, dQ added to an
/// fp32 accumulator by atomics out of registers, dK += dS^T Q. The next Q loads during dV and the next dO during dQ.
/// Three barriers a step keep the warps together, so phases follow each other: the products are bound by shared memory
/// or by the matrix unit, softmax by exponentials or issue, the atomics by the port to the shared cache.
///
/// Expected per step of 64 x 128 at head dim 128 (H100): S, dP and dQ 1024 each (shared memory; tensor 777), dV and dK 777
/// (tensor; shared 768), P 512 (exp), dS 200 (issue), atomics 32 KiB / 25.6 = 1280, first operands of five products
/// 5 x 130, addresses and loop 250 = 7520. Measured 7786 (validation/slopes2_h100.csv).
///
/// Source: csrc/flash_attn/src/flash_bwd_kernel.h, `compute_dq_dk_dv_1colblock` (Dao-AILab/flash-attention@0251105).
struct FlashAttention2Backward {
  let shape: AttentionShape
  let tile: FlashAttention2BackwardTile

  private let element = 2
  /// Instructions of a step and warp beside products, operand loads, softmax, copies and atomics. Counted in the compiled
  /// loop at head dim 128 (validation/sass_mix_h100.csv): 159 less three for the address of each of 32 atomics.
  private static let loopInstructions = 62.0
  /// An atomic addition of a warp and its address.
  private static let atomicInstructions = 4.0
  /// Whether the query heads of a group write dK and dV of their own, which another kernel sums.
  private var writesExpandedKeyGradients: Bool { shape.group > 1 }

  /// Buffers and barriers of the work item.
  private struct Parts {
    let q, gradO, k, v, p, gradS: BufferID
    let scores, gradP, p16, gradS16, gradQ, gradK, gradV, logSumExp, delta: TileRef
    let queryLoaded, gradientLoaded, keysLoaded, together: BarrierID
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashAttention2.name, kernel: "fa2_bwd")
    let parts = makeParts(&builder)
    func steps(_ count: KeyPath<Steps, Int>, isMasked: Bool, isLast: Bool) -> Block {
      Block(
        trips: .count(count), stepsPerTrip: 1,
        operations: step(parts, isMasked: isMasked, isLast: isLast))
    }
    builder.actor(
      "warps", warps: tile.warps,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "dK = dV = 0", .sync, action: .sequence([.fill(parts.gradK, 0), .fill(parts.gradV, 0)]))
          ]),
        Block(trips: .count(\Steps.any), stepsPerTrip: 0, operations: begin(parts)),
        steps(\.before, isMasked: true, isLast: false), steps(\.lastBefore, isMasked: true, isLast: true),
        steps(\.whole, isMasked: false, isLast: false), steps(\.lastWhole, isMasked: false, isLast: true),
        steps(\.after, isMasked: true, isLast: false), steps(\.lastAfter, isMasked: true, isLast: true),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: epilogue(parts)),
      ])
    return try builder.build(
      items: items(), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 32 * tile.warps, registersPerThread: 255, sharedBytes: tile.sharedBytes),
      sharedStream: .queries(of: shape, tile: (tile.headDim, tile.headDim), accumulatesKeys: false),
      on: device)
  }

  /// Steps of a walk; the last has a block of its own, since it loads nothing further.
  private struct Steps: StepCounts {
    var before = 0
    var whole = 0
    var after = 0
    var any = 0
    var lastBefore = 0
    var lastWhole = 0
    var lastAfter = 0

    init() {}
    init(_ walk: KeyTiles.Steps) {
      (before, whole, after, any) = (walk.before, walk.whole, walk.after, walk.any)
      if after > 0 {
        (after, lastAfter) = (after - 1, 1)
      } else if whole > 0 {
        (whole, lastWhole) = (whole - 1, 1)
      } else if before > 0 {
        (before, lastBefore) = (before - 1, 1)
      }
    }
  }

  private func items() -> ItemSpace {
    KeyTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, order: .descending, alwaysMasked: false
    ).items(Steps.init)
  }

  private func makeParts(_ builder: inout KernelBuilder<Steps>) -> Parts {
    let type = shape.dataType
    let (rows, keys, columns) = (tile.queryTile, tile.keyTile, tile.headDim)
    func shared(_ name: String, _ rows: Int, _ columns: Int, slots: Int = 1) -> BufferID {
      builder.buffer(name, .shared, rows: rows, columns: columns, type: type, slots: slots)
    }
    func registers(_ name: String, _ rows: Int, _ columns: Int, _ type: DataType = .fp32) -> TileRef {
      TileRef(builder.buffer(name, .registers, rows: rows, columns: columns, type: type))
    }
    let v =
      tile.keepsValuesInRegisters
      ? builder.buffer("V", .registers, rows: keys, columns: columns, type: type) : shared("V", keys, columns)
    return Parts(
      q: shared("Q", rows, columns, slots: tile.buffersQueriesTwice ? 2 : 1),
      gradO: shared("dO", rows, columns),
      k: shared("K", keys, columns), v: v, p: shared("P", rows, keys), gradS: shared("dS", rows, keys),
      scores: registers("S", rows, keys), gradP: registers("dP", rows, keys),
      p16: registers("P16", rows, keys, type),
      gradS16: registers("dS16", rows, keys, type), gradQ: registers("dQ acc", rows, columns),
      gradK: registers("dK", keys, columns), gradV: registers("dV", keys, columns),
      logSumExp: registers("lse", rows, 1), delta: registers("delta", rows, 1),
      queryLoaded: builder.barrier("Q loaded", .named), gradientLoaded: builder.barrier("dO loaded", .named),
      keysLoaded: builder.barrier("K and V loaded", .completion),
      together: builder.barrier("all warps", .named))
  }

  // MARK: Loads

  private func load(
    _ name: String, _ tensor: Tensor, rows: Int, _ index: TileIndex, into target: TileRef, signals: BarrierID
  ) -> Operation {
    let bytes = Double(rows * tile.headDim * element)
    let group = Double(shape.group)
    return Operation(
      name, .loadAsync,
      work: .of {
        if tensor == .k || tensor == .v {
          // The query heads of a group read the same keys.
          $0.streamRead = bytes / group
          $0.globalRead = bytes - bytes / group
        } else {
          $0.globalRead = bytes
        }
        $0.sharedWrite = bytes
        // One 16-byte copy a lane, with its address and predicate.
        $0.otherInstructions = bytes / 16
        $0.alu = bytes / 16
      }, signals: [signals], action: .load(tensor, TileCoordinate(rows: rows, index: index), into: target))
  }

  private func loadQuery(_ parts: Parts, offset: Int) -> Operation {
    load(
      "load Q", .q, rows: tile.queryTile, .walk(offset: offset),
      into: TileRef(parts.q, .step(offset: offset)),
      signals: parts.queryLoaded)
  }

  private func loadGradient(_ parts: Parts, offset: Int) -> Operation {
    load(
      "load dO", .gradO, rows: tile.queryTile, .walk(offset: offset), into: TileRef(parts.gradO),
      signals: parts.gradientLoaded)
  }

  /// Log-sum-exp or delta of the rows of a step, from the shared cache to registers.
  private func statistic(
    _ name: String, _ tensor: Tensor, _ target: TileRef, offset: Int, waits: Bool
  ) -> Operation {
    Operation(
      name, waits ? .loadStore : .vector,
      work: .of {
        $0.globalRead = Double(tile.queryTile * 4)
        $0.otherInstructions = Double(32 * tile.warps * 4)
      },
      action: .load(tensor, TileCoordinate(rows: tile.queryTile, index: .walk(offset: offset)), into: target))
  }

  private func begin(_ parts: Parts) -> [Operation] {
    let own = TileIndex.item(scale: 1, offset: 0)
    return [
      loadGradient(parts, offset: 0), loadQuery(parts, offset: 0),
      statistic("load lse", .logSumExp, parts.logSumExp, offset: 0, waits: true),
      load("load K", .k, rows: tile.keyTile, own, into: TileRef(parts.k), signals: parts.keysLoaded),
      load("load V", .v, rows: tile.keyTile, own, into: TileRef(parts.v), signals: parts.keysLoaded),
      Operation("wait for K", .sync, waits: [parts.keysLoaded]),
      Operation("wait for V", .sync, waits: [parts.keysLoaded]),
    ]
  }

  // MARK: One step

  /// A barrier over all warps: they arrive together but for what the slowest waits for.
  private func barrier(_ parts: Parts, _ name: String) -> [Operation] {
    [
      Operation("\(name): arrive", .sync, signals: [parts.together]),
      Operation("\(name): wait", .sync, waits: [parts.together]),
    ]
  }

  private func product(
    _ name: String, rows: Int, columns: Int, inner: Int, warpsDown: Int, secondInRegisters: Bool = false,
    _ action: Action
  ) -> [Operation] {
    let product = FlashAttention2BackwardTile.Product(
      rows: rows, columns: columns, inner: inner, warps: tile.warps, warpsDown: warpsDown,
      secondInRegisters: secondInRegisters)
    return [
      Operation("\(name): first operands", .vector, work: product.first, chain: Chain(shared: 1)),
      Operation(name, .tensorSync, work: product.work, action: action),
    ]
  }

  /// Pairs of scores to shared memory, 4 bytes a lane.
  private func addStores(_ scores: Double, to work: inout Work) {
    work.convert = scores
    work.sharedWrite = scores * Double(element)
    work.otherInstructions = scores / 2
  }

  private func step(_ parts: Parts, isMasked: Bool, isLast: Bool) -> [Operation] {
    let (rows, keys, columns) = (tile.queryTile, tile.keyTile, tile.headDim)
    let scores = Double(rows * keys)
    let lanes = Double(32 * tile.warps)
    let q = TileRef(parts.q, .step(offset: 0))
    var operations = [
      Operation("loop control", .vector, work: .of { $0.otherInstructions = lanes * Self.loopInstructions })
        .interleaved,
      Operation("wait for Q and dO", .sync, waits: [parts.queryLoaded, parts.gradientLoaded]),
      statistic("load delta", .delta, parts.delta, offset: 0, waits: false),
    ]
    operations += product(
      "S = Q K^T", rows: rows, columns: keys, inner: columns, warpsDown: tile.scoreWarps,
      .matmul(
        into: parts.scores, a: q, b: TileRef(parts.k), transposeA: false, transposeB: true, accumulate: false)
    )
    if isMasked {
      operations.append(
        Operation(
          "mask S", .vector, work: .of { $0.alu = 2 * scores }, chain: Chain(alu: 2),
          action: .mask(
            parts.scores, keyTile: TileCoordinate(rows: keys, index: .item(scale: 1, offset: 0)),
            queryTile: TileCoordinate(rows: rows, index: .walk(offset: 0)))
        ).interleaved)
    }
    operations.append(
      Operation(
        "P = exp2(S - lse)", .vector,
        work: .of {
          // Compiled to keep denormals, as the forward kernel is.
          $0.fma = 4 * scores
          $0.alu = scores
          $0.exp = scores
          addStores(scores, to: &$0)
        }, chain: Chain(alu: 3, exp: 1),
        action: .sequence([
          .recomputeProbabilities(scores: parts.scores, logSumExp: parts.logSumExp),
          .convert(parts.scores, into: parts.p16), .convert(parts.p16, into: TileRef(parts.p)),
        ])
      ).interleaved)
    operations += product(
      "dP = dO V^T", rows: rows, columns: keys, inner: columns, warpsDown: tile.scoreWarps,
      secondInRegisters: tile.keepsValuesInRegisters,
      .matmul(
        into: parts.gradP, a: TileRef(parts.gradO), b: TileRef(parts.v), transposeA: false, transposeB: true,
        accumulate: false))
    if !isLast, tile.buffersQueriesTwice { operations.append(loadQuery(parts, offset: 1)) }
    operations.append(
      Operation(
        "dS = P (dP - delta)", .vector,
        work: .of {
          $0.fma = 2 * scores
          addStores(scores, to: &$0)
        }, chain: Chain(alu: 3, shared: 1),
        action: .sequence([
          .scoreGradient(
            probabilities: parts.scores, gradient: parts.gradP, delta: parts.delta, into: parts.gradS16),
          .convert(parts.gradS16, into: TileRef(parts.gradS)),
        ])
      ).interleaved)
    operations += barrier(parts, "P and dS written")
    operations += product(
      "dV += P^T dO", rows: keys, columns: columns, inner: rows, warpsDown: tile.keyGradientWarps,
      .matmul(
        into: parts.gradV, a: TileRef(parts.p), b: TileRef(parts.gradO), transposeA: true, transposeB: false,
        accumulate: true))
    operations += barrier(parts, "dO read")
    if !isLast { operations.append(loadGradient(parts, offset: 1)) }
    operations += product(
      "dQ = dS K", rows: rows, columns: columns, inner: keys, warpsDown: tile.queryGradientWarps,
      .matmul(
        into: parts.gradQ, a: TileRef(parts.gradS), b: TileRef(parts.k), transposeA: false, transposeB: false,
        accumulate: false))
    if !isLast {
      operations.append(statistic("load lse", .logSumExp, parts.logSumExp, offset: 1, waits: false))
    }
    let gradQ = Double(rows * columns)
    operations.append(
      Operation(
        "dQ += in memory", .loadStore,
        work: .of {
          $0.atomics = gradQ
          $0.otherInstructions = Self.atomicInstructions * gradQ
        },
        action: .atomicAdd(
          parts.gradQ, .gradQAccumulator, TileCoordinate(rows: rows, index: .walk(offset: 0)))
      ).interleaved)
    operations += product(
      "dK += dS^T Q", rows: keys, columns: columns, inner: rows, warpsDown: tile.keyGradientWarps,
      .matmul(
        into: parts.gradK, a: TileRef(parts.gradS), b: q, transposeA: true, transposeB: false,
        accumulate: true))
    if !isLast, !tile.buffersQueriesTwice {
      operations += barrier(parts, "Q read")
      operations.append(loadQuery(parts, offset: 1))
    }
    return operations
  }

  // MARK: Epilogue

  /// dK and dV through shared memory to device memory; with grouped heads into tensors of their own, which the model
  /// adds up in fp32 at once where the kernel rounds each to 16 bit first.
  private func epilogue(_ parts: Parts) -> [Operation] {
    let elements = Double(tile.keyTile * tile.headDim)
    let bytes = elements * Double(element)
    let coordinate = TileCoordinate(rows: tile.keyTile, index: .item(scale: 1, offset: 0))
    func store(_ name: String, _ tile: TileRef, _ tensor: Tensor, _ accumulator: Tensor) -> Operation {
      Operation(
        name, .loadStore,
        work: .of {
          $0.sharedRead = bytes
          $0.globalWrite = bytes
          $0.otherInstructions = bytes / 4
        }, chain: Chain(shared: 1),
        action: writesExpandedKeyGradients
          ? .atomicAdd(tile, accumulator, coordinate) : .store(tile, tensor, coordinate))
    }
    let scale: Action =
      writesExpandedKeyGradients ? .none : .multiply(parts.gradK, by: 1 / Double(shape.headDim).squareRoot())
    return barrier(parts, "products done") + [
      Operation(
        "dK, dV to shared memory", .vector,
        work: .of {
          $0.fma = elements
          $0.convert = 2 * elements
          $0.sharedWrite = 2 * bytes
          $0.otherInstructions = elements
        }, chain: Chain(alu: 2, shared: 1), action: scale)
    ] + barrier(parts, "dK, dV written") + [
      store("store dK", parts.gradK, .gradK, .gradKAccumulator),
      store("store dV", parts.gradV, .gradV, .gradVAccumulator),
    ]
  }
}

/// The kernels of a backward call: row sums of dO * O, the five products, dQ to 16 bit, and the sums over grouped heads.
extension FlashAttention2 {
  package func backward(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let tile = FlashAttention2BackwardTile(shape: shape, device: device)
    let main = FlashAttention2Backward(shape: shape, tile: tile)
    func streaming(_ rows: Int) -> BackwardElementwise {
      BackwardElementwise(
        schedule: Self.name, shape: shape, rows: rows, headDim: tile.headDim, threads: 32 * tile.warps)
    }
    let queries = streaming(tile.queryTile)
    let scale = 1 / Double(shape.headDim).squareRoot()
    var kernels = [
      try queries.preprocess(registers: 50, on: device), try main.kernel(on: device),
      try queries.postprocess(
        .gradQAccumulator, to: .gradQ, columns: shape.headDim, factor: scale, name: "convert_dq",
        registers: 48,
        sharedBytes: tile.queryTile * tile.headDim * 2, on: device),
    ]
    if copiesGradients {
      // In PyTorch's attention_backward.cu: dO and O, where their heads do not lie beside each other in a token.
      let copy = BackwardElementwise(
        schedule: Self.name, shape: shape, rows: max(512 / shape.headDim, 1), headDim: 0, threads: 128)
      kernels = [try copy.rearrange(.gradO, on: device), try copy.rearrange(.o, on: device)] + kernels
    }
    if shape.group > 1 {
      // A reduction of the framework: reads dK or dV of every query head in 16 bit.
      let read = Double(shape.group * shape.dataType.bytes)
      for (from, to, factor) in [
        (Tensor.gradKAccumulator, Tensor.gradK, scale), (.gradVAccumulator, .gradV, 1),
      ] {
        kernels.append(
          try streaming(16).postprocess(
            from, to: to, columns: shape.headDim, factor: factor, name: to == .gradK ? "sum_dk" : "sum_dv",
            registers: 32, sharedBytes: 0, partsRead: read, on: device))
      }
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }
}
