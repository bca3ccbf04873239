/// Which tensors of a cascade are needed one step of an iterative rank at a time.
///
/// The einsums of a recurrence take turns, a step after another, whatever order the rest is done in. A tensor along its
/// rank that only they read, or of which others read only the value after the last step, is used up step by step: one
/// position has to be kept. What anybody else reads at all positions is needed as a whole, and so is an output.
///
/// - Complexity: O(tensors x einsums) in the worst case; nothing where no tensor is iterated.
struct Recurrences {
  private let cascade: Cascade
  /// Tensors that each one is computed from, itself included where it depends on an earlier step of its own.
  private var sources: [Int: Set<Int>] = [:]
  private let reads: [[Cascade.Access]]

  init(_ cascade: Cascade) {
    self.cascade = cascade
    guard cascade.tensors.contains(where: { $0.iterated != nil }) else {
      reads = []
      return
    }
    reads = cascade.einsums.map { cascade.reads($0) }
    var direct: [Int: Set<Int>] = [:]
    for (einsum, accesses) in zip(cascade.einsums, reads) {
      direct[einsum.target.tensor, default: []].formUnion(accesses.map { cascade.origin(of: $0.tensor) })
    }
    for tensor in direct.keys {
      var found: Set<Int> = []
      var open = Array(direct[tensor] ?? [])
      while let next = open.popLast() {
        if found.insert(next).inserted { open += direct[next] ?? [] }
      }
      sources[tensor] = found
    }
  }

  /// Elements of a tensor that have to be there at once.
  func elements(of tensor: Int) -> Double {
    let rank = rankInSteps(of: tensor)
    return cascade.points(cascade.tensors[tensor].ranks.filter { $0 != rank })
  }

  /// The iterative rank of which one position of a tensor is enough.
  private func rankInSteps(of tensor: Int) -> Int? {
    guard cascade.tensors[tensor].role == .intermediate, let rank = rankOfLoop(tensor) else { return nil }
    for (einsum, accesses) in zip(cascade.einsums, reads) where !isInLoop(einsum.target.tensor, with: tensor)
    {
      let readsAll = accesses.contains { access in
        cascade.origin(of: access.tensor) == tensor
          && access.running.contains { cascade.isPart($0, of: rank) }
      }
      if readsAll { return nil }
    }
    return rank
  }

  private func isInLoop(_ other: Int, with tensor: Int) -> Bool {
    (sources[tensor]?.contains(other) ?? false) && (sources[other]?.contains(tensor) ?? false)
  }

  /// The rank along which a tensor takes part in a recurrence.
  private func rankOfLoop(_ tensor: Int) -> Int? {
    if let own = cascade.tensors[tensor].iterated { return own }
    let ranks = Set(
      cascade.tensors.indices.compactMap { isInLoop($0, with: tensor) ? cascade.tensors[$0].iterated : nil })
    guard ranks.count == 1, let rank = ranks.first, cascade.tensors[tensor].ranks.contains(rank) else {
      return nil
    }
    return rank
  }
}
