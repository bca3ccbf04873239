extension Mask {
  /// Why this mask cannot be laid over the given lengths; each names the field and the limit.
  public func problems(seqQ: Int, seqKV: Int) -> [String] {
    check(seqQ: seqQ, seqKV: seqKV).map(\.message)
  }

  /// As `problems(seqQ:seqKV:)`, field by field, and for `headCount` query heads where they are known.
  public func check(seqQ: Int, seqKV: Int, headCount: Int? = nil) -> [MaskProblem] {
    if case .perHead(let entries) = self {
      return headProblems(entries, headCount: headCount)
        + entries.flatMap { $0.mask.check(seqQ: seqQ, seqKV: seqKV, isOutermost: true) }
    }
    return check(seqQ: seqQ, seqKV: seqKV, isOutermost: true)
  }

  private func check(seqQ: Int, seqKV: Int, isOutermost: Bool) -> [MaskProblem] {
    switch self {
    case .none, .causal, .causalTopLeft: return []
    case .slidingWindow(let left, let right), .slidingWindowTopLeft(let left, let right):
      return [("left", left), ("right", right)].compactMap { side, reach in
        guard let reach, !(0...AttentionShape.largestExtent).contains(reach) else { return nil }
        let problem = reach < 0 ? "is negative" : "is larger than \(AttentionShape.largestExtent)"
        return MaskProblem(
          field: "window", limit: reach < 0 ? 0 : AttentionShape.largestExtent,
          message: "the window's \(side) reach \(reach) \(problem)")
      }
    case .prefix(let length, _):
      if length > AttentionShape.largestExtent { return [Mask.tooLarge("prefix", length)] }
      if length >= 0 { return [] }
      return [MaskProblem(field: "prefix", limit: 0, message: "prefix \(length) is negative")]
    case .sink(let tokens, let window, _):
      var found = [("sink", tokens), ("window", window)].filter { $0.1 > AttentionShape.largestExtent }
        .map { Mask.tooLarge($0.0, $0.1) }
      if tokens < 0 {
        found.append(MaskProblem(field: "sink", limit: 0, message: "sink \(tokens) is negative"))
      }
      if window < 1 {
        found.append(
          MaskProblem(
            field: "window", limit: 1, message: "window \(window) holds the query itself: at least 1"))
      }
      return found
    case .documents(let documents):
      return documents.problems(seqQ: seqQ, seqKV: seqKV, isOutermost: isOutermost)
    case .neighborhood(let neighborhood):
      let tokens = neighborhood.tokens
      return [("queries", seqQ), ("keys", seqKV)].filter { $0.1 != tokens }.map { side, length in
        MaskProblem(
          field: "shape", limit: length,
          message: "the token grid \(tuple(neighborhood.shape)) has \(tokens) tokens for \(length) \(side)")
      }
    case .blockSparse(let blocks): return blocks.problems(seqQ: seqQ, seqKV: seqKV)
    case .intersection(let masks), .union(let masks):
      if masks.isEmpty { return [MaskProblem(field: "mask", message: "a combination of no masks")] }
      return masks.flatMap { $0.check(seqQ: seqQ, seqKV: seqKV, isOutermost: false) }
    case .perHead:
      return [
        MaskProblem(field: "heads", message: "masks per head cannot stand inside another mask")
      ]
    }
  }

  private static func tooLarge(_ field: String, _ value: Int) -> MaskProblem {
    MaskProblem(
      field: field, limit: AttentionShape.largestExtent,
      message: "\(field) \(value) is larger than \(AttentionShape.largestExtent)")
  }

  private func headProblems(_ entries: [HeadMask], headCount: Int?) -> [MaskProblem] {
    var next = 0
    for entry in entries {
      guard entry.heads.lowerBound == next, !entry.heads.isEmpty else {
        return [
          MaskProblem(
            field: "heads", limit: next,
            message: "the masks of heads \(entry.heads) must begin at head \(next)")
        ]
      }
      next = entry.heads.upperBound
    }
    if let headCount, next != headCount {
      return [
        MaskProblem(
          field: "heads", limit: headCount, message: "masks for \(next) heads, but there are \(headCount)")
      ]
    }
    return entries.isEmpty ? [MaskProblem(field: "heads", limit: 1, message: "masks for no head")] : []
  }
}

extension Documents {
  package func problems(seqQ: Int, seqKV: Int, isOutermost: Bool) -> [MaskProblem] {
    var found: [MaskProblem] = []
    if queryLengths.count != keyLengths.count {
      found.append(
        MaskProblem(
          field: "documents", limit: queryLengths.count,
          message: "\(keyLengths.count) key lengths for \(queryLengths.count) documents"))
    }
    for (side, lengths, total) in [("query", queryLengths, seqQ), ("key", keyLengths, seqKV)] {
      if let length = lengths.first(where: { $0 < 0 }) {
        found.append(
          MaskProblem(
            field: "documents", limit: 0, message: "a document has a negative \(side) length, \(length)"))
        continue
      }
      let sum = lengths.reduce(0) { $0.addingReportingOverflow($1).overflow ? Int.max : $0 + $1 }
      if sum != total {
        found.append(
          MaskProblem(
            field: "documents", limit: total,
            message: "the documents' \(side) lengths sum to \(sum), not to the sequence's \(total)"))
      }
    }
    if tiling == .restarting, !isOutermost {
      found.append(
        MaskProblem(
          field: "varlen",
          message: "varlen restarts tiles at every document and cannot be combined with other masks; use doc")
      )
    }
    return found
  }
}

extension BlockSparse {
  package func problems(seqQ: Int, seqKV: Int) -> [MaskProblem] {
    let rows = (seqQ + queryBlock - 1) / queryBlock
    let columns = (seqKV + keyBlock - 1) / keyBlock
    if case .file(let path, nil) = pattern {
      return [MaskProblem(field: "file", message: "the block list in \(path) has not been read")]
    }
    if case .random = pattern,
      rows.multipliedReportingOverflow(by: columns).overflow || rows * columns > 1 << 30
    {
      return [
        MaskProblem(
          field: "block", limit: 1 << 30,
          message: "a grid of \(rows) x \(columns) blocks is more than \(1 << 30) to draw; use larger blocks")
      ]
    }
    let outside = list?.entries.first {
      $0.row < 0 || $0.row >= rows || $0.column < 0 || $0.column >= columns
    }
    return outside.map { entry in
      let isRow = entry.row < 0 || entry.row >= rows
      return MaskProblem(
        field: "block list", limit: (isRow ? rows : columns) - 1,
        message: "entry \(entry.row):\(entry.column) lies outside the grid of \(rows) x \(columns) blocks: "
          + (isRow ? "the last row is \(rows - 1)" : "the last column is \(columns - 1)"))
    }.map { [$0] } ?? []
  }
}
