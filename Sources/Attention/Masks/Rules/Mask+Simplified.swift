extension Mask {
  /// The plainest mask with the same pairs at all lengths. Nested lists are flattened. Repeated and redundant parts are
  /// dropped. Windows of one alignment become one. Heads with equal masks share one.
  ///
  /// What has a form of its own (documents, token grids, lists of blocks) stays what it is.
  public var simplified: Mask {
    switch self {
    case .slidingWindow(nil, nil), .slidingWindowTopLeft(nil, nil): .none
    case .slidingWindow(nil, 0), .prefix(0, .bottomRight): .causal
    case .slidingWindowTopLeft(nil, 0), .prefix(0, .topLeft): .causalTopLeft
    case .sink(0, let window, let alignment) where window >= 1:
      Window(left: window - 1, right: 0, alignment).mask
    case .intersection(let masks): Self.combined(masks, isUnion: false)
    case .union(let masks): Self.combined(masks, isUnion: true)
    case .perHead(let entries):
      Self.merged(entries.map { HeadMask(heads: $0.heads, mask: $0.mask.simplified) })
    default: self
    }
  }

  /// The same pairs for these lengths, as one of the rules that kernels have built in (none, causal, windows) where they are
  /// one; else `simplified`.
  ///
  /// Bands stay as they were asked for: kernels treat windows longer than their keys in different ways.
  public func builtIn(seqQ: Int, seqKV: Int) -> Mask {
    let plain = simplified
    if seqQ != seqKV, plain.band(seqQ: seqQ, seqKV: seqKV) != nil { return plain }
    return plain.replaced(seqQ: seqQ, seqKV: seqKV).simplified
  }

  /// Parts that are a rule for these lengths replaced by it.
  private func replaced(seqQ: Int, seqKV: Int) -> Mask {
    switch self {
    case .documents(let documents):
      // Empty documents have neither queries nor keys to hide.
      let filled = documents.queryLengths.indices.filter {
        documents.queryLengths[$0] > 0 || documents.keyLengths[$0] > 0
      }
      guard filled.count == 1 else { return self }
      return documents.isCausal ? .causal : .none
    case .prefix(let length, _) where length >= seqKV: return .none
    case .sink(let tokens, let window, let alignment):
      // The last position of a query.
      let last = (alignment == .bottomRight ? seqKV : seqQ) - 1
      guard tokens >= seqKV || window > last - tokens else { return self }
      return alignment == .bottomRight ? .causal : .causalTopLeft
    case .causalTopLeft where seqQ == seqKV: return .causal
    case .slidingWindowTopLeft(let left, let right) where seqQ == seqKV:
      return .slidingWindow(left: left, right: right)
    case .intersection(let masks): return .intersection(masks.map { $0.replaced(seqQ: seqQ, seqKV: seqKV) })
    case .union(let masks): return .union(masks.map { $0.replaced(seqQ: seqQ, seqKV: seqKV) })
    case .perHead(let entries):
      return .perHead(
        entries.map { HeadMask(heads: $0.heads, mask: $0.mask.replaced(seqQ: seqQ, seqKV: seqKV)) })
    default: return self
    }
  }

  /// Where a mask names keys that are not there, in words.
  public func notes(seqKV: Int) -> [String] {
    switch self {
    case .prefix(let length, _) where length > seqKV:
      ["\(self) names more keys than the \(seqKV) that there are: every key is visible"]
    case .sink(let tokens, _, _) where tokens > seqKV:
      ["\(self) names more keys than the \(seqKV) that there are: it is a causal mask"]
    case .intersection(let masks), .union(let masks): masks.flatMap { $0.notes(seqKV: seqKV) }
    case .perHead(let entries): entries.flatMap { $0.mask.notes(seqKV: seqKV) }
    default: []
    }
  }

  // MARK: Lists

  private static func combined(_ masks: [Mask], isUnion: Bool) -> Mask {
    var parts: [Mask] = []
    for mask in masks {
      switch mask.simplified {
      case .intersection(let inner) where !isUnion: parts += inner
      case .union(let inner) where isUnion: parts += inner
      case let part: parts.append(part)
      }
    }
    var kept: [Mask] = []
    for part in parts {
      var part = part
      // Two parts that one mask can replace become that mask, which is compared with the others again.
      while let place = kept.firstIndex(where: { one($0, part, isUnion: isUnion) != nil }),
        let both = one(kept[place], part, isUnion: isUnion)
      {
        kept.remove(at: place)
        part = both
      }
      kept.append(part)
    }
    guard kept.count != 1 else { return kept[0] }
    return isUnion ? .union(kept) : .intersection(kept)
  }

  /// One mask for both, where there is one.
  private static func one(_ a: Mask, _ b: Mask, isUnion: Bool) -> Mask? {
    if a == b { return a }
    if a == .none || b == .none { return isUnion ? Mask.none : a == .none ? b : a }
    if let first = a.window, let second = b.window, first.alignment == second.alignment {
      // Both hold the query's own position, so that nothing lies between them.
      return first.combined(second, isUnion: isUnion).mask
    }
    for (small, large) in [(a, b), (b, a)] where small.isWithin(large) { return isUnion ? large : small }
    return nil
  }

  /// Whether every pair lies in `other`, for sinks, causal masks and prefixes of one alignment.
  private func isWithin(_ other: Mask) -> Bool {
    guard let own = ordered, let their = other.ordered, own.alignment == their.alignment else { return false }
    return own.rank < their.rank || (own.rank == 2 && their.rank == 2 && own.length <= their.length)
  }

  /// Sinks lie within causal masks, and these within prefixes; shorter prefixes within longer ones.
  private var ordered: (rank: Int, length: Int, alignment: Alignment)? {
    switch self {
    case .sink(_, _, let alignment): (0, 0, alignment)
    case .causal: (1, 0, .bottomRight)
    case .causalTopLeft: (1, 0, .topLeft)
    case .prefix(let length, let alignment): (2, length, alignment)
    default: nil
    }
  }

  private static func merged(_ entries: [HeadMask]) -> Mask {
    var runs: [HeadMask] = []
    for entry in entries {
      if let last = runs.last, last.mask == entry.mask, last.heads.upperBound == entry.heads.lowerBound {
        runs[runs.count - 1].heads = last.heads.lowerBound..<entry.heads.upperBound
      } else {
        runs.append(entry)
      }
    }
    return runs.count == 1 ? runs[0].mask : .perHead(runs)
  }

  // MARK: Windows

  /// Keys from `left` before to `right` after a query's own position; nil is unbounded.
  private struct Window {
    var left: Int?
    var right: Int?
    var alignment: Alignment

    init(left: Int?, right: Int?, _ alignment: Alignment) {
      (self.left, self.right, self.alignment) = (left, right, alignment)
    }

    func combined(_ other: Window, isUnion: Bool) -> Window {
      func reach(_ a: Int?, _ b: Int?) -> Int? {
        guard let a else { return isUnion ? nil : b }
        guard let b else { return isUnion ? nil : a }
        return isUnion ? max(a, b) : min(a, b)
      }
      return Window(left: reach(left, other.left), right: reach(right, other.right), alignment)
    }

    var mask: Mask {
      switch (left, right, alignment) {
      case (nil, nil, _): .none
      case (nil, 0, .bottomRight): .causal
      case (nil, 0, .topLeft): .causalTopLeft
      case (_, _, .bottomRight): .slidingWindow(left: left, right: right)
      case (_, _, .topLeft): .slidingWindowTopLeft(left: left, right: right)
      }
    }
  }

  private var window: Window? {
    switch self {
    case .causal: Window(left: nil, right: 0, .bottomRight)
    case .causalTopLeft: Window(left: nil, right: 0, .topLeft)
    case .slidingWindow(let left, let right): Window(left: left, right: right, .bottomRight)
    case .slidingWindowTopLeft(let left, let right): Window(left: left, right: right, .topLeft)
    default: nil
    }
  }
}
