import Attention
import HWModels
import Programs

/// FlashMLA's kernel of April 2025: two warpgroups take a block each and swap roles within a step of two blocks, so that one's
/// softmax runs beside the other's products; each accumulates half of the columns of the output.
///
/// Expected per step of two blocks (H100, cycles). Tensor: 2 x 1152 of scores and 4 x 512 of output = 4352. Shared memory: scores
/// 2 x (64 KiB of Q, whose last part is in registers, and 72 KiB of keys) / 128 = 2176, output 4 x 256 and 2 x 64 of P
/// from shared memory, 128 for P's writes = 3456. Exp: 2 x 256. The chain that no product covers: softmax of the first block
/// (about 500) while the second warpgroup's scores still run, the second's softmax (500) beside the first's first product
/// (512), P handed over twice with three barriers (300). Measured on an H800 at about 1600 MHz: 660 TFLOP/s, 5350 a step.
struct FlashMLASeesaw: LatentKernel {
  let shape: AttentionShape

  /// Trips of a piece: pairs of blocks after which two more come, or one, or none; a last block alone.
  struct Steps: StepCounts {
    var full = 0
    var toSingle = 0
    var lastPair = 0
    var lastSingle = 0
    /// Whether there is a second block.
    var second = 0
    /// Whether its output is the call's own, or one to be merged.
    var direct = 0
    var partial = 0
  }

  /// One block of keys in shared memory: the left half of the values, and the rest with the part of position. Each is given
  /// back, and filled again, when the products that read it are done.
  struct Block64 {
    let left: TileRef
    let right: TileRef
    let leftFull: BarrierID
    let rightFull: BarrierID
  }

  struct Group {
    let scores: TileRef
    let probabilities: TileRef
    /// Its probabilities for the other warpgroup.
    let handed: TileRef
    let output: TileRef
    let sum: TileRef
    let total: TileRef
    let sharedSum: TileRef
    let scale: TileRef
    let logSumExp: TileRef
    let softmax: SoftmaxSteps
    let scoresDone: BarrierID
    let localDone: BarrierID
    let remoteDone: BarrierID
    /// The scales of its block are there, its probabilities too.
    let scaled: BarrierID
  }

  struct Shared {
    let q: TileRef
    let qFull: BarrierID
    let blocks: [Block64]
    let groups: [Group]
    let maximum: TileRef
    let ready: BarrierID
    let issued: BarrierID
    let sums: BarrierID
    let staged: BarrierID
    let stored: BarrierID
  }

  func kernel(_ items: LatentItems, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: FlashMLA.name, kernel: "flashmla_fwd")
    let shared = makeShared(&builder)
    builder.actor("warpgroup 0", warps: 4) { firstGroup(&$0, shared) }
    builder.actor("warpgroup 1", warps: 4) { secondGroup(&$0, shared) }
    let (space, lengths) = items.make()
    let sharedBytes = (rows + 2 * keyTile) * shape.headDim * 2 + rows * keyTile * 2 + 5 * rows * 4 + 152
    return try builder.build(
      items: space, policy: .ranges(lengths: lengths, order: .rowTilesSlowest),
      footprint: Footprint(threads: 256, registersPerThread: 255, sharedBytes: sharedBytes), on: device)
  }

  func makeShared(_ builder: inout KernelBuilder<Steps>) -> Shared {
    func vector(_ name: String, _ space: Buffer.Space = .registers) -> TileRef {
      TileRef(builder.buffer(name, space, rows: rows, columns: 1, type: .fp32))
    }
    let type = shape.dataType
    let q = builder.buffer("Q", .shared, rows: rows, columns: shape.headDim, type: type)
    let blocks = (0..<2).map { index in
      Block64(
        left: TileRef(builder.buffer("K\(index) left", .shared, rows: keyTile, columns: half, type: type)),
        right: TileRef(
          builder.buffer(
            "K\(index) right", .shared, rows: keyTile, columns: shape.headDim - half, type: type)),
        leftFull: builder.barrier("K\(index) left full", .memory),
        rightFull: builder.barrier("K\(index) right full", .memory))
    }
    let maximum = vector("m", .shared)
    let groups = (0..<2).map { index -> Group in
      let scores = TileRef(
        builder.buffer("S\(index)", .registers, rows: rows, columns: keyTile, type: .fp32))
      let probabilities = TileRef(
        builder.buffer("P\(index)", .registers, rows: rows, columns: keyTile, type: type))
      let output = TileRef(
        builder.buffer("O\(index)", .registers, rows: rows, columns: half, type: .fp32))
      let sum = vector("l\(index)")
      let scale = vector("scale\(index)", .shared)
      return Group(
        scores: scores, probabilities: probabilities,
        handed: TileRef(
          builder.buffer("P\(index) handed over", .shared, rows: rows, columns: keyTile, type: type)),
        output: output, sum: sum, total: vector("total\(index)"),
        sharedSum: vector("l\(index) shared", .shared), scale: scale, logSumExp: vector("lse\(index)"),
        softmax: SoftmaxSteps(
          rows: rows, keys: keyTile, outputColumns: half, scores: scores, probabilities: probabilities,
          output: output, maximum: maximum, sum: sum, scale: scale, exponential: .fused),
        scoresDone: builder.barrier("S\(index) done", .completion),
        localDone: builder.barrier("O\(index) local done", .completion),
        remoteDone: builder.barrier("O\(index) remote done", .completion),
        scaled: builder.barrier("scale\(index) ready", .named))
    }
    return Shared(
      q: TileRef(q), qFull: builder.barrier("Q full", .memory), blocks: blocks, groups: groups,
      maximum: maximum, ready: builder.barrier("P0 ready", .named),
      issued: builder.barrier("P0 V0 issued", .named),
      sums: builder.barrier("sums ready", .named, arrivals: 2),
      staged: builder.barrier("O staged", .named, arrivals: 2),
      stored: builder.barrier("O stored", .completion))
  }

  /// A part of the block `ahead` blocks after the step's first. Left halves are copied by the first warpgroup, the others
  /// by the second (before the first block, one thread copies all).
  func load(_ shared: Shared, block: Int, right: Bool, ahead: Int) -> Operation {
    let target = shared.blocks[block]
    return keyCopy(ahead: ahead, columns: right ? shape.headDim - half : half, from: right ? half : 0)
      .byCopyEngine(
        "load K\(block) \(right ? "right" : "left")", into: right ? target.right : target.left,
        signals: [right ? target.rightFull : target.leftFull])
  }

  // MARK: Products

  func scores(_ shared: Shared, _ index: Int, right: Bool, accumulate: Bool) -> Operation {
    let block = shared.blocks[index]
    let columns = right ? half..<shape.headDim : 0..<half
    // The last 64 columns of Q are in registers: P1 takes their place in shared memory.
    return Gemm.asynchronous(
      rows: rows, columns: keyTile, depth: columns.count, registerDepth: right ? 64 : 0
    ).operation(
      "S\(index) = Q K\(index)^T, \(right ? "right" : "left")", TileRef(shared.q.buffer, columns: columns),
      right ? block.right : block.left, into: shared.groups[index].scores, transposed: .b,
      accumulate: accumulate, waits: [right ? block.rightFull : block.leftFull],
      signals: [shared.groups[index].scoresDone])
  }

  /// A product of warpgroup `group` with the values of `block`: its own probabilities from registers, the other's from
  /// shared memory.
  func output(_ shared: Shared, group: Int, block: Int) -> Operation {
    let own = group == block
    let values = shared.blocks[block]
    return Gemm.asynchronous(
      rows: rows, columns: half, depth: keyTile, registerDepth: own ? keyTile : 0
    ).operation(
      "O\(group) += P\(block) V\(block)",
      own ? shared.groups[block].probabilities : shared.groups[block].handed,
      group == 0 ? values.left : TileRef(values.right.buffer, columns: 0..<half),
      into: shared.groups[group].output, accumulate: true,
      signals: [own ? shared.groups[group].localDone : shared.groups[group].remoteDone])
  }

  func wait(_ name: String, _ barrier: BarrierID) -> Operation {
    Operation(name, .sync, waits: [barrier])
  }

  /// P into shared memory, for the other warpgroup.
  func handOver(_ group: Group, action: Action, scaled: Bool, signals: [BarrierID]) -> Operation {
    let elements = Double(rows * keyTile)
    return Operation(
      "hand over P", .vector,
      work: .of {
        $0.fma = scaled ? elements : 0
        $0.convert = scaled ? elements : 0
        $0.sharedWrite = elements * 2
        $0.otherInstructions = elements / 8
      }, chain: Chain(alu: scaled ? 2 : 0, shared: 1), signals: signals, action: action)
  }

  func rescale(_ group: Group, by scales: [TileRef], sum: Bool) -> Operation {
    Operation(
      "O = O * scale", .vector,
      work: .of { $0.fma = Double(rows * half) + lanes * Double(scales.count) },
      chain: Chain(alu: 1, shared: 1),
      action: .sequence(
        scales.flatMap { scale -> [Action] in
          [.rescale(group.output, scale: scale)] + (sum ? [.rescale(group.sum, scale: scale)] : [])
        }))
  }
}
