public import HWModels

/// What is asked: one attention call.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K `[batch, headsKV, seqKV, headDim]`; V and O have `headDimV`.
public struct AttentionShape: Sendable, Hashable {
  public var batch: Int
  public var headsQ: Int
  public var headsKV: Int
  public var seqQ: Int
  public var seqKV: Int
  public var headDim: Int
  public var headDimV: Int
  public var dataType: DataType
  public var mask: Mask
  public var pass: Pass
  /// Values are the first `headDimV` columns of the keys, and memory holds them once: the latent of multi-head latent
  /// attention. Schedules say so in the shape of their program.
  public var valuesInKeys = false
  /// Keys, and perhaps queries, of each sequence where they differ, the longest of them being `seqKV` and `seqQ`; nil where
  /// all have these.
  public private(set) var lengths: BatchLengths?
  /// Leading keys that all sequences of the batch have in common: memory holds them once for each key-value head.
  public private(set) var sharedPrefix: Int

  /// Forward, or backward with its own kernels alone.
  public enum Pass: String, CaseIterable, Sendable, Codable {
    case forward = "fwd"
    case backward = "bwd"
  }

  /// The largest length, head count or batch that the model accepts; beyond it products would overflow.
  public static let largestExtent = 1 << 28

  /// - Parameter needsBlockLists: whether a mask whose list of blocks lies in a file must have been read; a stored result
  ///   can be shown without.
  /// - Throws: `ShapeError` with every reason why the shape is not an attention call.
  public init(
    batch: Int, headsQ: Int, headsKV: Int? = nil, seqQ: Int, seqKV: Int? = nil, headDim: Int,
    headDimV: Int? = nil, dataType: DataType = .bf16, mask: Mask = .none, pass: Pass = .forward,
    lengths: BatchLengths? = nil, sharedPrefix: Int = 0, needsBlockLists: Bool = true
  ) throws(ShapeError) {
    self.batch = batch
    self.headsQ = headsQ
    self.headsKV = headsKV ?? headsQ
    self.seqQ = seqQ
    self.seqKV = seqKV ?? lengths?.longest ?? seqQ
    self.lengths = lengths
    self.sharedPrefix = sharedPrefix
    self.headDim = headDim
    self.headDimV = headDimV ?? headDim
    self.dataType = dataType
    self.mask = mask
    self.pass = pass
    let problems = self.problems(needsBlockLists: needsBlockLists)
    if !problems.isEmpty { throw ShapeError(problems: problems) }
  }

  /// Sequences that a grid of work items can number.
  private static let largestSequences = 1 << 31
  private static let largestRows = 1 << 42

  private func problems(needsBlockLists: Bool) -> [ShapeError.Problem] {
    var found: [ShapeError.Problem] = []
    let extents: [(String, Int, Int)] = [
      ("batch", batch, Self.largestExtent), ("heads", headsQ, 1 << 16), ("kv-heads", headsKV, 1 << 16),
      ("seq", seqQ, Self.largestExtent), ("seq-kv", seqKV, Self.largestExtent),
      ("head-dim", headDim, 4096), ("head-dim-v", headDimV, 4096),
    ]
    for (field, value, limit) in extents where value < 1 || value > limit {
      found.append(.init(field: field, message: "\(field) is \(value); it must lie between 1 and \(limit)"))
    }
    if found.isEmpty {
      if headsQ % headsKV != 0 {
        found.append(
          .init(
            field: "kv-heads",
            message: "\(headsQ) query heads do not divide into \(headsKV) key-value heads"))
      }
      // No device holds as much; and counts of tiles and ticks stay far from overflow.
      if batch * headsQ >= Self.largestSequences {
        found.append(
          .init(field: "batch", message: "batch times heads is \(batch * headsQ); it must be less than 2^31"))
      }
      for (field, rows) in [("seq", seqQ), ("seq-kv", seqKV)]
      where (batch * headsQ).multipliedReportingOverflow(by: rows).overflow
        || batch * headsQ * rows > Self.largestRows
      {
        found.append(
          .init(field: field, message: "the call has more than 2^42 rows: batch x heads x \(field)"))
      }
      let (pairs, overflow) = (batch * headsQ).multipliedReportingOverflow(by: seqQ)
      if overflow || pairs.multipliedReportingOverflow(by: seqKV).overflow
        || Double(pairs) * Double(seqKV) > 1e17
      {
        found.append(.init(field: "seq", message: "the call has more than 10^17 query-key pairs"))
      }
      found += mask.check(seqQ: seqQ, seqKV: seqKV, headCount: headsQ)
        .filter { needsBlockLists || $0.field != "file" }
        .map { .init(field: "mask", message: $0.message) }
    }
    if let lengths, found.isEmpty { found += problems(lengths) }
    if sharedPrefix != 0, found.isEmpty { found += prefixProblems }
    return found
  }

  private func problems(_ lengths: BatchLengths) -> [ShapeError.Problem] {
    var found: [ShapeError.Problem] = []
    if lengths.keys.count != batch {
      found.append(
        .init(
          field: "lengths", message: "\(lengths.keys.count) lengths for a batch of \(batch); leave batch out")
      )
    }
    if let most = lengths.mostQueries, most != seqQ {
      found.append(
        .init(
          field: "lengths", message: "the longest list of queries has \(most), and seq \(seqQ); leave seq out"
        ))
    }
    if lengths.longest != seqKV {
      found.append(
        .init(
          field: "lengths",
          message: "the longest length is \(lengths.longest), and seq-kv \(seqKV); leave seq-kv out"))
    }
    if pass == .backward {
      found.append(.init(field: "lengths", message: "lengths of their own are modelled forward only"))
    }
    var seen: Set<Lengths> = []
    for run in runs where found.isEmpty && seen.insert(Lengths(queries: run.queries, keys: run.keys)).inserted
    {
      found += mask.check(seqQ: run.queries, seqKV: run.keys, headCount: headsQ).map {
        .init(field: "mask", message: "with \(run.queries) queries and \(run.keys) keys: \($0.message)")
      }
    }
    return found
  }

  private var prefixProblems: [ShapeError.Problem] {
    let shortest = keyRuns.reduce(seqKV) { min($0, $1.keys) }
    var found: [ShapeError.Problem] = []
    if !(0...shortest).contains(sharedPrefix) {
      found.append(
        .init(
          field: "shared-prefix",
          message:
            "shared-prefix is \(sharedPrefix); it must lie between 0 and \(shortest), the keys of the shortest sequence"
        ))
    }
    if pass == .backward {
      found.append(.init(field: "shared-prefix", message: "a shared prefix is modelled forward only"))
    }
    return found
  }

  private struct Lengths: Hashable {
    var queries: Int
    var keys: Int
  }

  /// Keys of batch element `index`.
  public func keys(of index: Int) -> Int { lengths?.keys[index] ?? seqKV }

  /// Queries of batch element `index`.
  public func queries(of index: Int) -> Int { lengths?.queries?[index] ?? seqQ }

  /// Whether sequences have different numbers of queries.
  public var hasQueryLengths: Bool { lengths?.queries?.contains { $0 != seqQ } ?? false }

  /// Neighbouring batch elements of equal lengths. Complexity: O(batch) where there are lengths.
  public var runs: [BatchLengths.Run] {
    lengths?.runs(queries: seqQ) ?? [.init(count: batch, queries: seqQ, keys: seqKV)]
  }

  /// The call of one sequence of these lengths alone.
  package func sequence(_ run: BatchLengths.Run) -> AttentionShape {
    var one = self
    one.lengths = nil
    (one.batch, one.seqQ, one.seqKV) = (1, run.queries, run.keys)
    return one
  }

  /// Neighbouring batch elements with equally many keys.
  public var keyRuns: [(count: Int, keys: Int)] { lengths?.runs ?? [(batch, seqKV)] }

  /// Keys of all sequences together.
  public var totalKeys: Double { keyRuns.reduce(0) { $0 + Double($1.count) * Double($1.keys) } }

  /// Queries of all sequences together.
  public var totalQueries: Int { lengths?.queries?.reduce(0, +) ?? batch * seqQ }
  /// Keys that memory holds of all sequences together: those of a shared prefix once.
  public var storedKeys: Double { totalKeys - Double(batch - 1) * Double(sharedPrefix) }

  /// Query heads that share one key-value head.
  public var group: Int { headsQ / headsKV }

  /// Elements of a token's keys and values of one head in memory.
  public var cachedColumns: Int { headDim + (valuesInKeys ? 0 : headDimV) }

  /// Query-key pairs of one head that the mask lets attend, the mean over a batch of different lengths.
  public var attendedPairs: Double {
    guard lengths != nil else { return mask.attendedPairs(seqQ: seqQ, seqKV: seqKV) }
    var known: [Lengths: Double] = [:]
    var all = 0.0
    for run in runs {
      let lengths = Lengths(queries: run.queries, keys: run.keys)
      let pairs = known[lengths] ?? mask.attendedPairs(seqQ: run.queries, seqKV: run.keys)
      known[lengths] = pairs
      all += Double(run.count) * pairs
    }
    return all / Double(batch)
  }

  /// Useful matrix work of the whole call: two products forward, five backward, over attended pairs only.
  ///
  /// Source: FlashAttention benchmarks/benchmark_attn.py; backward counted as 2.5 times forward.
  public var usefulFlops: Double {
    let forward = 2 * Double(batch * headsQ) * attendedPairs * Double(headDim + headDimV)
    return pass == .forward ? forward : 2.5 * forward
  }

  /// Bytes that must cross device memory at least once: inputs read, outputs written.
  public var compulsoryBytes: (read: Double, write: Double) {
    let element = Double(dataType.bytes)
    let rows = Double(headsQ) * Double(totalQueries)
    let q = rows * Double(headDim) * element
    let o = rows * Double(headDimV) * element
    let k = Double(headsKV) * storedKeys * Double(headDim) * element
    let v = Double(headsKV) * storedKeys * Double(cachedColumns - headDim) * element
    switch pass {
    case .forward: return (q + k + v, o)
    case .backward: return (q + k + v + 2 * o, q + k + v)
    }
  }
}

/// Why a shape is not an attention call; all reasons at once.
public struct ShapeError: Error, Sendable, CustomStringConvertible {
  /// One thing that is wrong with a shape.
  public struct Problem: Sendable, Hashable {
    /// The command-line and scenario name of the field to blame.
    public let field: String
    public let message: String
  }
  public let problems: [Problem]
  public var description: String { problems.map(\.message).joined(separator: "; ") }
}
