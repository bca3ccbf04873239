/// Sequences packed one after the other; queries attend inside their own document only.
public struct Documents: Sendable, Hashable {
  public var queryLengths: [Int]
  public var keyLengths: [Int]
  /// Causal inside each document, bottom-right aligned there.
  public var isCausal: Bool
  public var tiling: Tiling

  /// Where tiles of queries begin.
  public enum Tiling: Sendable, Hashable {
    /// One packed sequence: tiles run across documents.
    case packed
    /// Variable-length batch: tiles start anew at every document.
    case restarting
  }

  public init(queryLengths: [Int], keyLengths: [Int]? = nil, isCausal: Bool = false, tiling: Tiling = .packed)
  {
    self.queryLengths = queryLengths
    self.keyLengths = keyLengths ?? queryLengths
    self.isCausal = isCausal
    self.tiling = tiling
  }
}

/// Documents with their places in the packed sequences.
struct DocumentRows: Sendable {
  let documents: Documents
  /// First query and first key of each document, and the totals.
  let queryStarts: [Int]
  let keyStarts: [Int]

  init(_ documents: Documents) {
    self.documents = documents
    queryStarts = documents.queryLengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    keyStarts = documents.keyLengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
  }

  /// The last document that starts at or before `query`: the one that holds it, since that one is not empty.
  private func document(of query: Int) -> Int {
    var (low, high) = (0, documents.queryLengths.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if queryStarts[middle] <= query { low = middle } else { high = middle }
    }
    return low
  }

  /// The mask inside a document.
  func band(of document: Int) -> Band {
    let offset = documents.keyLengths[document] - documents.queryLengths[document]
    return Band(lower: nil, upper: documents.isCausal ? offset : nil)
  }

  func reach(of queries: Range<Int>, within keys: Range<Int>) -> Reach {
    let first = document(of: queries.lowerBound)
    var seen = KeyRuns()
    var common = KeyRuns()
    var index = first
    while index < documents.queryLengths.count, queryStarts[index] < queries.upperBound {
      let own = queries.clamped(to: queryStarts[index]..<queryStarts[index + 1])
      let length = documents.keyLengths[index]
      if !own.isEmpty {
        let local = own.lowerBound - queryStarts[index]..<own.upperBound - queryStarts[index]
        let start = keyStarts[index]
        let band = band(of: index)
        seen.append(band.seen(by: local, seqKV: length).shifted(by: start).clamped(to: keys))
        if own == queries {
          common = KeyRuns(band.common(to: local, seqKV: length).shifted(by: start).clamped(to: keys))
        }
      }
      index += 1
    }
    return Reach(seen: seen, common: common)
  }

  var pairs: Int {
    documents.queryLengths.indices.reduce(0) { sum, index in
      sum
        + band(of: index).pairs(
          seqQ: documents.queryLengths[index], seqKV: documents.keyLengths[index])
    }
  }
}

extension Range where Bound == Int {
  package func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}
