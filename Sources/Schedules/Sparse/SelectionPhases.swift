import Attention
import HWModels
import Programs

/// Kernels that choose, at run time, which blocks of keys attention visits: pooling, scores of blocks, sorting, lists.
///
/// They are streams over rows and matrices of scores, each bound by what its name says. What they choose is the mask of
/// the call, which the user gives; so the interpreter has nothing to compute here, and actions only mark data as used.
///
/// - Source: the operations that the authors' code calls, one kernel for each (see `SelectedAttention`); instructions of a
///   framework's copy by index from validation/slopes3_h100.csv. Instructions of sorts are inferred.
struct SelectionPhases {
  let schedule: String
  let shape: AttentionShape
  /// Queries and keys of a block.
  let queryBlock: Int
  let keyBlock: Int

  private let threads = 128
  private var element: Double { Double(shape.dataType.bytes) }
  private var keyHeads: Int { shape.batch * shape.headsKV }
  private var queryHeads: Int { shape.batch * shape.headsQ }
  var queryBlocks: Int { (shape.seqQ + queryBlock - 1) / queryBlock }
  var keyBlocks: Int { (shape.seqKV + keyBlock - 1) / keyBlock }
  /// Scores of all pairs of blocks.
  private var blockPairs: Double { Double(queryHeads) * Double(queryBlocks) * Double(keyBlocks) }

  // MARK: Families

  /// Mean of each block of queries and keys, scores of all pairs of means, and the best of each row by sorting and summing
  /// (SpargeAttn stage 1, MInference block-sparse, PBS-Attn).
  ///
  /// Expected: pooling reads Q and K once, memory bound; per pair of blocks 2 x head-dim flops and about 54 bytes over five
  /// passes, quadratic in the number of blocks. Launches set a floor.
  func pooledScores(on device: Device) throws(ScheduleError) -> [Kernel] {
    var kernels = [
      try pool(.q, on: device), try pool(.k, on: device),
      try pairScores(
        "block_scores", rows: queryBlocks, columns: keyBlocks, heads: queryHeads, on: device),
      try elements("select_mask", blockPairs, read: 4, written: 4, on: device),
      try softmaxRows("select_softmax", rows: blockPairs / Double(keyBlocks), length: keyBlocks, on: device),
    ]
    kernels += try sort(
      "select_sort", rows: queryHeads * queryBlocks, length: keyBlocks, on: device)
    return kernels + [
      try elements("select_sum", blockPairs, read: 4, written: 4, on: device),
      try elements("select_scatter", blockPairs, read: 13, written: 2, on: device),
    ]
  }

  /// Keys of a segment in the order of their scores under the last block of queries; keys and values gathered in that order
  /// (PBS-Attn, segments of 256 tokens).
  ///
  /// Expected: K read once for scores; gathers of 54.5 instructions an element, bound by integer logic on an H100.
  func keyPermutation(segment: Int, on device: Device) throws(ScheduleError) -> [Kernel] {
    let segments = (shape.seqKV + segment - 1) / segment
    let gathered = Double(keyHeads) * Double(shape.seqKV)
    return [
      try pairScores("score_keys", rows: queryBlock, columns: shape.seqKV, heads: keyHeads, on: device)
    ] + (try sort("sort_keys", rows: keyHeads * segments, length: min(segment, shape.seqKV), on: device)) + [
      try gather("gather_k", gathered * Double(shape.headDim), on: device),
      try gather("gather_v", gathered * Double(shape.headDimV), on: device),
    ]
  }

  /// Scores of the last 64 queries, their sums along columns and diagonals, the best of both, and the lists of blocks and
  /// columns of every row of blocks (MInference, vertical-slash).
  ///
  /// Expected: K read once, 64 scores a key written and read twice; sorts of rows as long as the sequence; the lists are
  /// merged by one lane for each row of blocks, entry after entry, each with a dependent load: columns + diagonals times
  /// about 60 cycles, however long the sequence.
  func verticalSlash(columns: Int, diagonals: Int, on device: Device) throws(ScheduleError) -> [Kernel] {
    let keys = Double(queryHeads) * Double(shape.seqKV)
    let (columns, diagonals) = (min(columns, shape.seqKV), min(diagonals, shape.seqKV))
    let entries = columns + diagonals
    let written = Double(columns + min(diagonals, keyBlocks)) * 4
    let scratchThreads = 64.0
    let kernels = [
      try pairScores("estimate", rows: 64, columns: shape.seqKV, heads: queryHeads, on: device),
      try softmaxRows("estimate_softmax", rows: 64 * Double(queryHeads), length: shape.seqKV, on: device),
      try elements("column_sums", keys, read: 64 * 4, written: 4, alu: 64, on: device),
      try elements("diagonal_sums", keys, read: 64 * 4, written: 4, alu: 64, on: device),
    ]
    return kernels
      + (try sort("top_columns", rows: queryHeads, length: shape.seqKV, on: device))
      + (try sort("top_diagonals", rows: queryHeads, length: shape.seqKV, on: device)) + [
        try stream(
          "build_index", items: queryHeads * ((queryBlocks + 63) / 64), read: Double(entries) * 4,
          written: written * scratchThreads,
          work: .of {
            $0.alu = scratchThreads * Double(entries) * 8
            $0.otherInstructions = scratchThreads * Double(entries) * 4
          }, chain: Chain(alu: 6 * entries, shared: entries), on: device)
      ]
  }

  /// Mean of each block of keys, a gate of every query with every mean in fp32, the best of each query, and its row copied
  /// for each of the blocks that it goes to (MoBA).
  ///
  /// Expected: head-dim multiply-adds a (query, block) and 26 bytes over four passes; a gathered row is read and written
  /// once for each selected block.
  ///
  /// - Parameter gathered: rows of queries over all heads, once for each block.
  func gate(gathered: Double, on device: Device) throws(ScheduleError) -> [Kernel] {
    let queries = Double(queryHeads) * Double(shape.seqQ)
    let pairs = queries * Double(keyBlocks)
    let rows = 128
    let gate = try stream(
      "gate", items: queryHeads * ((shape.seqQ + rows - 1) / rows),
      read: Double(rows * shape.headDim) * element, written: Double(rows * keyBlocks * 4),
      work: .of {
        $0.fma = Double(rows * keyBlocks * shape.headDim)
        $0.convert = Double(rows * shape.headDim)
        $0.sharedRead = Double(rows * keyBlocks * shape.headDim) / 4
      }, on: device)
    return [
      try pool(.k, on: device), gate,
      try elements("gate_mask", pairs, read: 4, written: 4, on: device),
      try elements("top_blocks", pairs, read: 4, written: 0, alu: 8, on: device),
      try elements("gate_select", pairs, read: 5, written: 5, on: device),
      try gather("gather_q", gathered * Double(shape.headDim), logic: 16, on: device),
    ]
  }

  /// Means over 32 keys every 16, attention over them, their probabilities summed over the heads of a group and over
  /// blocks, the best blocks of each query (NSA).
  ///
  /// Expected: attention over a sixteenth of the keys, causal: 1/32 of the pairs; the same scores once more for the sums.
  func compressed(on device: Device) throws(ScheduleError) -> [Kernel] {
    let summaries = max((shape.seqKV + 15) / 16, 1)
    let selected = Double(keyHeads) * Double(shape.seqQ) * Double(keyBlocks)
    return [
      try pool(.k, window: 32, stride: 16, on: device), try pool(.v, window: 32, stride: 16, on: device),
      try pairScores(
        "compressed_attention", rows: shape.seqQ, columns: (summaries + 1) / 2, heads: queryHeads,
        products: 2, exponentials: true, writtenPerRow: Double(shape.headDimV) * element + 4, on: device),
      try pairScores(
        "importance", rows: shape.seqQ, columns: (summaries + 1) / 2, heads: queryHeads, exponentials: true,
        writtenPerRow: Double(4 * keyBlocks) / Double(shape.group), on: device),
      try elements("top_blocks", selected, read: 4, written: 0, alu: 8, on: device),
    ]
  }

  /// Lists of the queries of every block, and the largest score of each query in each of its blocks, for kernels that walk
  /// keys outside and queries inside (FSA).
  ///
  /// - Parameter gathered: rows of queries over all heads, once for each block.
  func blockToQueries(gathered: Double, on device: Device) throws(ScheduleError) -> [Kernel] {
    let rows = Int(min(gathered, 1e15))
    return [
      try elements("block_to_queries", gathered / Double(shape.group), read: 4, written: 4, on: device),
      try pairScores(
        "statistics", rows: rows, columns: keyBlock, heads: 1, writtenPerRow: 4, on: device),
    ]
  }

  // MARK: Kernels

  /// Means over `window` rows every `stride`: one item for each mean of a whole block, or for 16 overlapping ones.
  private func pool(
    _ tensor: Tensor, window: Int? = nil, stride: Int? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let isQuery = tensor == .q
    let columns = Double(tensor == .v ? shape.headDimV : shape.headDim)
    let length = isQuery ? shape.seqQ : shape.seqKV
    let rows = stride.map { $0 * 16 } ?? (isQuery ? queryBlock : keyBlock)
    let means = stride == nil ? 1.0 : 16
    let overlap = Double(window ?? rows) / Double(stride ?? rows)
    let used = Double(min(rows, length))
    return try stream(
      "\(stride == nil ? "pool" : "compress")_\(tensor.rawValue)",
      items: (isQuery ? queryHeads : keyHeads) * ((length + rows - 1) / rows),
      read: used * columns * element, written: means * columns * element,
      work: .of {
        $0.fma = used * columns * overlap
        $0.convert = used * columns + means * columns
        $0.shuffle = Double(threads) * 5
      }, chain: Chain(alu: 8, shuffle: 5, shared: 2), on: device)
  }

  /// Products of rows with columns by matrix instructions: a grid of tiles of 128 x 128 whose scores are written, or, where
  /// they are reduced over columns at once, 128 rows an item and 128 columns a step.
  private func pairScores(
    _ name: String, rows: Int, columns: Int, heads: Int, products: Double = 1, exponentials: Bool = false,
    writtenPerRow: Double? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let tile = 128
    let (tileRows, tileColumns) = (min(tile, rows), min(tile, columns))
    let (rowTiles, columnTiles) = ((rows + tile - 1) / tile, (columns + tile - 1) / tile)
    let paddedRows = Double((tileRows + 15) / 16 * 16)
    let depth = Double(shape.headDim)
    let scores = Double(tileRows * tileColumns)
    let stored = writtenPerRow == nil ? scores * 4 : 0
    let flops = products * 2 * paddedRows * Double(tileColumns) * depth
    let used = Action.fill(TileRef(BufferID(index: 0)), 0)
    func load(_ name: String, _ bytes: Double) -> Operation {
      Operation(
        name, .loadStore,
        work: .of {
          $0.globalRead = bytes
          $0.otherInstructions = bytes / 8
          $0.sharedWrite = bytes
        }, action: used)
    }
    let rowBytes = Double(tileRows) * depth * element
    let step = [
      load("load columns", products * Double(tileColumns) * depth * element),
      Operation(
        "scores", .tensorSync,
        work: .of {
          $0.matrixFlops = flops
          $0.matrixInstructions = flops / 4096 / Double(threads / 32)
          $0.sharedRead = products * 5 * Double(tileColumns) * depth * element
          $0.otherInstructions = scores * 0.25
        }, action: used),
      Operation(
        "reduce scores", .vector,
        work: .of {
          $0.alu = scores
          $0.fma = exponentials ? 2 * scores : scores
          $0.max = exponentials ? scores : 0
          $0.exp = exponentials ? scores : 0
          $0.otherInstructions = stored / 16
        }, chain: Chain(alu: 8, exp: exponentials ? 1 : 0), action: used),
    ]
    let isGrid = writtenPerRow == nil
    return try stream(
      name, items: heads * rowTiles * (isGrid ? columnTiles : 1), read: isGrid ? 0 : rowBytes,
      written: isGrid ? stored : Double(tileRows) * (writtenPerRow ?? 0),
      steps: isGrid ? 1 : columnTiles, step: (isGrid ? [load("load rows", rowBytes)] : []) + step,
      sharedStream: .init(
        sequences: max(heads, 1),
        bytesRead: (Double(columns) * products + (isGrid ? Double(rows) : 0)) * depth * element,
        bytesAccumulated: 0),
      on: device)
  }

  /// A pass over a matrix, 1024 elements an item; bytes are those of one element.
  private func elements(
    _ name: String, _ count: Double, read: Double, written: Double, alu: Double = 4, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((count / perItem).rounded(.up)), read: perItem * read, written: perItem * written,
      work: .of {
        $0.alu = perItem * alu
        $0.otherInstructions = perItem * 2
      }, chain: Chain(alu: 4), on: device)
  }

  /// Softmax of rows: maximum, sum and quotient, read once and written once.
  private func softmaxRows(
    _ name: String, rows: Double, length: Int, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((rows * Double(length) / perItem).rounded(.up)), read: perItem * 4,
      written: perItem * 4,
      work: .of {
        $0.max = perItem
        $0.exp = perItem
        $0.fma = 3 * perItem
        $0.shuffle = Double(threads) * 10
        $0.otherInstructions = perItem
      }, chain: Chain(alu: 20, exp: 1, shuffle: 10, shared: 4), on: device)
  }

  /// Copies of rows by index as a framework does them, element by element.
  ///
  /// - Parameter logic: integer instructions an element: 44 of a copy between strided tensors; a copy of whole rows divides
  ///   once (16, inferred).
  private func gather(
    _ name: String, _ count: Double, logic: Double = 44, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((count / perItem).rounded(.up)), read: perItem * element + perItem / 16,
      written: perItem * element,
      work: .of {
        $0.alu = logic * perItem
        $0.otherInstructions = 10 * perItem
      }, chain: Chain(alu: 8, global: 1), on: device)
  }

  /// Keys that one work item sorts in its shared memory; longer rows take passes over device memory.
  private static let largestBlockSort = 4096

  /// A radix sort of each row with its indices (8 bytes): eight digits of four bits in shared memory, where a key is ranked,
  /// written and read with its index; or, for rows that are longer, four passes of eight bits through memory.
  private func sort(
    _ name: String, rows: Int, length: Int, on device: Device
  ) throws(ScheduleError) -> [Kernel] {
    let isLong = length > Self.largestBlockSort
    let perItem = isLong ? Self.largestBlockSort : length
    let items = isLong ? rows * ((length + perItem - 1) / perItem) : rows
    let digits = isLong ? 2.0 : 8
    let keys = Double(perItem)
    let work = Work.of {
      $0.alu = keys * digits * 24
      $0.otherInstructions = keys * digits * 10
      $0.sharedWrite = keys * digits * 16
      $0.sharedRead = keys * digits * 16
    }
    var kernels: [Kernel] = []
    for pass in 0..<(isLong ? 4 : 1) {
      kernels.append(
        try stream(
          isLong ? "\(name)_\(pass + 1)" : name, items: items, read: keys * (pass == 0 ? 4 : 12),
          written: keys * 12, work: work,
          chain: Chain(alu: 40 * Int(digits), shuffle: 5 * Int(digits), shared: 6 * Int(digits)), on: device))
    }
    return kernels
  }

  /// Items that each read, work, and write.
  private func stream(
    _ name: String, items: Int, read: Double, written: Double, work: Work = Work(), chain: Chain = Chain(),
    steps: Int = 0, step: [Operation] = [], sharedStream: Kernel.SharedStream? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: name)
    let used = TileRef(builder.buffer("used", .registers, rows: 1, columns: 1, type: .fp32))
    func move(_ name: String, _ bytes: Double, isLoad: Bool) -> [Operation] {
      guard bytes > 0 else { return [] }
      return [
        Operation(
          name, .loadStore,
          work: .of {
            if isLoad { $0.streamRead = bytes } else { $0.globalWrite = bytes }
            $0.otherInstructions = bytes / 16
          }, action: .fill(used, 0))
      ]
    }
    let own = Operation("work", .vector, work: work, chain: chain, action: .fill(used, 0))
    builder.actor(
      "warps", warps: threads / 32,
      blocks: [
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: move("load", read, isLoad: true)),
        Block(trips: .fixed(steps), stepsPerTrip: 0, operations: step),
        Block(trips: .fixed(1), stepsPerTrip: 0, operations: [own] + move("store", written, isLoad: false)),
      ])
    return try builder.build(
      items: ItemSpace(
        classes: [ItemClass()],
        groups: [.init(count: 1, runs: [.init(itemClass: 0, count: max(items, 1))])]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: threads, registersPerThread: step.isEmpty ? 32 : 128,
        sharedBytes: step.isEmpty ? 0 : 2 * 128 * min(shape.headDim, 256) * shape.dataType.bytes),
      role: .preprocess, sharedStream: sharedStream, on: device)
  }
}
