/// A set of keys (or of key tiles) as ascending runs that neither overlap nor touch.
package struct KeyRuns: Sendable, Hashable {
  package private(set) var runs: [Range<Int>]

  package init() { runs = [] }
  package init(_ run: Range<Int>) { runs = run.isEmpty ? [] : [run] }
  /// Pieces in any order, overlapping or not.
  package init(merging pieces: [Range<Int>]) {
    runs = []
    let isSorted = zip(pieces, pieces.dropFirst()).allSatisfy { $0.lowerBound <= $1.lowerBound }
    for piece in isSorted ? pieces : pieces.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(piece) }
  }

  package var isEmpty: Bool { runs.isEmpty }
  package var count: Int { runs.reduce(0) { $0 + $1.count } }
  /// From the first key to the last.
  var hull: Range<Int>? {
    guard let first = runs.first, let last = runs.last else { return nil }
    return first.lowerBound..<last.upperBound
  }

  /// Adds a run that starts at or after the start of the last one.
  package mutating func append(_ run: Range<Int>) {
    guard !run.isEmpty else { return }
    if let last = runs.last, run.lowerBound <= last.upperBound {
      if run.upperBound > last.upperBound { runs[runs.count - 1] = last.lowerBound..<run.upperBound }
    } else {
      runs.append(run)
    }
  }

  package func union(_ other: KeyRuns) -> KeyRuns {
    if isEmpty { return other }
    if other.isEmpty { return self }
    var result = KeyRuns()
    var (i, j) = (0, 0)
    while i < runs.count || j < other.runs.count {
      if j == other.runs.count || i < runs.count && runs[i].lowerBound <= other.runs[j].lowerBound {
        result.append(runs[i])
        i += 1
      } else {
        result.append(other.runs[j])
        j += 1
      }
    }
    return result
  }

  package func intersection(_ other: KeyRuns) -> KeyRuns {
    var result = KeyRuns()
    var (i, j) = (0, 0)
    while i < runs.count, j < other.runs.count {
      let (a, b) = (runs[i], other.runs[j])
      let low = max(a.lowerBound, b.lowerBound)
      let high = min(a.upperBound, b.upperBound)
      if low < high { result.append(low..<high) }
      if a.upperBound < b.upperBound { i += 1 } else { j += 1 }
    }
    return result
  }

  /// Keys of this set that are not in the other.
  package func subtracting(_ other: KeyRuns) -> KeyRuns {
    if isEmpty || other.isEmpty { return self }
    var result = KeyRuns()
    var next = 0
    for run in runs {
      var start = run.lowerBound
      while next < other.runs.count, other.runs[next].upperBound <= start { next += 1 }
      var index = next
      while index < other.runs.count, other.runs[index].lowerBound < run.upperBound {
        if start < other.runs[index].lowerBound { result.append(start..<other.runs[index].lowerBound) }
        start = max(start, other.runs[index].upperBound)
        index += 1
      }
      if start < run.upperBound { result.append(start..<run.upperBound) }
    }
    return result
  }

  package func intersection(_ range: Range<Int>) -> KeyRuns {
    if let hull, range.lowerBound <= hull.lowerBound, hull.upperBound <= range.upperBound { return self }
    return intersection(KeyRuns(range))
  }

  /// Tiles of `size` keys that hold a key of the set.
  func tilesTouched(size: Int) -> KeyRuns {
    var result = KeyRuns()
    for run in runs { result.append(run.lowerBound / size..<(run.upperBound - 1) / size + 1) }
    return result
  }

  /// Tiles of `size` keys of which every key is in the set.
  func tilesInside(size: Int) -> KeyRuns {
    var result = KeyRuns()
    for run in runs {
      let first = (run.lowerBound + size - 1) / size
      let end = run.upperBound / size
      if first < end { result.append(first..<end) }
    }
    return result
  }

  /// The same keys, counted from `offset`.
  package func shifted(by offset: Int) -> KeyRuns {
    var result = self
    for index in result.runs.indices {
      let run = result.runs[index]
      result.runs[index] = run.shifted(by: offset)
    }
    return result
  }
}
