/// A FIFO depth as written by the user: `514`, `N`, `N+2` or `N-1` with N the number of keys, or `inf`.
public enum FIFODepth: Sendable, Hashable, CustomStringConvertible {
  case fixed(Int)
  case keys(plus: Int)
  case unbounded

  /// Deeper ones are as good as unbounded for any run that ends in reasonable time, and cost memory.
  public static let deepest = 1 << 26

  /// Reads `text`; nil where it is none of the above.
  public init?(_ text: String) {
    if text == "inf" {
      self = .unbounded
    } else if let number = Int(text), text.first?.isNumber == true {
      guard (1...Self.deepest).contains(number) else { return nil }
      self = .fixed(number)
    } else if text == "N" {
      self = .keys(plus: 0)
    } else if text.hasPrefix("N+") || text.hasPrefix("N-"), let number = Int(text.dropFirst(2)),
      (0...Self.deepest).contains(number), text.dropFirst(2).first?.isNumber == true
    {
      self = .keys(plus: text.hasPrefix("N+") ? number : -number)
    } else {
      return nil
    }
  }

  /// The depth for `keys` keys: nil for no bound.
  package func elements(keys: Int) -> Int? {
    switch self {
    case .fixed(let depth): depth
    case .keys(let plus): keys + plus
    case .unbounded: nil
    }
  }

  public var description: String {
    switch self {
    case .fixed(let depth): "\(depth)"
    case .keys(let plus): plus == 0 ? "N" : plus > 0 ? "N+\(plus)" : "N\(plus)"
    case .unbounded: "inf"
    }
  }
}
