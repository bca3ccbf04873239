import HWModels
package import Programs

/// A cascade executed on numbers in double precision.
///
/// Einsums run one after another, each over its whole space; those that take part in an iteration run once a step, in an
/// order that their dependencies allow. Sums run in the order of positions. A rank that a caller declares live only in part
/// ends there: positions beyond are in no einsum's space, as in the last tile of a ragged call.
///
/// - Complexity: time and memory of the spaces of all einsums, so small shapes only.
package struct CascadeMachine {
  let cascade: Cascade
  /// Live positions of each rank.
  let live: [Int]
  /// Numbers of each tensor, row-major over its ranks; an iterated rank has one more position.
  var numbers: [[Double]]
  let strides: [[Int]]
  /// Tensors of what einsums read, by the ranks that index them, views looked through.
  private let order: [Int]

  /// - Parameters:
  ///   - inputs: numbers by name, row-major over the ranks of the cascade.
  ///   - live: positions that are there of ranks that are not whole, by name.
  ///   - shuffle: picks one of so many einsums that could come next.
  package init(
    _ cascade: Cascade, inputs: [String: [Double]], live: [String: Int] = [:],
    shuffle: (Int) -> Int = { _ in 0 }
  ) {
    self.cascade = cascade
    self.live = cascade.ranks.map { live[$0.name] ?? $0.shape }
    strides = cascade.tensors.map { tensor in
      var stride = 1
      var strides = [Int](repeating: 0, count: tensor.ranks.count)
      for place in tensor.ranks.indices.reversed() {
        strides[place] = stride
        stride *= cascade.ranks[tensor.ranks[place]].shape + (tensor.ranks[place] == tensor.iterated ? 1 : 0)
      }
      return strides
    }
    numbers = cascade.tensors.map { tensor in
      if tensor.role == .view { return [] }
      let count = tensor.ranks.reduce(1) {
        $0 * (cascade.ranks[$1].shape + ($1 == tensor.iterated ? 1 : 0))
      }
      if let given = inputs[tensor.name], tensor.role == .input, given.count == count { return given }
      return [Double](repeating: 0, count: count)
    }
    order = Self.order(cascade, shuffle)
    for initial in cascade.initials {
      for index in numbers[initial.tensor].indices { numbers[initial.tensor][index] = initial.value }
    }
  }

  /// Numbers of a tensor after `run`.
  package func tensor(_ name: String) -> [Double] {
    cascade.tensors.firstIndex { $0.name == name }.map { numbers[$0] } ?? []
  }

  /// Computes everything.
  package mutating func run() {
    let iterated = cascade.ranks.indices.first { cascade.ranks[$0].isIterative }
    var inside: [Int] = []
    for einsum in order {
      if let iterated, cascade.einsums[einsum].target.running.contains(iterated) {
        inside.append(einsum)
      } else {
        flush(&inside, iterated)
        compute(einsum, at: nil)
      }
    }
    flush(&inside, iterated)
  }

  /// Runs the einsums of an iteration, step by step.
  private mutating func flush(_ inside: inout [Int], _ rank: Int?) {
    guard let rank, !inside.isEmpty else { return }
    for step in 0..<cascade.ranks[rank].shape {
      for einsum in inside { compute(einsum, at: (rank, step)) }
    }
    inside = []
  }

  /// An order that dependencies within a step allow. Einsums along the iterative rank stay together.
  private static func order(_ cascade: Cascade, _ shuffle: (Int) -> Int) -> [Int] {
    var writers: [Int: Int] = [:]
    for (index, einsum) in cascade.einsums.enumerated() { writers[einsum.target.tensor] = index }
    let needs = cascade.einsums.map { einsum in
      cascade.reads(einsum).compactMap { access -> Int? in
        // What the step before wrote is there.
        if let rank = cascade.tensors[access.tensor].iterated,
          access.indices.contains(.running(rank: rank, offset: 0))
        {
          return nil
        }
        return writers[cascade.origin(of: access.tensor)]
      }
    }
    func steps(_ einsum: Int) -> Bool {
      cascade.einsums[einsum].target.running.contains { cascade.ranks[$0].isIterative }
    }
    var done: Set<Int> = []
    var order: [Int] = []
    while order.count < cascade.einsums.count {
      let ready = cascade.einsums.indices.filter { index in
        !done.contains(index) && needs[index].allSatisfy { done.contains($0) }
      }
      let open = cascade.einsums.indices.contains { !done.contains($0) && steps($0) }
      // What comes after an iteration waits for all of it.
      let candidates =
        open ? ready.filter { index in steps(index) || !dependsOnSteps(index, needs, steps) } : ready
      guard !candidates.isEmpty else { break }
      let chosen = candidates[shuffle(candidates.count)]
      done.insert(chosen)
      order.append(chosen)
    }
    // Those before the iteration first, then its steps, then the rest.
    return order.filter { !steps($0) && !dependsOnSteps($0, needs, steps) } + order.filter(steps)
      + order.filter { !steps($0) && dependsOnSteps($0, needs, steps) }
  }

  private static func dependsOnSteps(_ index: Int, _ needs: [[Int]], _ steps: (Int) -> Bool) -> Bool {
    var open = needs[index]
    var seen: Set<Int> = []
    while let next = open.popLast() {
      if steps(next) { return true }
      if seen.insert(next).inserted { open += needs[next] }
    }
    return false
  }
}
