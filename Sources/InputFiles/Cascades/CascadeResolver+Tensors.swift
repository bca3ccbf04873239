import Programs

/// Tensors: inputs, what is computed, and views of either.
extension CascadeResolver {
  @discardableResult
  mutating func add(_ name: Name, _ ranks: [Int], _ role: Cascade.Tensor.Role) -> Int? {
    guard tensorNumbers[name.text] == nil else {
      report(name, "tensor \(name.text) is defined twice", hint: "give one of the two another name")
      return nil
    }
    tensorNumbers[name.text] = tensors.count
    tensors.append(.init(name: name.text, ranks: ranks, role: role))
    return tensors.count - 1
  }

  /// The ranks of a declaration; a shape that a rank repeats has to be its own, and may be its first.
  mutating func ranks(of declaration: CascadeSyntax.Declaration) -> [Int] {
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

  mutating func declareInputs() {
    for input in syntax.inputs {
      let ranks = ranks(of: input)
      // How many ranks it has is not known.
      guard ranks.count == input.ranks.count else {
        tensorNumbers[input.tensor.text] = tensorNumbers[input.tensor.text] ?? -1
        continue
      }
      add(input.tensor, ranks, .input)
    }
  }

  mutating func declareComputed() {
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
      // How many ranks it has is not known.
      guard ranks.count == einsum.target.indices.count else {
        tensorNumbers[einsum.target.tensor.text] = tensorNumbers[einsum.target.tensor.text] ?? -1
        continue
      }
      if let tensor = add(einsum.target.tensor, ranks, .intermediate) { tensors[tensor].iterated = iterated }
    }
  }

  mutating func declareViews() -> [Cascade.View] {
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
  mutating func viewed(_ access: CascadeSyntax.Access, ranks whole: [Int]) -> [Cascade.Index]? {
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
}
