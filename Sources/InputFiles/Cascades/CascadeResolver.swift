import Schedules

/// Looks up the names of a cascade file and says what does not fit together.
struct CascadeResolver {
  typealias Name = CascadeSyntax.Name

  let source: SourceText
  let syntax: CascadeSyntax
  private let broken: Set<String>
  /// Whether every line could be read.
  private let isWhole: Bool
  private(set) var problems: [Diagnostic] = []
  private(set) var ranks: [Cascade.Rank] = []
  private var rankNumbers: [String: Int] = [:]
  private var tensors: [Cascade.Tensor] = []
  private var tensorNumbers: [String: Int] = [:]

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
    guard problems.isEmpty else { return nil }
    let cascade = Cascade(
      name: name.text, title: syntax.title, source: syntax.source, ranks: ranks, tensors: tensors,
      einsums: einsums.compactMap(\.self), views: views, initials: initials)
    guard cascade.einsums.count == einsums.count else { return nil }
    reportCycles(cascade)
    return problems.isEmpty ? cascade : nil
  }

  mutating func report(_ place: Name, _ message: String, hint: String? = nil) {
    problems.append(source.diagnostic(line: place.line, column: place.column, message, hint: hint))
  }

  // MARK: Ranks

  private mutating func declareRanks() {
    for shape in syntax.ranks { declare(shape.rank, shape: shape.value) }
    for split in syntax.splits {
      guard let whole = rank(split.rank) else { continue }
      guard ranks[whole].parts == nil else {
        report(split.rank, "rank \(split.rank.text) is split already")
        continue
      }
      let shape = ranks[whole].shape
      guard shape % split.shape == 0 else {
        report(
          split.place, "\(split.shape) does not divide the \(shape) of rank \(split.rank.text)",
          hint: "the parts have to multiply to the whole")
        continue
      }
      let count = ranks.count
      declare(split.outer, shape: shape / split.shape, parent: whole)
      declare(split.inner, shape: split.shape, parent: whole)
      if ranks.count == count + 2 { ranks[whole].parts = .init(outer: count, inner: count + 1) }
    }
    for name in syntax.iterative { if let rank = rank(name) { ranks[rank].isIterative = true } }
  }

  private mutating func declare(_ name: Name, shape: Int, parent: Int? = nil) {
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

  private mutating func rank(_ name: Name) -> Int? {
    if let known = rankNumbers[name.text] { return known }
    report(name, "there is no rank \(name.text)", hint: NearestName.hint(name.text, in: ranks.map(\.name)))
    return nil
  }

  /// The rank of an index.
  private mutating func rank(ofIndex name: Name) -> Int? {
    if let known = rankNumbers[name.text.uppercased()], name.text == name.text.lowercased() { return known }
    report(
      name, "index \(name.text) has no rank", hint: NearestName.hint(name.text, in: ranks.map(\.index)))
    return nil
  }

  // MARK: Tensors

  @discardableResult
  private mutating func add(_ name: Name, _ ranks: [Int], _ role: Cascade.Tensor.Role) -> Int? {
    guard tensorNumbers[name.text] == nil else {
      report(name, "tensor \(name.text) is defined twice", hint: "give one of the two another name")
      return nil
    }
    tensorNumbers[name.text] = tensors.count
    tensors.append(.init(name: name.text, ranks: ranks, role: role))
    return tensors.count - 1
  }

  /// The ranks of a declaration; a shape that a rank repeats has to be its own, and may be its first.
  private mutating func ranks(of declaration: CascadeSyntax.Declaration) -> [Int] {
    declaration.ranks.compactMap { name, shape in
      if let shape {
        if let known = rankNumbers[name.text] {
          if ranks[known].shape != shape {
            report(name, "rank \(name.text) is used with two shapes: \(ranks[known].shape) and \(shape)")
          }
          return known
        }
        declare(name, shape: shape)
      }
      return rank(name)
    }
  }

  private mutating func declareInputs() {
    for input in syntax.inputs {
      let ranks = ranks(of: input)
      add(input.tensor, ranks, .input)
    }
  }

  private mutating func declareComputed() {
    for einsum in syntax.einsums {
      var ranks: [Int] = []
      var iterated: Int?
      for index in einsum.target.indices {
        guard case .running(let name, let offset) = index else {
          report(
            index.place, "what is computed is indexed by running indices", hint: "m or, one step ahead, m+1")
          continue
        }
        guard let rank = rank(ofIndex: name) else { continue }
        if ranks.contains(rank) { report(name, "index \(name.text) stands twice on the left") }
        if offset == 1 {
          if !self.ranks[rank].isIterative {
            report(
              name, "rank \(self.ranks[rank].name) is not iterative",
              hint: "say: iterative \(self.ranks[rank].name)")
          } else if iterated != nil {
            report(name, "a tensor is iterated along one rank")
          }
          if self.ranks[rank].isIterative { iterated = rank }
        }
        ranks.append(rank)
      }
      if let tensor = add(einsum.target.tensor, ranks, .intermediate) { tensors[tensor].iterated = iterated }
    }
  }

  private mutating func declareViews() -> [Cascade.View] {
    var views: [Cascade.View] = []
    for view in syntax.views {
      let running = view.target.indices.compactMap { index -> Int? in
        guard case .running(let name, 0) = index else {
          report(index.place, "a view is indexed by running indices")
          return nil
        }
        return rank(ofIndex: name)
      }
      guard running.count == view.target.indices.count, let origin = tensor(view.origin.tensor),
        let indices = viewed(view.origin, ranks: tensors[origin].ranks)
      else {
        tensorNumbers[view.target.tensor.text] = tensorNumbers[view.target.tensor.text] ?? -1
        continue
      }
      let covered = indices.flatMap { index -> [Int] in
        switch index {
        case .running(let rank, _): [rank]
        case .joined(let rank): ranks[rank].parts.map { [$0.outer, $0.inner] } ?? []
        case .last: []
        }
      }
      guard covered.sorted() == running.sorted() else {
        report(view.target.tensor, "a view has the same indices on both sides")
        continue
      }
      guard tensors[origin].iterated == nil else {
        report(view.origin.tensor, "\(tensors[origin].name) is iterated and has no views")
        continue
      }
      guard let target = add(view.target.tensor, running, .view) else { continue }
      views.append(
        .init(
          target: .init(tensor: target, indices: running.map { .running(rank: $0, offset: 0) }),
          origin: .init(tensor: origin, indices: indices), line: view.target.tensor.line))
    }
    return views
  }

  /// The indices of what a view shows.
  private mutating func viewed(_ access: CascadeSyntax.Access, ranks whole: [Int]) -> [Cascade.Index]? {
    guard hasAll(access, whole) else { return nil }
    var indices: [Cascade.Index] = []
    for (index, own) in zip(access.indices, whole) {
      switch index {
      case .running(let name, 0):
        guard let rank = rank(ofIndex: name), fits(name, rank, own, access.tensor) else { return nil }
        indices.append(.running(rank: rank, offset: 0))
      case .joined(let outer, let shape, let inner):
        guard let first = rank(ofIndex: outer), let step = rank(shape), let second = rank(ofIndex: inner)
        else {
          return nil
        }
        guard ranks[own].parts == .init(outer: first, inner: second), step == second else {
          report(
            outer, "rank \(ranks[own].name) of \(access.tensor.text) is not split like this",
            hint: ranks[own].parts.map { parts in
              "\(ranks[parts.outer].index)*\(ranks[parts.inner].name) + \(ranks[parts.inner].index)"
            } ?? "say: split \(ranks[own].name) into ...")
          return nil
        }
        indices.append(.joined(rank: own))
      default:
        report(index.place, "a view has running indices on its right side")
        return nil
      }
    }
    return indices
  }

  // MARK: Accesses

  private mutating func tensor(_ name: Name) -> Int? {
    if let known = tensorNumbers[name.text] { return known < 0 ? nil : known }
    if broken.contains(name.text) { return nil }
    report(
      name, "tensor \(name.text) is not defined",
      hint: NearestName.hint(name.text, in: tensors.map(\.name)) ?? "say: input \(name.text)[...]")
    return nil
  }

  private mutating func hasAll(_ access: CascadeSyntax.Access, _ ranks: [Int]) -> Bool {
    guard access.indices.count == ranks.count else {
      let names = ranks.map { self.ranks[$0].name }.joined(separator: ", ")
      report(
        access.tensor, "\(access.tensor.text) has \(ranks.count) ranks, not \(access.indices.count)",
        hint: "\(access.tensor.text)[\(names)]")
      return false
    }
    return true
  }

  /// Whether an index runs over as many positions as the rank it stands at.
  private mutating func fits(_ name: Name, _ rank: Int, _ own: Int, _ tensor: Name) -> Bool {
    guard ranks[rank].shape != ranks[own].shape else { return true }
    report(
      name,
      "rank \(ranks[own].name) of \(tensor.text) is used with two shapes: \(ranks[own].shape), and \(ranks[rank].shape) of index \(name.text)",
      hint: "an index of \(ranks[own].name) is \(ranks[own].index)")
    return false
  }

  private mutating func read(_ access: CascadeSyntax.Access) -> Cascade.Access? {
    guard let number = tensor(access.tensor) else { return nil }
    let tensor = tensors[number]
    guard hasAll(access, tensor.ranks) else { return nil }
    var indices: [Cascade.Index] = []
    for (index, own) in zip(access.indices, tensor.ranks) {
      let isIterated = tensor.iterated == own
      switch index {
      case .running(let name, let offset):
        guard let rank = rank(ofIndex: name), fits(name, rank, own, access.tensor) else { return nil }
        if isIterated, rank != own {
          report(
            name, "\(tensor.name) is iterated along \(ranks[own].name)",
            hint: "its index is \(ranks[own].index)")
          return nil
        }
        if offset == 1, !isIterated {
          report(
            name, "\(tensor.name) is not written one step ahead along \(ranks[own].name)",
            hint: "\(tensor.name) is there at \(name.text)")
          return nil
        }
        indices.append(.running(rank: rank, offset: offset))
      case .last(let name):
        guard let rank = rank(name) else { return nil }
        guard isIterated, rank == own else {
          report(
            name, "\(tensor.name) is not iterated along \(name.text), and has no last step",
            hint: "an index is written in small letters: \(name.text.lowercased())")
          return nil
        }
        indices.append(.last(rank: rank))
      case .first(let place):
        report(place, "a first value is for init", hint: "init \(tensor.name)[0] = ...")
        return nil
      case .joined(let outer, _, _):
        report(outer, "an index of two parts is for views", hint: "view B[m1, m0] = A[m1*M0 + m0]")
        return nil
      }
    }
    return .init(tensor: number, indices: indices)
  }

  private mutating func expression(_ expression: CascadeSyntax.Expression) -> Cascade.Expression? {
    switch expression {
    case .constant(let value): return .constant(value)
    case .access(let access): return read(access).map { .access($0) }
    case .apply(let operation, let operands):
      let read = operands.map { self.expression($0) }
      let whole = read.compactMap(\.self)
      return whole.count == read.count ? .apply(operation, whole) : nil
    }
  }

  private mutating func einsum(_ einsum: CascadeSyntax.Einsum) -> Cascade.Einsum? {
    guard let expression = expression(einsum.expression),
      let number = tensorNumbers[einsum.target.tensor.text], number >= 0,
      tensors[number].ranks.count == einsum.target.indices.count
    else { return nil }
    let tensor = tensors[number]
    let target = Cascade.Access(
      tensor: number, indices: tensor.ranks.map { .running(rank: $0, offset: $0 == tensor.iterated ? 1 : 0) })
    var right: [Int] = []
    expression.forEachAccess { for rank in $0.running where !right.contains(rank) { right.append(rank) } }
    for (index, rank) in zip(einsum.target.indices, tensor.ranks) where !right.contains(rank) {
      report(index.place, "index \(ranks[rank].index) stands on the left only")
    }
    var missing = right.filter { !tensor.ranks.contains($0) }
    var reductions: [Cascade.Reduction] = []
    for reduction in einsum.reductions {
      var over: [Int] = []
      for name in reduction.indices {
        guard let rank = rank(ofIndex: name) else { continue }
        guard let place = missing.firstIndex(of: rank) else {
          let reason =
            tensor.ranks.contains(rank)
            ? "stands on the left" : right.contains(rank) ? "is reduced twice" : "is not on the right"
          report(name, "index \(name.text) cannot be reduced: it \(reason)")
          continue
        }
        missing.remove(at: place)
        over.append(rank)
      }
      reductions.append(.init(reduction.operation, over: over))
    }
    // Einstein's rule: what is missing on the left is summed.
    if !missing.isEmpty { reductions.append(.init(.plus, over: missing)) }
    return .init(
      target: target, expression: expression, reductions: reductions, line: einsum.target.tensor.line)
  }

  // MARK: First and last

  private mutating func initial(_ initial: CascadeSyntax.Initial) -> Cascade.Initial? {
    guard let number = tensor(initial.target.tensor), hasAll(initial.target, tensors[number].ranks) else {
      return nil
    }
    let tensor = tensors[number]
    guard let iterated = tensor.iterated else {
      report(initial.target.tensor, "\(tensor.name) is not iterated and takes no first value")
      return nil
    }
    for (index, rank) in zip(initial.target.indices, tensor.ranks) {
      switch index {
      case .first where rank == iterated: continue
      case .running(let name, 0) where rank != iterated && name.text == ranks[rank].index: continue
      default:
        report(index.place, "\(rank == iterated ? "0" : ranks[rank].index) is due here")
        return nil
      }
    }
    return .init(tensor: number, value: initial.value, line: initial.target.tensor.line)
  }

  private mutating func checkInitials(_ initials: [Cascade.Initial]) {
    var seen: Set<Int> = []
    for (written, initial) in zip(syntax.initials, initials) where syntax.initials.count == initials.count {
      if !seen.insert(initial.tensor).inserted {
        report(written.target.tensor, "\(written.target.tensor.text) has a first value already")
      }
    }
    guard syntax.initials.count == initials.count else { return }
    for einsum in syntax.einsums {
      guard let number = tensorNumbers[einsum.target.tensor.text], number >= 0,
        let rank = tensors[number].iterated,
        !seen.contains(number)
      else { continue }
      let indices = tensors[number].ranks.map { $0 == rank ? "0" : ranks[$0].index }.joined(separator: ", ")
      report(
        einsum.target.tensor, "\(einsum.target.tensor.text) is iterated and has no first value",
        hint: "say: init \(einsum.target.tensor.text)[\(indices)] = 0")
    }
  }

  private mutating func setOutputs() {
    var read: Set<String> = []
    func visit(_ expression: CascadeSyntax.Expression) {
      switch expression {
      case .access(let access): read.insert(access.tensor.text)
      case .constant: break
      case .apply(_, let operands): for operand in operands { visit(operand) }
      }
    }
    for einsum in syntax.einsums { visit(einsum.expression) }
    for view in syntax.views { read.insert(view.origin.tensor.text) }
    for output in syntax.outputs {
      guard let number = tensor(output.tensor) else { continue }
      let ranks = ranks(of: output)
      if tensors[number].role == .input || tensors[number].role == .view {
        report(output.tensor, "\(output.tensor.text) is not computed")
      } else if !output.ranks.isEmpty, ranks != tensors[number].ranks {
        let names = tensors[number].ranks.map { self.ranks[$0].name }.joined(separator: ", ")
        report(
          output.tensor, "\(output.tensor.text) has other ranks", hint: "\(output.tensor.text)[\(names)]")
      }
      tensors[number].role = .output
    }
    guard isWhole else { return }
    for place in syntax.inputs.map(\.tensor) + syntax.views.map(\.target.tensor)
    where !read.contains(place.text) {
      report(place, "\(place.text) is never read")
    }
    for einsum in syntax.einsums where !read.contains(einsum.target.tensor.text) {
      guard let number = tensorNumbers[einsum.target.tensor.text], number >= 0 else { continue }
      if syntax.outputs.isEmpty {
        tensors[number].role = .output
      } else if tensors[number].role == .intermediate {
        report(
          einsum.target.tensor, "\(einsum.target.tensor.text) is computed and never read",
          hint: "say: output \(einsum.target.tensor.text)")
      }
    }
  }

  // MARK: Cycles

  private mutating func reportCycles(_ cascade: Cascade) {
    for cycle in CascadeCycles(cascade).faults() {
      let names = cycle.map { cascade.tensors[cascade.einsums[$0].target.tensor].name }
      let place = syntax.einsums[cycle[0]].target.tensor
      report(
        place,
        "a cycle that is not iterative: \(names[0]) depends on itself"
          + (names.count > 1 ? " through \(names.dropFirst().joined(separator: ", "))" : ""),
        hint: "iterate along a rank: write at m+1, read at m, all along the cycle")
    }
  }
}
