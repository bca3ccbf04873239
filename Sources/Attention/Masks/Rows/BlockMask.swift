/// A mask cut into square blocks, as kernels with block lists take it: for each row of query blocks, the key blocks that
/// need the mask and those that do not.
///
/// - Source: torch.nn.attention.flex_attention, `create_block_mask`: blocks of which every pair is allowed are full,
///   others with an allowed pair partial; sequences are padded with forbidden pairs.
package struct BlockMask: Sendable {
  package let queryBlock: Int
  package let keyBlock: Int
  /// The rows of each range of heads that shares a mask.
  package let heads: [(heads: Range<Int>, rows: [Row])]

  /// Key blocks of one row of query blocks, as ascending runs.
  package struct Row: Sendable, Hashable {
    package var partial: [Range<Int>]
    package var full: [Range<Int>]
  }

  /// - Complexity: about O(blocks visited), O(rows) for bands.
  package init(_ shape: AttentionShape, queryBlock: Int, keyBlock: Int) throws(MaskProblem) {
    self.queryBlock = queryBlock
    self.keyBlock = keyBlock
    var heads: [(heads: Range<Int>, rows: [Row])] = []
    for entry in shape.mask.headMasks(headCount: shape.headsQ) {
      let map = try entry.mask.packed.tiles(
        seqQ: shape.seqQ, seqKV: shape.seqKV, geometry: .linear(query: queryBlock, key: keyBlock))
      var rows: [Row] = []
      rows.reserveCapacity(map.queryTiles)
      map.forEachRow { _, row in rows.append(Row(row)) }
      if shape.seqQ % queryBlock != 0, let last = rows.last {
        let all = KeyRuns(merging: last.partial + last.full)
        rows[rows.count - 1] = Row(partial: all.runs, full: [])
      }
      heads.append((entry.heads, rows))
    }
    self.heads = heads
  }
}

extension BlockMask.Row {
  package init(_ row: TileRow) {
    full = row.dense
    partial = []
    var dense = row.dense[...]
    for run in row.visited {
      var start = run.lowerBound
      while let next = dense.first, next.lowerBound < run.upperBound {
        if start < next.lowerBound { partial.append(start..<next.lowerBound) }
        start = next.upperBound
        dense.removeFirst()
      }
      if start < run.upperBound { partial.append(start..<run.upperBound) }
    }
  }
}

extension Mask {
  /// The mask on one packed sequence: variable-length batches as documents whose tiles run across them.
  package var packed: Mask {
    guard case .documents(var documents) = self else { return self }
    documents.tiling = .packed
    return .documents(documents)
  }
}
