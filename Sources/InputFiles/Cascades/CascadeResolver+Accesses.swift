import Programs

/// Einsums and what they read.
extension CascadeResolver {
  mutating func tensor(_ name: Name) -> Int? {
    if let known = tensorNumbers[name.text] { return known < 0 ? nil : known }
    if broken.contains(name.text) { return nil }
    report(
      name, "tensor \(name.text) is not defined",
      hint: NearestName.hint(name.text, in: tensors.map(\.name)) ?? "say: input \(name.text)[...]")
    return nil
  }

  mutating func hasAll(_ access: CascadeSyntax.Access, _ ranks: [Int]) -> Bool {
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
  mutating func fits(_ name: Name, _ rank: Int, _ own: Int, _ tensor: Name) -> Bool {
    guard ranks[rank].shape != ranks[own].shape else { return true }
    report(
      name,
      "rank \(ranks[own].name) of \(tensor.text) is used with two shapes: \(ranks[own].shape), and \(ranks[rank].shape) of index \(name.text)",
      hint: "an index of \(ranks[own].name) is \(ranks[own].index)")
    return false
  }

  mutating func read(_ access: CascadeSyntax.Access) -> Cascade.Access? {
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

  mutating func expression(_ expression: CascadeSyntax.Expression) -> Cascade.Expression? {
    switch expression {
    case .constant(let value): return .constant(value)
    case .access(let access): return read(access).map { .access($0) }
    case .apply(let operation, let operands):
      let read = operands.map { self.expression($0) }
      let whole = read.compactMap(\.self)
      return whole.count == read.count ? .apply(operation, whole) : nil
    }
  }

  mutating func einsum(_ einsum: CascadeSyntax.Einsum) -> Cascade.Einsum? {
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
}
