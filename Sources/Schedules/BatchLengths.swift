/// Keys of each sequence of a batch, where they differ: decode of many users at once.
///
/// As text, a list (`8k,4096,6x1024`: `6x1024` is six sequences of 1024 keys) or a distribution with a seed:
/// `uniform:LOW-HIGH:n=COUNT[:seed=S]`, `lognormal:MEDIAN:sigma=S:n=COUNT[:max=LENGTH][:seed=S]`. The same text gives the
/// same lengths everywhere.
public struct BatchLengths: Sendable, Hashable, CustomStringConvertible {
  /// In the order of the batch.
  public let keys: [Int]
  /// As it was written.
  public let description: String

  /// Most sequences of a batch of different lengths.
  public static let most = 65_536

  /// Why a text names no lengths.
  public struct Problem: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// - Throws: `Problem` where there are none or too many, or one is no length.
  public init(keys: [Int]) throws(Problem) {
    try self.init(keys: keys, description: Self.text(keys))
  }

  private init(keys: [Int], description: String) throws(Problem) {
    guard (1...Self.most).contains(keys.count) else {
      throw Problem(description: "\(keys.count) lengths; it must be 1 to \(Self.most)")
    }
    if let wrong = keys.first(where: { !(1...AttentionShape.largestExtent).contains($0) }) {
      throw Problem(
        description: "a length is \(wrong); it must lie between 1 and \(AttentionShape.largestExtent)")
    }
    self.keys = keys
    self.description = description
  }

  public init(parsing text: String) throws(Problem) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    switch parts[0] {
    case "uniform": try self.init(keys: Self.uniform(parts), description: text)
    case "lognormal": try self.init(keys: Self.lognormal(parts), description: text)
    default: try self.init(keys: Self.list(text), description: text)
    }
  }

  public var longest: Int { keys.max() ?? 0 }
  /// Neighbouring sequences of one length.
  public var runs: [(count: Int, keys: Int)] {
    var runs: [(count: Int, keys: Int)] = []
    for length in keys {
      if runs.last?.keys == length { runs[runs.count - 1].count += 1 } else { runs.append((1, length)) }
    }
    return runs
  }

  private static func text(_ keys: [Int]) -> String {
    var words: [String] = []
    var index = 0
    while index < keys.count {
      var end = index
      while end < keys.count, keys[end] == keys[index] { end += 1 }
      words.append(end - index == 1 ? "\(keys[index])" : "\(end - index)x\(keys[index])")
      index = end
    }
    return words.joined(separator: ",")
  }

  private static func list(_ text: String) throws(Problem) -> [Int] {
    var keys: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = String(part.drop { $0 == " " })
      let halves = word.split(separator: "x", omittingEmptySubsequences: false).map(String.init)
      guard halves.count <= 2 else {
        throw Problem(description: "'\(word)' is no length; write 4k or 6x1024")
      }
      let count = halves.count == 2 ? try number(halves[0], in: word) : 1
      let length = try number(halves[halves.count - 1], in: word)
      guard count >= 1, keys.count + count <= most else {
        throw Problem(description: "more than \(most) lengths, or none, at '\(word)'")
      }
      keys += Array(repeating: length, count: count)
    }
    return keys
  }

  private static func uniform(_ parts: [String]) throws(Problem) -> [Int] {
    let bounds = parts.count > 1 ? parts[1].split(separator: "-").map(String.init) : []
    guard bounds.count == 2 else { throw Problem(description: "write uniform:LOW-HIGH:n=COUNT") }
    let low = try number(bounds[0], in: parts[1])
    let high = try number(bounds[1], in: parts[1])
    guard low <= high else { throw Problem(description: "\(bounds[0]) is more than \(bounds[1])") }
    let options = try Options(parts.dropFirst(2), known: ["n", "seed"])
    var random = Random(state: UInt64(options.seed))
    return try options.count().map { _ in low + Int(random.next() * Double(high - low + 1)) }
  }

  private static func lognormal(_ parts: [String]) throws(Problem) -> [Int] {
    guard parts.count > 1 else {
      throw Problem(description: "write lognormal:MEDIAN:sigma=S:n=COUNT")
    }
    let median = try number(parts[1], in: parts[1])
    let options = try Options(parts.dropFirst(2), known: ["n", "seed", "sigma", "max"])
    guard let sigma = options["sigma"].flatMap({ Double($0) }), sigma >= 0, sigma <= 4 else {
      throw Problem(description: "sigma is a number from 0 to 4: lognormal:4k:sigma=0.8:n=64")
    }
    let limit = try options["max"].map { text throws(Problem) in try number(text, in: text) }
    let most = Double(min(limit ?? AttentionShape.largestExtent, AttentionShape.largestExtent))
    var random = Random(state: UInt64(options.seed))
    return try options.count().map { _ in
      // Twelve uniform numbers less six are normal enough.
      let normal = (0..<12).reduce(-6.0) { sum, _ in sum + random.next() }
      return Int(max(1, min(most, (Double(median) * exponential(sigma * normal)).rounded())))
    }
  }

  /// Digits, or digits with `k` (1024) or `M`.
  private static func number(_ text: String, in word: String) throws(Problem) -> Int {
    let scale = text.hasSuffix("k") ? 1024 : text.hasSuffix("M") ? 1_048_576 : 1
    let digits = scale == 1 ? text : String(text.dropLast())
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(digits),
      value <= AttentionShape.largestExtent
    else { throw Problem(description: "'\(word)' is no length; write 4096, 4k or 6x1024") }
    let (product, overflow) = value.multipliedReportingOverflow(by: scale)
    guard !overflow else { throw Problem(description: "'\(word)' is too long") }
    return product
  }

  /// e^x for |x| up to 24: the series on a part of x, then squared.
  private static func exponential(_ x: Double) -> Double {
    let part = x / 64
    var (sum, term) = (1.0, 1.0)
    for n in 1...12 {
      term *= part / Double(n)
      sum += term
    }
    for _ in 0..<6 { sum *= sum }
    return sum
  }

  private struct Options {
    private var values: [String: String] = [:]
    let seed: Int

    init(_ parts: ArraySlice<String>, known: [String]) throws(Problem) {
      for part in parts {
        guard let equals = part.firstIndex(of: "="), known.contains(String(part[..<equals])) else {
          throw Problem(
            description: "'\(part)' is none of \(known.map { $0 + "=..." }.joined(separator: ", "))")
        }
        values[String(part[..<equals])] = String(part[part.index(after: equals)...])
      }
      guard let seed = Int(values["seed"] ?? "1"), seed >= 0 else {
        throw Problem(description: "the seed is a whole number from 0")
      }
      self.seed = seed
    }
    subscript(name: String) -> String? { values[name] }
    func count() throws(Problem) -> Range<Int> {
      guard let count = values["n"].flatMap({ Int($0) }), (1...BatchLengths.most).contains(count) else {
        throw Problem(description: "n, the number of sequences, is a number from 1 to \(BatchLengths.most)")
      }
      return 0..<count
    }
  }

  /// SplitMix64 (Steele, Lea, Flood 2014), as numbers from 0 to 1.
  private struct Random {
    var state: UInt64
    mutating func next() -> Double {
      state &+= 0x9E37_79B9_7F4A_7C15
      var bits = state
      bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
      bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
      return Double((bits ^ (bits >> 31)) >> 11) * 0x1p-53
    }
  }
}
