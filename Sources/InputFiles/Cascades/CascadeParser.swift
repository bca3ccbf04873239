import Programs

/// Reads the lines of a cascade file one by one. A line with an error is left out, and the next one is read.
struct CascadeParser {
  private let source: SourceText
  private(set) var syntax = CascadeSyntax()
  private(set) var problems: [Diagnostic]
  /// Targets of lines that could not be read, so that their names do not count as undefined.
  private(set) var broken: Set<String> = []
  var tokens: [CascadeToken] = []
  var place = 0
  var depth = 0

  static let keywords = [
    "cascade", "source", "rank", "split", "iterative", "input", "output", "view", "init",
  ]
  /// Parentheses and functions inside each other.
  static let deepest = 64
  /// A product of shapes has to stay a whole number that a `Double` holds exactly.
  static let largestShape = 1 << 40

  struct Stop: Error {}

  init(_ source: SourceText) {
    self.source = source
    let (lines, unread, problems) = CascadeToken.lines(source)
    self.problems = problems
    for line in unread { noteBroken(line) }
    for line in lines {
      tokens = line
      place = 0
      depth = 0
      do throws(Stop) {
        try statement()
      } catch {
        noteBroken(line)
      }
    }
  }

  private mutating func noteBroken(_ line: [CascadeToken]) {
    if let target = line.prefix(2).first(where: { !Self.keywords.contains($0.text) }) {
      broken.insert(target.text)
    }
  }

  /// Gives ranks other shapes than the file does.
  mutating func replace(_ shapes: [String: Int]) -> Diagnostic? {
    for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
      guard (1...Self.largestShape).contains(shape) else {
        return Diagnostic(
          file: "--rank \(name)=\(shape)", message: "the shape of a rank is a whole number from 1 to 2^40")
      }
      let ranks = syntax.ranks.indices.filter { syntax.ranks[$0].rank.text == name }
      let inner = syntax.splits.indices.filter { syntax.splits[$0].inner.text == name }
      guard let known = ranks.first else {
        guard let split = inner.first else {
          if let outer = syntax.splits.first(where: { $0.outer.text == name }) {
            return derived(outer, shape)
          }
          let names = syntax.ranks.map(\.rank.text) + syntax.splits.map(\.inner.text)
          return Diagnostic(
            file: "--rank \(name)=\(shape)", message: "there is no rank \(name)",
            hint: NearestName.hint(name, in: names))
        }
        syntax.splits[split].shape = shape
        continue
      }
      syntax.ranks[known].value = shape
    }
    return undividedSplit(shapes)
  }

  /// A rank that is what a split leaves has the shape that the two others give it.
  private func derived(_ split: CascadeSyntax.Split, _ shape: Int) -> Diagnostic {
    let (whole, inner) = (split.rank.text, split.inner.text)
    let count = shape.multipliedReportingOverflow(by: split.shape)
    let known = syntax.ranks.first { $0.rank.text == whole }?.value
    var choices = count.overflow || known == nil ? [] : ["--rank \(whole)=\(count.partialValue)"]
    if let known, known % shape == 0 { choices.append("--rank \(inner)=\(known / shape)") }
    return Diagnostic(
      file: "--rank \(split.outer.text)=\(shape)",
      message:
        "line \(split.place.line) of the file makes \(split.outer.text) of \(whole) in parts of \(inner) = \(split.shape): its shape follows from theirs",
      hint: choices.isEmpty ? "set \(whole) or \(inner)" : "say " + choices.joined(separator: " or "))
  }

  /// The first split that other shapes no longer let divide its rank.
  private func undividedSplit(_ shapes: [String: Int]) -> Diagnostic? {
    for split in syntax.splits {
      let (whole, inner) = (split.rank.text, split.inner.text)
      guard shapes[whole] != nil || shapes[inner] != nil,
        let shape = syntax.ranks.first(where: { $0.rank.text == whole })?.value, shape % split.shape != 0
      else { continue }
      let name = shapes[whole].map { "\(whole)=\($0)" } ?? "\(inner)=\(split.shape)"
      return Diagnostic(
        file: "--rank \(name)",
        message:
          "line \(split.place.line) of the file splits \(whole) into \(split.outer.text) parts of \(split.shape), and \(split.shape) does not divide \(shape)",
        hint: shapes[whole] != nil
          ? "take a multiple of \(split.shape), or give --rank \(inner)=... too"
          : "take a divisor of \(shape)")
    }
    return nil
  }

  // MARK: Tokens

  var next: CascadeToken { tokens[min(place, tokens.count - 1)] }

  mutating func take() -> CascadeToken {
    let token = next
    if token.kind != .end { place += 1 }
    return token
  }

  mutating func take(_ sign: String) -> Bool {
    guard next.kind == .sign, next.text == sign else { return false }
    place += 1
    return true
  }

  mutating func fail(_ token: CascadeToken, _ message: String, hint: String? = nil) -> Stop {
    problems.append(source.diagnostic(line: token.line, column: token.column, message, hint: hint))
    return Stop()
  }

  func words(_ token: CascadeToken) -> String {
    token.kind == .end ? "the end of the line" : "'\(token.text)'"
  }

  mutating func expect(_ sign: String, _ after: String) throws(Stop) {
    guard take(sign) else { throw fail(next, "'\(sign)' is due \(after), not \(words(next))") }
  }

  mutating func name(_ what: String) throws(Stop) -> CascadeSyntax.Name {
    guard next.kind == .name else { throw fail(next, "\(what) is due, not \(words(next))") }
    return CascadeSyntax.Name(take())
  }

  private mutating func shape() throws(Stop) -> Int {
    guard next.kind == .number, let value = Int(next.text), (1...Self.largestShape).contains(value) else {
      throw fail(next, "a shape is due, not \(words(next))", hint: "a whole number from 1 to 2^40")
    }
    place += 1
    return value
  }

  private mutating func end() throws(Stop) {
    guard next.kind == .end else {
      throw fail(next, "\(words(next)) is left over", hint: "one statement to a line")
    }
  }

  // MARK: Statements

  private mutating func statement() throws(Stop) {
    let first = next
    guard first.kind == .name else {
      throw fail(first, "a statement begins with a name, not \(words(first))")
    }
    if tokens.count > 1, tokens[1].kind == .sign, tokens[1].text == "[" || tokens[1].text == "=" {
      try einsum()
      return try end()
    }
    place += 1
    switch first.text {
    case "cascade":
      let name = try name("a name for the cascade")
      if syntax.name != nil { throw fail(first, "the cascade has a name already") }
      syntax.name = name
      if next.kind == .text { syntax.title = take().text }
    case "source":
      guard next.kind == .text else { throw fail(next, "a text in quotes is due, not \(words(next))") }
      syntax.source = take().text
    case "rank":
      let rank = try name("a rank")
      try expect("=", "after the rank")
      let value = next
      syntax.ranks.append(.init(rank: rank, value: try shape(), place: .init(value)))
    case "split": try split()
    case "iterative":
      repeat { syntax.iterative.append(try name("a rank")) } while take(",")
    case "input": repeat { syntax.inputs.append(try declaration()) } while take(",")
    case "output": repeat { syntax.outputs.append(try declaration()) } while take(",")
    case "view":
      let target = try access()
      try expect("=", "after the view")
      syntax.views.append(.init(target: target, origin: try access()))
    case "init":
      let target = try access()
      try expect("=", "after the tensor")
      let sign = take("-") ? -1.0 : 1.0
      let value = take()
      guard let number = Self.constant(value) else {
        throw fail(value, "an initial value is a number or inf, not \(words(value))")
      }
      syntax.initials.append(.init(target: target, value: sign * number))
    default:
      throw fail(
        first, "unknown statement '\(first.text)'",
        hint: NearestName.hint(first.text, in: Self.keywords) ?? "an einsum is written Z[m] = A[m] * B[m]")
    }
    try end()
  }

  static func constant(_ token: CascadeToken) -> Double? {
    if token.kind == .name, token.text == "inf" { return .infinity }
    guard token.kind == .number, let value = Double(token.text), value.isFinite else { return nil }
    return value
  }

  private mutating func split() throws(Stop) {
    let rank = try name("a rank")
    guard next.kind == .name, next.text == "into" else {
      throw fail(next, "'into' is due, not \(words(next))", hint: "split M into M1, M0 = 256")
    }
    place += 1
    let outer = try name("the outer rank")
    try expect(",", "after the outer rank")
    let inner = try name("the inner rank")
    try expect("=", "after the inner rank")
    let value = next
    syntax.splits.append(
      .init(rank: rank, outer: outer, inner: inner, shape: try shape(), place: .init(value)))
  }

  private mutating func declaration() throws(Stop) -> CascadeSyntax.Declaration {
    let tensor = try name("a tensor")
    var ranks: [(rank: CascadeSyntax.Name, shape: Int?)] = []
    guard take("[") else { return .init(tensor: tensor, ranks: []) }
    repeat {
      let rank = try name("a rank")
      ranks.append((rank, take("=") ? try shape() : nil))
    } while take(",")
    try expect("]", "after the ranks")
    return .init(tensor: tensor, ranks: ranks)
  }

  private mutating func einsum() throws(Stop) {
    let target = try access()
    try expect("=", "after the tensor that is computed")
    let expression = try sum()
    var reductions: [CascadeSyntax.Reduction] = []
    if take("::") { repeat { reductions.append(try reduction()) } while take(",") }
    syntax.einsums.append(.init(target: target, expression: expression, reductions: reductions))
  }

  private mutating func reduction() throws(Stop) -> CascadeSyntax.Reduction {
    let token = next
    let name = try name("a reduction")
    let known = CascadeOperator.allCases.filter(\.isReduction)
    guard let operation = known.first(where: { $0.reductionName == name.text || $0.rawValue == name.text })
    else {
      throw fail(
        token, "unknown operator '\(name.text)' to reduce with",
        hint: NearestName.hint(name.text, in: known.map(\.reductionName)))
    }
    try expect("(", "after the reduction")
    var indices: [CascadeSyntax.Name] = []
    repeat { indices.append(try self.name("an index")) } while take(",")
    try expect(")", "after the indices")
    return .init(operation: operation, indices: indices)
  }
}
