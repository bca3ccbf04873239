/// Which of several candidates is fastest over batch and context.
public struct CrossoverMap: Sendable {
  public var title: String
  public var candidates: [String]
  public var batches: [Int]
  public var contexts: [Int]
  /// What every cell takes for granted, one sentence each.
  public var assumptions: [String] = []
  /// Seconds of each candidate, by batch, context and candidate; nil where it refuses.
  public private(set) var seconds: [[[Double?]]]

  /// - Parameter time: seconds of a candidate at a batch and a context.
  /// - Complexity: one call of `time` for each cell and candidate.
  public init(
    title: String, candidates: [String], batches: [Int], contexts: [Int],
    time: (_ candidate: Int, _ batch: Int, _ context: Int) -> Double?
  ) {
    self.title = title
    self.candidates = candidates
    self.batches = batches
    self.contexts = contexts
    seconds = batches.map { batch in
      contexts.map { context in candidates.indices.map { time($0, batch, context) } }
    }
  }

  /// The fastest candidate of a cell, the first of equal ones.
  public func winner(batch: Int, context: Int) -> Int? {
    let times = seconds[batch][context]
    return times.indices.filter { times[$0] != nil }.min { (times[$0] ?? 0) < (times[$1] ?? 0) }
  }

  /// Cells that each candidate wins, by candidate.
  public var wins: [Int] {
    var wins = [Int](repeating: 0, count: candidates.count)
    for batch in batches.indices {
      for context in contexts.indices {
        if let winner = winner(batch: batch, context: context) { wins[winner] += 1 }
      }
    }
    return wins
  }

  /// How much longer the second fastest takes, over the fastest; nil with fewer than two.
  public func lead(batch: Int, context: Int) -> Double? {
    let sorted = seconds[batch][context].compactMap { $0 }.sorted()
    return sorted.count > 1 && sorted[0] > 0 ? sorted[1] / sorted[0] - 1 : nil
  }
}
