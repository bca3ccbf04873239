/// A block-sparse mask laid over lengths: for each block row, the runs of its block columns.
struct BlockRows: Sendable {
  let queryBlock: Int
  let keyBlock: Int
  let seqQ: Int
  let seqKV: Int
  /// Runs of row r are `runs[offsets[r]..<offsets[r + 1]]`.
  private let offsets: [Int]
  private let runs: [Run]

  private struct Run: Sendable {
    var start: Int32
    var end: Int32
  }

  /// Complexity: O(blocks of the grid) for drawn blocks, O(entries) for listed ones.
  init(_ mask: BlockSparse, seqQ: Int, seqKV: Int) {
    queryBlock = mask.queryBlock
    keyBlock = mask.keyBlock
    self.seqQ = seqQ
    self.seqKV = seqKV
    let rows = (seqQ + queryBlock - 1) / queryBlock
    let columns = (seqKV + keyBlock - 1) / keyBlock
    var offsets = [0]
    var runs: [Run] = []
    offsets.reserveCapacity(rows + 1)
    func append(_ column: Int32) {
      if runs.count > offsets[offsets.count - 1], runs[runs.count - 1].end == column {
        runs[runs.count - 1].end = column + 1
      } else {
        runs.append(Run(start: column, end: column + 1))
      }
    }
    if case .random(let density, let seed, let keepsDiagonal) = mask.pattern {
      var generator = MersenneTwister(seed: seed)
      let threshold = Float(density)
      for row in 0..<rows {
        for column in 0..<columns {
          let isKept = generator.nextUniform() < threshold
          if isKept || keepsDiagonal && row == column { append(Int32(column)) }
        }
        offsets.append(runs.count)
      }
    } else {
      let entries = mask.list?.entries ?? []
      var next = 0
      for row in 0..<rows {
        while next < entries.count, entries[next].row == row {
          append(entries[next].column)
          next += 1
        }
        offsets.append(runs.count)
      }
    }
    self.offsets = offsets
    self.runs = runs
  }

  /// The first run of `row` that ends behind key `key`.
  private func firstRun(of row: Int, endingAfter key: Int) -> Int {
    var (low, high) = (offsets[row], offsets[row + 1])
    while low < high {
      let middle = (low + high) / 2
      if Int(runs[middle].end) * keyBlock <= key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func keys(ofRow row: Int, within keys: Range<Int>) -> KeyRuns {
    var result = KeyRuns()
    var index = firstRun(of: row, endingAfter: keys.lowerBound)
    while index < offsets[row + 1], Int(runs[index].start) * keyBlock < keys.upperBound {
      let end = min(Int(runs[index].end) * keyBlock, seqKV)
      result.append((Int(runs[index].start) * keyBlock..<end).clamped(to: keys))
      index += 1
    }
    return result
  }

  func reach(of queries: Range<Int>, within window: Range<Int>) -> Reach {
    let rows = queries.lowerBound / queryBlock..<(queries.upperBound - 1) / queryBlock + 1
    var seen = keys(ofRow: rows.lowerBound, within: window)
    var common = seen
    for row in rows.dropFirst() {
      let own = keys(ofRow: row, within: window)
      seen = seen.union(own)
      common = common.intersection(own)
    }
    return Reach(seen: seen, common: common)
  }

  /// Pairs of `queries` (not empty) and keys of `window`. Complexity: O(runs of those rows in the window).
  func pairs(of queries: Range<Int>, within window: Range<Int>) -> Int {
    var pairs = 0
    for row in queries.lowerBound / queryBlock...(queries.upperBound - 1) / queryBlock {
      let own = (row * queryBlock..<(row + 1) * queryBlock).clamped(to: queries)
      var index = firstRun(of: row, endingAfter: window.lowerBound)
      var keys = 0
      while index < offsets[row + 1], Int(runs[index].start) * keyBlock < window.upperBound {
        let end = min(Int(runs[index].end) * keyBlock, seqKV)
        keys += (Int(runs[index].start) * keyBlock..<end).clamped(to: window).count
        index += 1
      }
      pairs += keys * own.count
    }
    return pairs
  }

  /// Queries of a block row.
  private func queries(ofRow row: Int) -> Int { min((row + 1) * queryBlock, seqQ) - row * queryBlock }

  /// Complexity: O(runs).
  var pairs: Int {
    var pairs = 0
    for row in 0..<offsets.count - 1 {
      var keys = 0
      for run in runs[offsets[row]..<offsets[row + 1]] {
        keys += min(Int(run.end) * keyBlock, seqKV) - Int(run.start) * keyBlock
      }
      pairs += keys * queries(ofRow: row)
    }
    return pairs
  }

  /// Queries that attend to nothing. Complexity: O(block rows).
  var emptyQueries: Int {
    (0..<offsets.count - 1).reduce(0) { offsets[$1] == offsets[$1 + 1] ? $0 + queries(ofRow: $1) : $0 }
  }

  /// Visited and dense tiles of block row `row`, for tiles that are blocks: a last block cut short is not dense.
  ///
  /// Complexity: O(runs of the row).
  func tiles(ofRow row: Int) -> (seen: [Range<Int>], full: [Range<Int>]) {
    let seen = runs[offsets[row]..<offsets[row + 1]].map { Int($0.start)..<Int($0.end) }
    let whole = seqKV / keyBlock
    guard let last = seen.last, last.upperBound > whole else { return (seen, seen) }
    let cut = last.clamped(to: 0..<whole)
    return (seen, seen.dropLast() + (cut.isEmpty ? [] : [cut]))
  }
}
