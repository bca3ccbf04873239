public import Attention
public import HWModels
public import Programs

extension Verification {
  /// Kinds of batches that random calls come with, for schedules that take them.
  public enum BatchFamily: String, Sendable, CaseIterable {
    /// Sequences with different numbers of keys.
    case lengths
    /// And of queries: prefill beside decode.
    case queries = "query-lengths"
    /// Leading keys in common.
    case sharedPrefix = "shared-prefix"
    /// Keys in pages, lengths equal or not.
    case pages

    /// Whether a schedule declares such batches.
    public func isTaken(by schedule: any Schedule.Type) -> Bool {
      switch self {
      case .lengths: schedule.support.takesKeyLengths
      case .queries: schedule.support.takesQueryLengths
      case .sharedPrefix: schedule.support.takesSharedPrefix
      case .pages: schedule.parameters.contains { $0.name == PagedVariants.pageSize }
      }
    }
  }

  /// Multiplications that a batch may take in one product, all heads and sequences together.
  private static let largestBatchProduct = 4_000_000

  /// Endless small forward calls on several sequences: lengths around tile and page boundaries, decode beside prefill
  /// beside chunks, neighbours alike, prefixes of whole pages and others. The same seed gives the same shapes for every
  /// schedule.
  ///
  /// - Parameter geometry: the only head dimensions that a schedule takes.
  public static func batches(
    _ family: BatchFamily, dataType: DataType = .bf16, seed: UInt64, geometry: HeadGeometry? = nil
  ) -> some Sequence<AttentionShape> {
    var generator = SplitMix(seed: seed)
    return AnyIterator {
      while true {
        guard let drawn = BatchDraw(family, &generator).shape(dataType, &generator)?.fitted(to: geometry)
        else { continue }
        if family == .lengths, drawn.lengths == nil { continue }
        if family == .queries, !drawn.hasQueryLengths { continue }
        let pairs = drawn.runs.reduce(0) { $0 + $1.count * $1.queries * $1.keys }
        if pairs * drawn.headsQ * drawn.headDim <= largestBatchProduct { return drawn }
      }
    }
  }
}

/// Lengths and prefix of one batch.
private struct BatchDraw {
  var keys: [Int] = []
  var queries: [Int] = []
  var prefix = 0

  init(_ family: Verification.BatchFamily, _ generator: inout SplitMix) {
    let count = 2 + generator.below(4)
    let (hasLengths, hasQueries) =
      switch family {
      case .lengths: (true, false)
      case .queries: (true, true)
      case .sharedPrefix, .pages: (generator.below(2) == 0, generator.below(4) == 0)
      }
    // Few queries are the rule where a cache is read.
    let common = [1, 1, 1 + generator.below(8), 1 + generator.below(80)][generator.below(4)]
    if family == .sharedPrefix {
      let page = [1, 16, 64, 64, 256][generator.below(5)]
      prefix = page * (1 + generator.below(max(1, 320 / page)))
    }
    for index in 0..<count {
      let isRepeated = index > 0 && (!hasLengths && !hasQueries || generator.below(3) == 0)
      // Some sequences have nothing of their own.
      let isPrefixAlone = prefix > 0 && generator.below(8) == 0
      keys.append(isRepeated ? keys[index - 1] : prefix + (isPrefixAlone ? 0 : Self.length(&generator)))
      guard hasQueries else {
        queries.append(common)
        continue
      }
      let own = keys[index]
      let drawn =
        switch generator.below(8) {
        case 0, 1, 2: 1
        case 3, 4: own
        case 5, 6: 1 + generator.below(own)
        default: 1 + generator.below(200)
        }
      queries.append(isRepeated ? queries[index - 1] : drawn)
    }
  }

  private static func length(_ generator: inout SplitMix) -> Int {
    switch generator.below(6) {
    case 0: 1 + generator.below(16)
    case 1: 64 * (1 + generator.below(9))
    case 2: 128 * (1 + generator.below(4)) - 1 + generator.below(3)
    case 3: 256 + generator.below(2)
    default: 1 + generator.below(600)
    }
  }

  /// The call; nil where the numbers make none.
  func shape(_ dataType: DataType, _ generator: inout SplitMix) -> AttentionShape? {
    let heads = [(1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (3, 1)][generator.below(6)]
    let headDim = [16, 32, 64, 64, 40, 128][generator.below(6)]
    let mask: Mask =
      switch generator.below(4) {
      case 0: .none
      case 1: .slidingWindow(left: generator.below(200), right: generator.below(2) * generator.below(60))
      default: .causal
      }
    let hasQueries = Set(queries).count > 1
    let lengths =
      Set(keys).count == 1 && !hasQueries
      ? nil : try? BatchLengths(keys: keys, queries: hasQueries ? queries : nil)
    return try? AttentionShape(
      batch: keys.count, headsQ: heads.0, headsKV: heads.1, seqQ: queries.max() ?? 1, seqKV: keys.max() ?? 1,
      headDim: headDim, dataType: dataType, mask: mask, lengths: lengths, sharedPrefix: prefix)
  }
}
