import Attention
import HWModels
import Programs

/// Attention with blocks of keys outside and the queries that selected them inside, and the merge of what each block gave.
///
/// Expected per tile of 64 gathered queries and a block of 64 keys at head dim 128: tensor 2 x 2 x 64 x 64 x 128 = 2.1 Mflop,
/// 790 cycles of mma.sync on an H100; 16 KiB of queries read and 32 KiB of fp32 partial output written, which is what
/// sets the pace: 48 KiB a tile against 8 KiB that a kernel with queries outside writes once for all its blocks.
/// - Source: Relaxed-System-Lab/Flash-Sparse-Attention fsa/ops/FSA_topk_sparse_attention.py: `forward_kernel_opt` (one
///   program for a block and up to eight tiles of its queries), `reduce_kernel`.
struct GatheredQueries {
  let schedule: String
  let shape: AttentionShape
  let rows: BlockMask
  /// Queries of a tile and of a block of the mask.
  let queryTile: Int
  let keyBlock: Int
  let code: MaskCode

  private let warps = 4
  private let element = 2
  /// Tiles of queries of one work item.
  private static let tilesPerItem = 8

  /// Rows of queries over all heads, once for each of their blocks.
  var gatheredRows: Double {
    rows.heads.reduce(0) { total, entry in
      let visited = entry.rows.reduce(0) { sum, row in
        sum + (row.partial + row.full).reduce(0) { $0 + $1.count }
      }
      return total + Double(visited * queryTile) * Double(entry.heads.count * shape.batch)
    }
  }

  /// The blocks of every tile of queries: the parts of its output.
  var parts: [(heads: Int, tiles: [[Int]])] {
    rows.heads.map { entry in
      (entry.heads.count, entry.rows.map { row in (row.partial + row.full).flatMap { Array($0) }.sorted() })
    }
  }

  private struct Steps: StepCounts {
    var masked = 0
    var whole = 0
  }

  /// One item for a block of keys and up to eight tiles of queries: masked ones first.
  private func items() -> ItemSpace {
    var classes: [ItemClass] = []
    var groups: [ItemSpace.Group] = []
    let blocks = (shape.seqKV + keyBlock - 1) / keyBlock
    for entry in rows.heads {
      var queries = [(partial: [Int], full: [Int])](repeating: ([], []), count: blocks)
      for (index, row) in entry.rows.enumerated() {
        for run in row.partial { for block in run { queries[block].partial.append(index) } }
        for run in row.full { for block in run { queries[block].full.append(index) } }
      }
      var tileClasses: [Int] = []
      var parts: [Int] = []
      for block in queries {
        let all = block.partial + block.full
        let count = (all.count + Self.tilesPerItem - 1) / Self.tilesPerItem
        parts.append(count)
        for part in 0..<count {
          let range = part * Self.tilesPerItem..<min((part + 1) * Self.tilesPerItem, all.count)
          let masked = min(max(block.partial.count - range.lowerBound, 0), range.count)
          tileClasses.append(classes.count)
          classes.append(
            ItemClass(Steps(masked: masked, whole: range.count - masked), walk: .list(Array(all[range]))))
        }
      }
      groups.append(.init(count: entry.heads.count, tileClasses: tileClasses, tileSplits: parts))
    }
    return ItemSpace(classes: classes, groups: groups.repeated(batch: shape.batch))
  }

  private struct Tiles {
    let q: TileRef
    let k: TileRef
    let v: TileRef
    let registers: ConsumerBuffers
  }

  private var ownKeys: TileCoordinate {
    TileCoordinate(rows: keyBlock, index: .item(scale: 1, offset: 0))
  }
  private var queries: TileCoordinate {
    TileCoordinate(rows: queryTile, index: .walk(offset: 0), split: .tile)
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: "gathered_fwd")
    func shared(_ name: String, rows: Int, columns: Int) -> TileRef {
      TileRef(builder.buffer(name, .shared, rows: rows, columns: columns, type: shape.dataType))
    }
    let (k, v) = (
      shared("K", rows: keyBlock, columns: shape.headDim),
      shared("V", rows: keyBlock, columns: shape.headDimV)
    )
    let tiles = Tiles(
      q: shared("Q", rows: queryTile, columns: shape.headDim), k: k, v: v,
      registers: ConsumerBuffers(
        builder: &builder, group: 0, rows: queryTile, keyTile: keyBlock, headDimV: shape.headDimV,
        type: shape.dataType, probabilitiesInRegisters: true, exponential: .scaled))
    builder.actor("warps", warps: warps) { actor in
      actor.once {
        load(TileCopy(.k, ownKeys, columns: shape.headDim, readers: .one), into: k)
        load(TileCopy(.v, ownKeys, columns: shape.headDimV, readers: .one), into: v)
      }
      actor.each(\.masked) { step(tiles, isMasked: true) }
      actor.each(\.whole) { step(tiles, isMasked: false) }
    }
    return try builder.build(
      items: items(), policy: .grid(order: .sequencesFastest),
      footprint: Footprint(
        threads: 32 * warps, registersPerThread: 168,
        sharedBytes: ((keyBlock + queryTile) * shape.headDim + keyBlock * shape.headDimV) * element),
      sharedStream: .init(
        sequences: shape.batch * shape.headsQ,
        bytesRead: Double(shape.seqQ) * Double(shape.headDim * element), bytesAccumulated: 0),
      on: device)
  }

  /// A tile of gathered queries against the block of keys; its output is one part of theirs.
  @OperationList private func step(_ tiles: Tiles, isMasked: Bool) -> [Operation] {
    let registers = tiles.registers
    let softmax = registers.softmax
    registers.clear
    load(
      TileCopy(.q, queries, columns: shape.headDim), named: "load list and Q", isListed: true, into: tiles.q)
    Gemm.synchronous(rows: queryTile, columns: keyBlock, depth: shape.headDim, down: warps, across: 1)
      .operation("S = Q K^T", tiles.q, tiles.k, into: registers.scores, transposed: .b, accumulate: false)
    if isMasked { mask(softmax) }
    softmax.updateMaximum()
    softmax.exponentiate()
    softmax.updateSum()
    registers.convert
    Gemm.synchronous(
      rows: queryTile, columns: shape.headDimV, depth: keyBlock, down: warps, across: 1, leftBytes: 0
    ).operation("O = P V", registers.probabilities, tiles.v, into: registers.output, accumulate: true)
    softmax.normalise(logSumExp: registers.logSumExp)
    store(registers)
  }

  /// A copy that the warps wait for, 16 bytes a lane; places of listed rows are looked up first.
  private func load(
    _ copy: TileCopy, named name: String? = nil, isListed: Bool = false, into target: TileRef
  ) -> Operation {
    var operation = copy.byThreads(name, addressing: 4, into: target, signals: [])
    operation.unit = .loadStore
    if isListed { operation.chain = Chain(global: 1) }
    return operation
  }

  private func mask(_ softmax: SoftmaxSteps) -> Operation {
    var mask = softmax.mask(keyTile: ownKeys, queryTile: queries)
    mask.work = code.work(scores: Double(queryTile * keyBlock), rowsPerLane: 2)
    mask.work.alu += Double(queryTile * keyBlock)
    return mask
  }

  private func store(_ registers: ConsumerBuffers) -> Operation {
    let bytes = Double(queryTile * shape.headDimV * 4)
    return Operation(
      "store partial O", .loadStore,
      work: .of {
        $0.globalWrite = bytes + Double(queryTile * 8)
        $0.otherInstructions = bytes / 16
      },
      action: .sequence([
        .store(registers.output, .partialO, queries),
        .store(registers.logSumExp, .partialLogSumExp, queries),
      ]))
  }
}

/// Merges what the selected blocks gave each row of queries.
///
/// Expected per row and part: head-dim x (4 or 2) bytes read, bound by memory.
struct BlockMerge {
  let schedule: String
  let shape: AttentionShape
  /// The parts of each tile of `tileRows` queries, by range of heads that share a mask.
  let parts: [(heads: Int, tiles: [[Int]])]
  let tileRows: Int
  /// Bytes of an element of a partial output.
  let partialElement: Int

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    // They divide every tile of queries.
    let rows = 16
    let elements = Double(rows * shape.headDimV)
    let merge = Merge(
      schedule: schedule, name: "merge", shape: shape, rows: rows,
      mostParts: parts.flatMap { $0.tiles.map(\.count) }.max() ?? 0,
      footprint: Footprint(threads: 128, registersPerThread: 40, sharedBytes: 0),
      weights: .running(nil),
      add: { _ in
        .init("load part", chain: Chain(alu: 6, exp: 1, shared: 1)) {
          $0.fma = 2 * elements
          $0.exp = Double(rows * 8)
          $0.otherInstructions = elements / 4
        }
      }, partialElement: partialElement,
      store: .init("store O") { $0.otherInstructions = elements / 8 }, storesLogSumExp: true,
      writesEmptyRows: true)
    let (all, perTile) = ((shape.seqQ + rows - 1) / rows, tileRows / rows)
    let heads = parts.map { entry in
      let runs = entry.tiles.enumerated().map { index, splits in
        Merge.Run(parts: .list(splits), count: min(perTile, all - index * perTile))
      }
      return (entry.heads, runs)
    }
    var items = merge.items(heads, classPerRun: true)
    items.groups = items.groups.repeated(batch: shape.batch)
    return try merge.kernel(items, order: .sequencesFastest, on: device)
  }
}
