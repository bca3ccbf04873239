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

  let threads = 128
  var element: Double { Double(shape.dataType.bytes) }
  var keyHeads: Int { shape.batch * shape.headsKV }
  var queryHeads: Int { shape.batch * shape.headsQ }
  var queryBlocks: Int { (shape.seqQ + queryBlock - 1) / queryBlock }
  var keyBlocks: Int { (shape.seqKV + keyBlock - 1) / keyBlock }
  /// Scores of all pairs of blocks.
  private var blockPairs: Double { Double(queryHeads) * Double(queryBlocks) * Double(keyBlocks) }

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
}
