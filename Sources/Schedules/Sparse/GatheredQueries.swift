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
    if groups.count == 1 {
      groups[0].count *= shape.batch
    } else {
      groups = Array(repeating: groups, count: shape.batch).flatMap(\.self)
    }
    return ItemSpace(classes: classes, groups: groups)
  }

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: Steps.self, schedule: schedule, kernel: "gathered_fwd")
    let (headDim, headDimV, type) = (shape.headDim, shape.headDimV, shape.dataType)
    let k = builder.buffer("K", .shared, rows: keyBlock, columns: headDim, type: type)
    let v = builder.buffer("V", .shared, rows: keyBlock, columns: headDimV, type: type)
    let q = builder.buffer("Q", .shared, rows: queryTile, columns: headDim, type: type)
    let registers = ConsumerBuffers(
      builder: &builder, group: 0, rows: queryTile, keyTile: keyBlock, headDimV: headDimV, type: type,
      probabilitiesInRegisters: true, exponential: .scaled)
    let own = TileCoordinate(rows: keyBlock, index: .item(scale: 1, offset: 0))
    let queries = TileCoordinate(rows: queryTile, index: .walk(offset: 0), split: .tile)

    func load(_ name: String, _ bytes: Int, isShared: Bool, _ action: Action) -> Operation {
      let bytes = Double(bytes)
      return Operation(
        name, .loadStore,
        work: .of {
          if isShared { $0.globalRead = bytes } else { $0.streamRead = bytes }
          $0.sharedWrite = bytes
          $0.otherInstructions = bytes / 16
          $0.alu = bytes / 16 * 4
        }, chain: isShared ? Chain(global: 1) : Chain(), action: action)
    }
    let begin = [
      load("load K", keyBlock * headDim * element, isShared: false, .load(.k, own, into: TileRef(k))),
      load("load V", keyBlock * headDimV * element, isShared: false, .load(.v, own, into: TileRef(v))),
    ]
    func product(_ name: String, columns: Int, operandBytes: Int, _ action: Action) -> Operation {
      let flops = 2 * Double(queryTile * keyBlock * columns)
      return Operation(
        name, .tensorSync,
        work: .of {
          $0.matrixFlops = flops
          $0.matrixInstructions = flops / 4096 / Double(warps)
          $0.sharedRead = Double(operandBytes)
          $0.otherInstructions = Double(operandBytes) / 16
        }, action: action)
    }
    let softmax = registers.softmax
    let outputBytes = Double(queryTile * headDimV * 4)
    func step(isMasked: Bool) -> [Operation] {
      var mask = softmax.mask(keyTile: own, queryTile: queries)
      mask.work = code.work(scores: Double(queryTile * keyBlock), rowsPerLane: 2)
      mask.work.alu += Double(queryTile * keyBlock)
      return registers.clear + [
        load(
          "load list and Q", queryTile * headDim * element, isShared: true,
          .load(.q, queries, into: TileRef(q))),
        product(
          "S = Q K^T", columns: headDim, operandBytes: (queryTile + warps * keyBlock) * headDim * element,
          .matmul(
            into: registers.scores, a: TileRef(q), b: TileRef(k), transposeA: false, transposeB: true,
            accumulate: false)),
      ] + (isMasked ? [mask] : []) + [
        softmax.updateMaximum(), softmax.exponentiate(), softmax.updateSum(), registers.convert,
        product(
          "O = P V", columns: headDimV, operandBytes: warps * keyBlock * headDimV * element,
          .matmul(
            into: registers.output, a: registers.probabilities, b: TileRef(v), transposeA: false,
            transposeB: false, accumulate: true)),
        softmax.normalise(logSumExp: registers.logSumExp),
        Operation(
          "store partial O", .loadStore,
          work: .of {
            $0.globalWrite = outputBytes + Double(queryTile * 8)
            $0.otherInstructions = outputBytes / 16
          },
          action: .sequence([
            .store(registers.output, .partialO, queries),
            .store(registers.logSumExp, .partialLogSumExp, queries),
          ])),
      ]
    }
    builder.actor(
      "warps", warps: warps,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: begin),
        Block(trips: .count(\Steps.masked), stepsPerTrip: 1, operations: step(isMasked: true)),
        Block(trips: .count(\Steps.whole), stepsPerTrip: 1, operations: step(isMasked: false)),
      ])
    return try builder.build(
      items: items(), policy: .grid(order: .sequencesFastest),
      footprint: Footprint(
        threads: 32 * warps, registersPerThread: 168,
        sharedBytes: ((keyBlock + queryTile) * headDim + keyBlock * headDimV) * element),
      sharedStream: .init(
        sequences: shape.batch * shape.headsQ,
        bytesRead: Double(shape.seqQ) * Double(headDim * element), bytesAccumulated: 0),
      on: device)
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
