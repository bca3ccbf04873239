import Attention
import HWModels
import Programs

/// The main kernel of FlashAttention-2's backward pass (Dao 2023, Algorithm 2): a work item owns a tile of keys of one query head and
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

  /// Instructions of a step and warp beside products, operand loads, softmax, copies and atomics. Counted in the compiled
  /// loop at head dim 128 (validation/sass_mix_h100.csv): 159 less three for the address of each of 32 atomics.
  private static let loopInstructions = 62.0
  /// An atomic addition of a warp and its address.
  private static let atomicInstructions = 4.0
  /// Whether the query heads of a group write dK and dV of their own, which another kernel sums.
  private var writesExpandedKeyGradients: Bool { shape.group > 1 }

  /// Buffers, registers and barriers of the work item.
  private struct Storage {
    let q: BufferID
    let gradO, k, v, p, gradS: TileRef
    let scores, gradP, p16, gradS16, gradQ, gradK, gradV, logSumExp, delta: TileRef
    let queryLoaded, gradientLoaded, keysLoaded, together: BarrierID
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashAttention2.name, kernel: "fa2_bwd")
    let s = storage(&builder)
    builder.actor("warps", warps: tile.warps) { actor in
      actor.once {
        Operation("dK = dV = 0", .sync, action: .sequence([.fill(s.gradK, 0), .fill(s.gradV, 0)]))
      }
      actor.when(\.any) { begin(s) }
      actor.each(\.before) { step(s, isMasked: true) }
      actor.each(\.lastBefore) { step(s, isMasked: true, isLast: true) }
      actor.each(\.whole) { step(s, isMasked: false) }
      actor.each(\.lastWhole) { step(s, isMasked: false, isLast: true) }
      actor.each(\.after) { step(s, isMasked: true) }
      actor.each(\.lastAfter) { step(s, isMasked: true, isLast: true) }
      actor.once { epilogue(s) }
    }
    let items = KeyTiles(
      shape: shape, queryTile: tile.queryTile, keyTile: tile.keyTile, order: .descending, alwaysMasked: false
    ).items(Steps.init)
    return try builder.build(
      items: items, policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 32 * tile.warps, registersPerThread: 255, sharedBytes: tile.sharedBytes),
      sharedStream: .queries(of: shape, tile: (tile.headDim, tile.headDim), accumulatesKeys: false),
      on: device)
  }

  private func storage(_ builder: inout KernelBuilder<Steps>) -> Storage {
    let type = shape.dataType
    let (rows, keys, columns) = (tile.queryTile, tile.keyTile, tile.headDim)
    func shared(_ name: String, _ rows: Int, _ columns: Int) -> TileRef {
      TileRef(builder.buffer(name, .shared, rows: rows, columns: columns, type: type))
    }
    let v =
      tile.keepsValuesInRegisters ? builder.registers("V", keys, columns, type) : shared("V", keys, columns)
    return Storage(
      q: builder.buffer(
        "Q", .shared, rows: rows, columns: columns, type: type, slots: tile.buffersQueriesTwice ? 2 : 1),
      gradO: shared("dO", rows, columns), k: shared("K", keys, columns), v: v, p: shared("P", rows, keys),
      gradS: shared("dS", rows, keys), scores: builder.registers("S", rows, keys),
      gradP: builder.registers("dP", rows, keys), p16: builder.registers("P16", rows, keys, type),
      gradS16: builder.registers("dS16", rows, keys, type), gradQ: builder.registers("dQ acc", rows, columns),
      gradK: builder.registers("dK", keys, columns), gradV: builder.registers("dV", keys, columns),
      logSumExp: builder.registers("lse", rows, 1), delta: builder.registers("delta", rows, 1),
      queryLoaded: builder.barrier("Q loaded", .named), gradientLoaded: builder.barrier("dO loaded", .named),
      keysLoaded: builder.barrier("K and V loaded", .completion),
      together: builder.barrier("all warps", .named))
  }

  // MARK: The loop

  @OperationList
  private func begin(_ s: Storage) -> [Operation] {
    loadGradient(s, offset: 0)
    loadQuery(s, offset: 0)
    statistic(.logSumExp, s.logSumExp, offset: 0, waits: true)
    copy(.k, ownKeys, readers: .heads(shape.group)).byThreads(into: s.k, signals: [s.keysLoaded])
    copy(.v, ownKeys, readers: .heads(shape.group)).byThreads(into: s.v, signals: [s.keysLoaded])
    Operation.wait("K", s.keysLoaded)
    Operation.wait("V", s.keysLoaded)
  }

  /// A step of the inner loop of Algorithm 2.
  @OperationList
  private func step(_ s: Storage, isMasked: Bool, isLast: Bool = false) -> [Operation] {
    let (rows, keys, columns) = (tile.queryTile, tile.keyTile, tile.headDim)
    let q = TileRef(s.q, .step(offset: 0))
    let scores = Product(rows: rows, columns: keys, depth: columns, warpsDown: tile.scoreWarps)
    let gradKeys = Product(rows: keys, columns: columns, depth: rows, warpsDown: tile.keyGradientWarps)
    let gradQuery = Product(rows: rows, columns: columns, depth: keys, warpsDown: tile.queryGradientWarps)
    Operation.loopControl(warps: tile.warps, Self.loopInstructions).interleaved
    Operation.wait("Q and dO", s.queryLoaded, s.gradientLoaded)
    statistic(.delta, s.delta, offset: 0)
    product("S = Q K^T", scores, q, s.k, into: s.scores, transposed: .b)
    if isMasked { mask(s).interleaved }
    probabilities(s).interleaved
    product(
      "dP = dO V^T", scores, s.gradO, s.v, into: s.gradP, transposed: .b,
      rightInRegisters: tile.keepsValuesInRegisters)
    if !isLast, tile.buffersQueriesTwice { loadQuery(s, offset: 1) }
    scoreGradient(s).interleaved
    meet(s, "P and dS written")
    product("dV += P^T dO", gradKeys, s.p, s.gradO, into: s.gradV, transposed: .a, accumulate: true)
    meet(s, "dO read")
    if !isLast { loadGradient(s, offset: 1) }
    product("dQ = dS K", gradQuery, s.gradS, s.k, into: s.gradQ)
    if !isLast { statistic(.logSumExp, s.logSumExp, offset: 1) }
    addQueryGradient(s).interleaved
    product("dK += dS^T Q", gradKeys, s.gradS, q, into: s.gradK, transposed: .a, accumulate: true)
    if !isLast, !tile.buffersQueriesTwice {
      meet(s, "Q read")
      loadQuery(s, offset: 1)
    }
  }

  /// dK and dV through shared memory to device memory; with grouped heads into tensors of their own, which the model
  /// adds up in fp32 at once where the kernel rounds each to 16 bit first.
  @OperationList
  private func epilogue(_ s: Storage) -> [Operation] {
    let elements = Double(tile.keyTile * tile.headDim)
    meet(s, "products done")
    Operation(
      "dK, dV to shared memory", .vector,
      work: .of {
        $0.fma = elements
        $0.convert = 2 * elements
        $0.sharedWrite = 4 * elements
        $0.otherInstructions = elements
      }, chain: Chain(alu: 2, shared: 1),
      action: writesExpandedKeyGradients
        ? .none : .multiply(s.gradK, by: 1 / Double(shape.headDim).squareRoot()))
    meet(s, "dK, dV written")
    store("store dK", s.gradK, .gradK, .gradKAccumulator)
    store("store dV", s.gradV, .gradV, .gradVAccumulator)
  }

  // MARK: Loads and stores

  private var ownKeys: TileCoordinate {
    TileCoordinate(rows: tile.keyTile, index: .item(scale: 1, offset: 0))
  }

  private func queries(_ offset: Int) -> TileCoordinate {
    TileCoordinate(rows: tile.queryTile, index: .walk(offset: offset))
  }

  private func copy(_ tensor: Tensor, _ place: TileCoordinate, readers: TileCopy.Readers = .many) -> TileCopy
  {
    TileCopy(tensor, place, columns: tile.headDim, readers: readers)
  }

  private func loadQuery(_ s: Storage, offset: Int) -> Operation {
    copy(.q, queries(offset)).byThreads(into: TileRef(s.q, .step(offset: offset)), signals: [s.queryLoaded])
  }

  private func loadGradient(_ s: Storage, offset: Int) -> Operation {
    copy(.gradO, queries(offset)).byThreads("load dO", into: s.gradO, signals: [s.gradientLoaded])
  }

  /// Log-sum-exp or delta of the rows of a step, from the shared cache to registers.
  private func statistic(_ tensor: Tensor, _ target: TileRef, offset: Int, waits: Bool = false) -> Operation {
    Operation(
      tensor == .delta ? "load delta" : "load lse", waits ? .loadStore : .vector,
      work: .of {
        $0.globalRead = Double(tile.queryTile * 4)
        $0.otherInstructions = Double(32 * tile.warps * 4)
      }, action: .load(tensor, queries(offset), into: target))
  }

  private func addQueryGradient(_ s: Storage) -> Operation {
    let elements = Double(tile.queryTile * tile.headDim)
    return Operation(
      "dQ += in memory", .loadStore,
      work: .of {
        $0.atomics = elements
        $0.otherInstructions = Self.atomicInstructions * elements
      }, action: .atomicAdd(s.gradQ, .gradQAccumulator, queries(0)))
  }

  private func store(
    _ name: String, _ gradient: TileRef, _ tensor: Tensor, _ accumulator: Tensor
  ) -> Operation {
    let bytes = Double(tile.keyTile * tile.headDim * 2)
    return Operation(
      name, .loadStore,
      work: .of {
        $0.sharedRead = bytes
        $0.globalWrite = bytes
        $0.otherInstructions = bytes / 4
      }, chain: Chain(shared: 1),
      action: writesExpandedKeyGradients
        ? .atomicAdd(gradient, accumulator, ownKeys) : .store(gradient, tensor, ownKeys))
  }

  // MARK: Arithmetic

  /// A barrier over all warps: they arrive together but for what the slowest waits for.
  @OperationList
  private func meet(_ s: Storage, _ name: String) -> [Operation] {
    Operation("\(name): arrive", .sync, signals: [s.together])
    Operation("\(name): wait", .sync, waits: [s.together])
  }

  /// Extents of a product, and how many warps share out its rows.
  private struct Product {
    let rows: Int
    let columns: Int
    let depth: Int
    let warpsDown: Int
  }

  /// The operands of the first 16 of the depth, without which no warp can begin, and the product with the others.
  private func product(
    _ name: String, _ extents: Product, _ a: TileRef, _ b: TileRef, into c: TileRef,
    transposed: Gemm.Transposed = .neither, accumulate: Bool = false, rightInRegisters: Bool = false
  ) -> [Operation] {
    var gemm = Gemm.synchronous(
      rows: extents.rows, columns: extents.columns, depth: extents.depth, down: extents.warpsDown,
      across: tile.warps / extents.warpsDown, rightBytes: rightInRegisters ? 0 : nil)
    let first = gemm.work.sharedRead / Double(max(extents.depth / Gemm.instructionDepth, 1))
    gemm.work.sharedRead -= first
    gemm.work.otherInstructions -= first / 16
    let load = Operation(
      "\(name): first operands", .vector,
      work: .of {
        $0.sharedRead = first
        $0.otherInstructions = first / 16
      }, chain: Chain(shared: 1))
    return [load, gemm.operation(name, a, b, into: c, transposed: transposed, accumulate: accumulate)]
  }

  private var scoreCount: Double { Double(tile.queryTile * tile.keyTile) }

  /// Pairs of scores to shared memory, 4 bytes a lane.
  private func addStores(to work: inout Work) {
    work.convert = scoreCount
    work.sharedWrite = scoreCount * 2
    work.otherInstructions = scoreCount / 2
  }

  private func mask(_ s: Storage) -> Operation {
    Operation(
      "mask S", .vector, work: .of { $0.alu = 2 * scoreCount }, chain: Chain(alu: 2),
      action: .mask(s.scores, keyTile: ownKeys, queryTile: queries(0)))
  }

  private func probabilities(_ s: Storage) -> Operation {
    Operation(
      "P = exp2(S - lse)", .vector,
      work: .of {
        // Compiled to keep denormals, as the forward kernel is.
        $0.fma = 4 * scoreCount
        $0.alu = scoreCount
        $0.exp = scoreCount
        addStores(to: &$0)
      }, chain: Chain(alu: 3, exp: 1),
      action: .sequence([
        .recomputeProbabilities(scores: s.scores, logSumExp: s.logSumExp),
        .convert(s.scores, into: s.p16), .convert(s.p16, into: s.p),
      ]))
  }

  private func scoreGradient(_ s: Storage) -> Operation {
    Operation(
      "dS = P (dP - delta)", .vector,
      work: .of {
        $0.fma = 2 * scoreCount
        addStores(to: &$0)
      }, chain: Chain(alu: 3, shared: 1),
      action: .sequence([
        .scoreGradient(probabilities: s.scores, gradient: s.gradP, delta: s.delta, into: s.gradS16),
        .convert(s.gradS16, into: s.gradS),
      ]))
  }
}
