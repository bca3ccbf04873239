/// Which keys a query may attend to.
///
/// Text forms are those of the command line: `none`, `causal` (bottom-right aligned: the last query sees every
/// key), `causal-tl` (top-left aligned), `swa:LEFT[,RIGHT]` (a band; causal where RIGHT is left out).
public enum Mask: Sendable, Hashable {
  case none
  case causal
  case causalTopLeft
  /// Keys from `left` before to `right` after the query's own position, bottom-right aligned. nil is unbounded.
  case slidingWindow(left: Int?, right: Int?)
}

extension Mask: CustomStringConvertible {
  public var description: String {
    switch self {
    case .none: "none"
    case .causal: "causal"
    case .causalTopLeft: "causal-tl"
    case .slidingWindow(let left, let right):
      "swa:\(left.map(String.init) ?? "-1")" + (right == 0 ? "" : ",\(right.map(String.init) ?? "-1")")
    }
  }
}

extension Mask {
  /// The keys `[first, last]` that query `query` may attend to, or nil where the row is empty.
  public func keys(query: Int, seqQ: Int, seqKV: Int) -> ClosedRange<Int>? {
    let aligned = query + seqKV - seqQ
    let bounds: (Int, Int)
    switch self {
    case .none: bounds = (0, seqKV - 1)
    case .causal: bounds = (0, min(aligned, seqKV - 1))
    case .causalTopLeft: bounds = (0, min(query, seqKV - 1))
    case .slidingWindow(let left, let right):
      bounds = (
        left.map { max(aligned - $0, 0) } ?? 0, right.map { min(aligned + $0, seqKV - 1) } ?? seqKV - 1
      )
    }
    return bounds.0 <= bounds.1 ? bounds.0...bounds.1 : nil
  }

  /// Query-key pairs of one head that may attend. O(1).
  public func attendedPairs(seqQ: Int, seqKV: Int) -> Double {
    switch self {
    case .none: return Double(seqQ) * Double(seqKV)
    case .causal: return Mask.pairs(below: seqKV - seqQ, seqQ: seqQ, seqKV: seqKV)
    case .causalTopLeft: return Mask.pairs(below: 0, seqQ: seqQ, seqKV: seqKV)
    case .slidingWindow(let left, let right):
      let offset = seqKV - seqQ
      let upper =
        right.map { Mask.pairs(below: offset + $0, seqQ: seqQ, seqKV: seqKV) } ?? Double(seqQ) * Double(seqKV)
      let lower = left.map { Mask.pairs(below: offset - $0 - 1, seqQ: seqQ, seqKV: seqKV) } ?? 0
      return max(upper - lower, 0)
    }
  }

  /// Pairs with key <= query + offset: the sum over queries of clamp(query + offset + 1, 0, seqKV).
  private static func pairs(below offset: Int, seqQ: Int, seqKV: Int) -> Double {
    // Queries before `first` see nothing, queries from `full` on see every key.
    let first = min(max(-offset, 0), seqQ)
    let full = min(max(seqKV - 1 - offset, first), seqQ)
    let ramp = Double(full - first)
    let start = Double(first + offset + 1)
    return ramp * start + ramp * (ramp - 1) / 2 + Double(seqQ - full) * Double(seqKV)
  }

  /// Why this mask cannot be laid over the given lengths.
  public func problems(seqQ: Int, seqKV: Int) -> [String] {
    switch self {
    case .none, .causal, .causalTopLeft: return []
    case .slidingWindow(let left, let right):
      var found: [String] = []
      if let left, left < 0 { found.append("the window's left reach \(left) is negative") }
      if let right, right < 0 { found.append("the window's right reach \(right) is negative") }
      return found
    }
  }

  /// Reads the command-line form.
  ///
  /// - Throws: `MaskSyntaxError` that says what would be right.
  public init(parsing text: String) throws(MaskSyntaxError) {
    switch text {
    case "none": self = .none
    case "causal": self = .causal
    case "causal-tl": self = .causalTopLeft
    default:
      guard text.hasPrefix("swa:") else { throw MaskSyntaxError(text: text, reason: "unknown mask") }
      let parts = text.dropFirst(4).split(separator: ",", omittingEmptySubsequences: false)
      guard (1...2).contains(parts.count), let left = Int(parts[0]), left >= -1,
        let right = parts.count == 2 ? Int(parts[1]) : 0, right >= -1
      else { throw MaskSyntaxError(text: text, reason: "a window is written swa:LEFT or swa:LEFT,RIGHT") }
      self = .slidingWindow(left: left < 0 ? nil : left, right: right < 0 ? nil : right)
    }
  }
}

/// A mask that cannot be read.
public struct MaskSyntaxError: Error, Sendable, CustomStringConvertible {
  public let text: String
  public let reason: String
  public var description: String {
    "'\(text)': \(reason); masks are none, causal, causal-tl, swa:LEFT[,RIGHT]"
  }
}
