import HWModels

/// Lengths from text.
extension BatchLengths {
  /// - Throws: `Problem` with the place of the first entry that is wrong.
  public init(parsing text: String) throws(Problem) {
    var keys: [Int] = []
    var queries: [Int] = []
    var position = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = String(part.drop { $0 == " " })
      let place = position + part.count - word.count
      position += part.count + 1
      let entry = try Self.entry(word, at: place, room: Self.most - keys.count)
      guard keys.isEmpty || entry.queries.isEmpty == queries.isEmpty else {
        throw Problem(
          description: entry.queries.isEmpty
            ? "'\(word)' does not say how many queries, unlike the entries before it; write 1/\(word)"
            : "'\(word)' says how many queries, unlike the entries before it", position: place)
      }
      keys += entry.keys
      queries += entry.queries
    }
    self.init(keys, queries.isEmpty ? nil : queries, description: text)
  }

  private typealias Entry = (keys: [Int], queries: [Int])

  private static func entry(_ word: String, at place: Int, room: Int) throws(Problem) -> Entry {
    let parts = Parts(word, at: place)
    let entry =
      switch parts.texts[0] {
      case "uniform": try uniform(parts)
      case "lognormal": try lognormal(parts)
      default: try list(word, at: place, room: room)
      }
    guard entry.keys.count <= room else {
      throw Problem(description: "more than \(most) lengths with '\(word)'", position: place)
    }
    return entry
  }

  /// The parts of a distribution between colons, with their places.
  private struct Parts {
    let texts: [String]
    let places: [Int]
    init(_ word: String, at place: Int) {
      texts = word.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      var next = place
      places = texts.map {
        next += $0.count + 1
        return next - $0.count - 1
      }
    }
    var place: Int { places[0] }
  }

  private static func list(_ word: String, at place: Int, room: Int) throws(Problem) -> Entry {
    let halves = word.split(separator: "x", omittingEmptySubsequences: false).map(String.init)
    let lengths = (halves.last ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard halves.count <= 2, lengths.count <= 2 else {
      throw Problem(
        description: "'\(word)' is no length; write 4k, 6x1024, or queries over keys as in 6x1/1024",
        position: place)
    }
    let count = halves.count == 2 ? try number(halves[0], in: word, at: place) : 1
    let numbers = try lengths.map { text throws(Problem) in try number(text, in: word, at: place) }
    guard count <= room else {
      throw Problem(description: "more than \(most) lengths at '\(word)'", position: place)
    }
    return (
      Array(repeating: numbers[numbers.count - 1], count: count),
      numbers.count == 2 ? Array(repeating: numbers[0], count: count) : []
    )
  }

  private static func uniform(_ parts: Parts) throws(Problem) -> Entry {
    guard parts.texts.count > 1, let bounds = try range(parts.texts[1], at: parts.places[1]) else {
      throw Problem(description: "write uniform:LOW-HIGH:n=COUNT", position: parts.place)
    }
    let options = try Options(parts, from: 2, known: ["n", "seed", "q"])
    var random = SplitMix(seed: UInt64(options.seed))
    let keys = try options.count().map { _ in random.integer(bounds) }
    return (keys, try options.queries(of: keys))
  }

  private static func lognormal(_ parts: Parts) throws(Problem) -> Entry {
    guard parts.texts.count > 1 else {
      throw Problem(description: "write lognormal:MEDIAN:sigma=S:n=COUNT", position: parts.place)
    }
    let median = try number(parts.texts[1], in: parts.texts[1], at: parts.places[1])
    let options = try Options(parts, from: 2, known: ["n", "seed", "sigma", "max", "q"])
    guard let sigma = options["sigma"].flatMap({ Double($0.text) }), sigma >= 0, sigma <= 4 else {
      throw Problem(
        description: "sigma is a number from 0 to 4: lognormal:4k:sigma=0.8:n=64",
        position: options["sigma"]?.place ?? parts.place)
    }
    let limit = try options["max"].map { text, place throws(Problem) in
      try number(text, in: text, at: place)
    }
    let most = Double(min(limit ?? AttentionShape.largestExtent, AttentionShape.largestExtent))
    var random = SplitMix(seed: UInt64(options.seed))
    let keys = try options.count().map { _ in
      // Twelve uniform numbers less six are normal enough.
      let normal = (0..<12).reduce(-6.0) { sum, _ in sum + random.unit() }
      return Int(max(1, min(most, (Double(median) * exponential(sigma * normal)).rounded())))
    }
    return (keys, try options.queries(of: keys))
  }

  /// `LOW-HIGH`, both at least 1; nil where there is no dash.
  private static func range(_ text: String, at place: Int) throws(Problem) -> ClosedRange<Int>? {
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    guard bounds.count == 2 else { return nil }
    let low = try number(bounds[0], in: text, at: place)
    let high = try number(bounds[1], in: text, at: place)
    guard low <= high else {
      throw Problem(description: "\(bounds[0]) is more than \(bounds[1])", position: place)
    }
    return low...high
  }

  /// Digits, or digits with `k` (1024) or `M`; at least 1.
  private static func number(_ text: String, in word: String, at place: Int) throws(Problem) -> Int {
    let scale = text.hasSuffix("k") ? 1024 : text.hasSuffix("M") ? 1_048_576 : 1
    let digits = scale == 1 ? text : String(text.dropLast())
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
      throw Problem(description: "'\(word)' is no length; write 4096, 4k or 6x1024", position: place)
    }
    let (product, overflow) = (Int(digits) ?? .max).multipliedReportingOverflow(by: scale)
    guard !overflow, (1...AttentionShape.largestExtent).contains(product) else {
      throw Problem(
        description: "'\(text)' in '\(word)' must lie between 1 and \(AttentionShape.largestExtent)",
        position: place)
    }
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
    typealias Value = (text: String, place: Int)
    private var values: [String: Value] = [:]
    private let place: Int
    let seed: Int

    init(_ parts: Parts, from first: Int, known: [String]) throws(Problem) {
      for (part, place) in zip(parts.texts, parts.places).dropFirst(first) {
        guard let equals = part.firstIndex(of: "="), known.contains(String(part[..<equals])) else {
          throw Problem(
            description: "'\(part)' is none of \(known.map { $0 + "=..." }.joined(separator: ", "))",
            position: place)
        }
        values[String(part[..<equals])] = (String(part[part.index(after: equals)...]), place)
      }
      place = parts.place
      guard let seed = Int(values["seed"]?.text ?? "1"), seed >= 0 else {
        throw Problem(
          description: "the seed is a whole number from 0", position: values["seed"]?.place ?? place)
      }
      self.seed = seed
    }
    subscript(name: String) -> Value? { values[name] }
    func count() throws(Problem) -> Range<Int> {
      guard let count = values["n"].flatMap({ Int($0.text) }), (1...BatchLengths.most).contains(count) else {
        throw Problem(
          description: "n, the number of sequences, is a number from 1 to \(BatchLengths.most)",
          position: values["n"]?.place ?? place)
      }
      return 0..<count
    }
    /// Queries of sequences with `keys`, from numbers of their own, so that they leave the keys as they are.
    func queries(of keys: [Int]) throws(Problem) -> [Int] {
      guard let (text, place) = values["q"] else { return [] }
      let bounds: ClosedRange<Int>
      if let range = try BatchLengths.range(text, at: place) {
        bounds = range
      } else {
        let number = try BatchLengths.number(text, in: "q=\(text)", at: place)
        bounds = number...number
      }
      var random = SplitMix(seed: ~UInt64(seed))
      return keys.map { min(random.integer(bounds), $0) }
    }
  }
}

extension SplitMix {
  fileprivate mutating func integer(_ bounds: ClosedRange<Int>) -> Int {
    bounds.lowerBound + Int(unit() * Double(bounds.count))
  }
}
