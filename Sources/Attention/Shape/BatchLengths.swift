/// Lengths of each sequence of a batch, where they differ: decode of many users at once, prefill of some beside it.
///
/// As text, a list of entries with commas between them. An entry is
/// - a number of keys, `8k`; `6x1024` are six sequences of 1024 keys;
/// - queries over keys, `2048/2048`: a prefill; `32x1/4k` are 32 sequences that decode;
/// - a distribution with a seed, `uniform:LOW-HIGH:n=COUNT[:seed=S]` or
///   `lognormal:MEDIAN:sigma=S:n=COUNT[:max=LENGTH][:seed=S]`, both with `:q=QUERIES` or `:q=LOW-HIGH` where queries differ
///   (drawn evenly, no more than the sequence has keys).
///
/// Either all entries say how many queries there are or none does: then all sequences have the call's. The same text gives
/// the same lengths everywhere.
public struct BatchLengths: Sendable, Hashable, CustomStringConvertible {
  /// In the order of the batch.
  public let keys: [Int]
  /// Queries of each sequence; nil where all have those of the call.
  public let queries: [Int]?
  /// As it was written.
  public let description: String

  /// Most sequences of a batch of different lengths.
  public static let most = 65_536

  /// Why a text names no lengths.
  public struct Problem: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// The character, from 0, where the wrong entry or part begins.
    public let position: Int
    package init(description: String, position: Int = 0) {
      self.description = description
      self.position = position
    }
  }

  /// `count` neighbouring sequences of equal lengths.
  public struct Run: Sendable, Hashable {
    public var count: Int
    public var queries: Int
    public var keys: Int
    public init(count: Int, queries: Int, keys: Int) {
      self.count = count
      self.queries = queries
      self.keys = keys
    }
  }

  /// - Throws: `Problem` where there are none or too many, or one is no length.
  public init(keys: [Int], queries: [Int]? = nil) throws(Problem) {
    guard (1...Self.most).contains(keys.count), queries == nil || queries?.count == keys.count else {
      throw Problem(
        description: "\(keys.count) lengths; it must be 1 to \(Self.most), and as many of queries")
    }
    for length in keys + (queries ?? []) where !(1...AttentionShape.largestExtent).contains(length) {
      throw Problem(
        description: "a length is \(length); it must lie between 1 and \(AttentionShape.largestExtent)")
    }
    self.init(keys, queries, description: Self.text(keys, queries))
  }

  package init(_ keys: [Int], _ queries: [Int]?, description: String) {
    self.keys = keys
    self.queries = queries
    self.description = description
  }

  public var longest: Int { keys.max() ?? 0 }
  /// Most queries of a sequence; nil where the lengths do not say.
  public var mostQueries: Int? { queries?.max() }
  /// Neighbouring sequences with equally many keys.
  public var runs: [(count: Int, keys: Int)] {
    var runs: [(count: Int, keys: Int)] = []
    for length in keys {
      if runs.last?.keys == length { runs[runs.count - 1].count += 1 } else { runs.append((1, length)) }
    }
    return runs
  }
  /// Neighbouring sequences of equal lengths, with `common` queries where the lengths do not say. Complexity: O(sequences).
  public func runs(queries common: Int) -> [Run] {
    var runs: [Run] = []
    for (index, length) in keys.enumerated() {
      let own = queries?[index] ?? common
      if let last = runs.last, last.keys == length, last.queries == own {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(Run(count: 1, queries: own, keys: length))
      }
    }
    return runs
  }

  private static func text(_ keys: [Int], _ queries: [Int]?) -> String {
    let words = keys.indices.map { queries == nil ? "\(keys[$0])" : "\(queries?[$0] ?? 0)/\(keys[$0])" }
    var parts: [String] = []
    var index = 0
    while index < words.count {
      var end = index
      while end < words.count, words[end] == words[index] { end += 1 }
      parts.append(end - index == 1 ? words[index] : "\(end - index)x\(words[index])")
      index = end
    }
    return parts.joined(separator: ",")
  }
}
