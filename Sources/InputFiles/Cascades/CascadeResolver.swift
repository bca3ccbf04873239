import Programs

/// Looks up the names of a cascade file and says what does not fit together.
struct CascadeResolver {
  typealias Name = CascadeSyntax.Name

  let source: SourceText
  let syntax: CascadeSyntax
  let broken: Set<String>
  /// Whether every line could be read.
  let isWhole: Bool
  var problems: [Diagnostic] = []
  var ranks: [Cascade.Rank] = []
  var rankNumbers: [String: Int] = [:]
  var tensors: [Cascade.Tensor] = []
  var tensorNumbers: [String: Int] = [:]
  /// Ranks that are named and not declared, by their name in capitals: said once.
  var missing: Set<String> = []

  private static let mostRanks = 64
  private static let mostEinsums = 512

  init(_ source: SourceText, _ parser: CascadeParser) {
    self.source = source
    syntax = parser.syntax
    broken = parser.broken
    isWhole = parser.problems.isEmpty
  }

  /// The cascade, or nil where something is wrong with it.
  mutating func resolve() -> Cascade? {
    guard let name = syntax.name else {
      problems.append(
        source.diagnostic(
          line: 1, column: 1, "the cascade has no name", hint: "begin with: cascade NAME \"title\""))
      return nil
    }
    guard syntax.einsums.count <= Self.mostEinsums,
      syntax.ranks.count + 2 * syntax.splits.count <= Self.mostRanks
    else {
      let limits = "a cascade has at most \(Self.mostEinsums) einsums and \(Self.mostRanks) ranks"
      problems.append(source.diagnostic(line: name.line, column: name.column, limits))
      return nil
    }
    declareRanks()
    declareInputs()
    declareComputed()
    let views = declareViews()
    let initials = syntax.initials.compactMap { initial($0) }
    let einsums = syntax.einsums.map { einsum($0) }
    checkInitials(initials)
    if syntax.einsums.isEmpty, problems.isEmpty, isWhole {
      report(name, "the cascade computes nothing", hint: "an einsum is written Z[m] = A[m] * B[m]")
    }
    setOutputs()
    let cascade = Cascade(
      name: name.text, title: syntax.title, source: syntax.source, ranks: ranks, tensors: tensors,
      einsums: einsums.compactMap(\.self), views: views, initials: initials)
    reportCycles(cascade, einsums)
    return problems.isEmpty && cascade.einsums.count == einsums.count ? cascade : nil
  }

  mutating func report(_ place: Name, _ message: String, hint: String? = nil) {
    problems.append(source.diagnostic(line: place.line, column: place.column, message, hint: hint))
  }

  // MARK: Ranks

  mutating func declareRanks() {
    for shape in syntax.ranks { declare(shape.rank, shape: shape.value) }
    for split in syntax.splits {
      guard let whole = rank(split.rank) else { continue }
      guard ranks[whole].parts == nil else {
        report(split.rank, "rank \(split.rank.text) is split already")
        continue
      }
      let shape = ranks[whole].shape
      // The parts are there all the same: what uses them is not to blame.
      if shape % split.shape != 0 {
        report(
          split.place, "\(split.shape) does not divide the \(shape) of rank \(split.rank.text)",
          hint: "the parts have to multiply to the whole")
      }
      let count = ranks.count
      declare(split.outer, shape: max(shape / split.shape, 1), parent: whole)
      declare(split.inner, shape: split.shape, parent: whole)
      if ranks.count == count + 2 { ranks[whole].parts = .init(outer: count, inner: count + 1) }
    }
    for name in syntax.iterative { if let rank = rank(name) { ranks[rank].isIterative = true } }
  }

  mutating func declare(_ name: Name, shape: Int, parent: Int? = nil) {
    guard name.text.first?.isUppercase == true, name.text == name.text.uppercased() else {
      return report(
        name, "rank '\(name.text)' is not in capitals", hint: "its index is the same in small letters")
    }
    if let known = rankNumbers[name.text] {
      let before = ranks[known].shape
      return report(
        name,
        before == shape
          ? "rank \(name.text) is declared twice"
          : "rank \(name.text) is used with two shapes: \(before) and \(shape)")
    }
    rankNumbers[name.text] = ranks.count
    ranks.append(.init(name: name.text, shape: shape, parent: parent))
  }

  mutating func rank(_ name: Name) -> Int? {
    if let known = rankNumbers[name.text] { return known }
    // Its line has an error of its own.
    if broken.contains(name.text) || !missing.insert(name.text).inserted { return nil }
    report(name, "there is no rank \(name.text)", hint: NearestName.hint(name.text, in: ranks.map(\.name)))
    return nil
  }

  /// The rank of an index.
  mutating func rank(ofIndex name: Name) -> Int? {
    if let known = rankNumbers[name.text.uppercased()], name.text == name.text.lowercased() { return known }
    let isCase = rankNumbers[name.text.uppercased()] != nil
    if broken.contains(name.text.uppercased()) { return nil }
    if !isCase, !missing.insert(name.text.uppercased()).inserted { return nil }
    report(
      name, "index \(name.text) has no rank", hint: NearestName.hint(name.text, in: ranks.map(\.index)))
    return nil
  }
}
