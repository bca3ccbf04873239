/// How often a cascade has to go over the fibres of one rank, and which einsum starts each pass.
///
/// A pass visits the positions of the rank in order. An einsum that combines elements along the rank with a value that is
/// complete only when a pass is over has to wait for the next one. A value that runs along the rank (iterative, read
/// within the loop) is never waited for. Where the rank is split, passes are over its outermost part: what happens inside
/// a tile is told by the inner part's own count. An earlier step of another iterative rank counts as given: passes are
/// then for each of its steps.
///
/// - Source: FuseMax (arXiv 2406.10491), section 3; restated so that it can be computed for any cascade.
public struct RankPasses: Sendable, Hashable {
  public var rank: Int
  /// Passes in all; 0 where no einsum runs along the rank.
  public var count: Int
  /// The pass of each einsum that runs along the rank, by einsum.
  public var pass: [Int: Int]
  /// The pass in which a tensor's elements along the rank are first there, by tensor.
  public var first: [Int: Int]
  /// Which einsums start the second pass and those after it, and why.
  public var starts: [Start]
  /// Tensors that each einsum reads along the rank.
  private var along: [Int: Set<Int>]

  /// An einsum that begins a pass, and why it cannot join the one before.
  public struct Start: Sendable, Hashable {
    public var pass: Int
    public var einsum: Int
    /// The tensor that is complete only after the pass before.
    public var complete: Int
    /// A tensor along the rank that is combined with it; the einsum's own target where it has none.
    public var along: Int
  }

  /// Whether einsum reads the tensor along the rank.
  public func holds(_ einsum: Int, _ tensor: Int) -> Bool { along[einsum]?.contains(tensor) ?? false }

  /// Einsums of a pass, in the order of the file.
  public func einsums(in pass: Int) -> [Int] { self.pass.filter { $0.value == pass }.map(\.key).sorted() }

  public init(_ cascade: Cascade, rank: Int) {
    self.rank = rank
    var walk = Walk(cascade, rank: rank)
    walk.settle()
    pass = walk.pass
    first = walk.label
    along = walk.along
    count = pass.values.max() ?? 0
    starts = []
    for number in 2..<max(count + 1, 2) {
      for einsum in cascade.einsums.indices where pass[einsum] == number {
        guard let complete = walk.completes(einsum, after: number - 1) else { continue }
        let operand = cascade.reads(cascade.einsums[einsum]).first { walk.isAlong($0) }
        starts.append(
          Start(
            pass: number, einsum: einsum, complete: complete,
            along: cascade.origin(of: (operand ?? cascade.einsums[einsum].target).tensor)))
      }
    }
  }
}

/// Passes of tensors and einsums, raised until they are consistent.
private struct Walk {
  let cascade: Cascade
  /// The rank, its outermost parts, and the ranks that it is a part of.
  let family: Set<Int>
  let rank: Int
  /// The first pass in which elements along the rank are there.
  var label: [Int: Int] = [:]
  /// The pass after which a value is complete that does not run along the rank.
  var done: [Int: Int] = [:]
  var pass: [Int: Int] = [:]
  var along: [Int: Set<Int>] = [:]

  init(_ cascade: Cascade, rank: Int) {
    self.cascade = cascade
    self.rank = rank
    var family = Set(cascade.outermost(rank))
    var parent = cascade.ranks[rank].parent
    while let current = parent {
      family.insert(current)
      parent = cascade.ranks[current].parent
    }
    self.family = family
    for (index, tensor) in cascade.tensors.enumerated() where tensor.role == .input {
      if tensor.ranks.contains(where: family.contains) { label[index] = 1 }
    }
    for (index, einsum) in cascade.einsums.enumerated() {
      along[index] = Set(cascade.reads(einsum).filter(isAlong).map { cascade.origin(of: $0.tensor) })
    }
  }

  /// Whether an access runs along the rank.
  func isAlong(_ access: Cascade.Access) -> Bool { access.running.contains(where: family.contains) }

  /// Whether an access reads what an earlier step of another iterative rank left.
  private func isGiven(_ access: Cascade.Access) -> Bool {
    guard let iterated = cascade.tensors[access.tensor].iterated, !family.contains(iterated) else {
      return false
    }
    return access.indices.contains(.running(rank: iterated, offset: 0))
  }

  private func completion(_ access: Cascade.Access) -> Int {
    let tensor = cascade.origin(of: access.tensor)
    return isGiven(access) ? 0 : done[tensor] ?? label[tensor] ?? 0
  }

  /// The first tensor of an einsum that is complete after `pass` and does not run along the rank.
  func completes(_ einsum: Int, after pass: Int) -> Int? {
    cascade.reads(cascade.einsums[einsum]).first { !isAlong($0) && completion($0) == pass }
      .map { cascade.origin(of: $0.tensor) }
  }

  /// Raises passes until nothing changes. No pass exceeds the number of einsums: in a cycle of dependencies, either every
  /// access runs along the rank, which keeps the pass, or one reads an earlier step of another rank, which counts as given.
  mutating func settle() {
    for _ in 0...cascade.einsums.count + 1 {
      var changed = false
      for index in cascade.einsums.indices { if raise(index) { changed = true } }
      if !changed { return }
    }
  }

  private mutating func raise(_ index: Int) -> Bool {
    let einsum = cascade.einsums[index]
    let before = (pass[index], label[einsum.target.tensor], done[einsum.target.tensor])
    var own = 0
    var complete = 0
    for access in cascade.reads(einsum) {
      if isAlong(access) {
        own = max(own, isGiven(access) ? 1 : label[cascade.origin(of: access.tensor)] ?? 1)
      } else {
        complete = max(complete, completion(access))
      }
    }
    let runs = own > 0 || isAlong(einsum.target)
    if runs {
      own = max(own, 1, complete > 0 ? complete + 1 : 0)
      pass[index] = own
    }
    if isAlong(einsum.target) {
      label[einsum.target.tensor] = own
    } else {
      done[einsum.target.tensor] = runs ? own : complete
    }
    return before != (pass[index], label[einsum.target.tensor], done[einsum.target.tensor])
  }
}
