import Programs

/// Cycles, found whatever else is wrong with the file.
extension CascadeResolver {
  /// - Parameter einsums: those of the file in order, nil where one could not be resolved.
  mutating func reportCycles(_ cascade: Cascade, _ einsums: [Cascade.Einsum?]) {
    let soundPlaces = einsums.indices.filter {
      einsums[$0] != nil && isDefinedOnce($0) && !isHalfIterated($0)
    }
    var sound = cascade
    sound.einsums = soundPlaces.compactMap { einsums[$0] }
    var reported: Set<Int> = []
    for cycle in CascadeCycles(sound).faults() {
      let places = cycle.map { soundPlaces[$0] }
      reported.formUnion(places)
      report(cycle: places)
    }
    guard soundPlaces.count < einsums.count else { return }
    // Einsums that write in the step of their index: no iteration can explain a cycle of these, whatever else they lack.
    let plain = syntax.einsums.indices.filter { isDefinedOnce($0) && !writesAhead($0) }
    for cycle in CascadeCycles(dependencies(of: plain)).faults() {
      let places = cycle.map { plain[$0] }
      if reported.isDisjoint(with: places) { report(cycle: places) }
    }
  }

  private mutating func report(cycle places: [Int]) {
    let names = places.map { syntax.einsums[$0].target.tensor.text }
    report(
      syntax.einsums[places[0]].target.tensor,
      "a cycle that is not iterative: \(names[0]) depends on itself"
        + (names.count > 1 ? " through \(names.dropFirst().joined(separator: ", "))" : ""),
      hint: "iterate along a rank: write at m+1, read at m, all along the cycle")
  }

  private func isDefinedOnce(_ einsum: Int) -> Bool {
    let name = syntax.einsums[einsum].target.tensor.text
    let isOther =
      syntax.inputs.contains { $0.tensor.text == name }
      || syntax.views.contains { $0.target.tensor.text == name }
    return !isOther && syntax.einsums.count { $0.target.tensor.text == name } == 1
  }

  /// Whether it writes one step ahead of an index.
  private func writesAhead(_ einsum: Int) -> Bool {
    syntax.einsums[einsum].target.indices.contains { if case .running(_, 1) = $0 { true } else { false } }
  }

  /// Meant to be iterated, along a rank that is not: that is an error of its own.
  private func isHalfIterated(_ einsum: Int) -> Bool {
    let number = tensorNumbers[syntax.einsums[einsum].target.tensor.text]
    return writesAhead(einsum) && (number.map { $0 < 0 || tensors[$0].iterated == nil } ?? true)
  }

  /// Who reads whom among these einsums, by name alone.
  private func dependencies(of einsums: [Int]) -> Cascade {
    var numbers: [String: Int] = [:]
    for (number, einsum) in einsums.enumerated() {
      numbers[syntax.einsums[einsum].target.tensor.text] = number
    }
    let origins = Dictionary(
      syntax.views.map { ($0.target.tensor.text, $0.origin.tensor.text) },
      uniquingKeysWith: { first, _ in first })
    func reads(_ expression: CascadeSyntax.Expression) -> [Cascade.Expression] {
      switch expression {
      case .access(let access):
        var (name, steps) = (access.tensor.text, 0)
        while let origin = origins[name], steps < origins.count { (name, steps) = (origin, steps + 1) }
        return numbers[name].map { [.access(.init(tensor: $0, indices: []))] } ?? []
      case .constant: return []
      case .apply(_, let operands): return operands.flatMap(reads)
      }
    }
    return Cascade(
      name: "", title: nil, source: nil, ranks: [],
      tensors: einsums.map {
        .init(name: syntax.einsums[$0].target.tensor.text, ranks: [], role: .intermediate)
      },
      einsums: einsums.enumerated().map { number, einsum in
        .init(
          target: .init(tensor: number, indices: []),
          expression: .apply(.plus, reads(syntax.einsums[einsum].expression)), reductions: [], line: 0)
      }, views: [], initials: [])
  }
}
