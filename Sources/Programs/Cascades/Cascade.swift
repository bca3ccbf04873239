/// A cascade of extended einsums: tensors, the ranks they are indexed by, and the statements that compute them.
///
/// A value of this type is sound: every access names a tensor that is there, with as many indices as it has ranks;
/// shapes agree; no tensor depends on itself other than through an earlier step of an iterative rank. The reader of
/// cascade files makes sure of that.
///
/// - Source: the notation of FuseMax (Nayak et al., MICRO 2024, arXiv 2406.10491), section 3, in plain text.
public struct Cascade: Sendable, Hashable {
  public var name: String
  /// One line for people.
  public var title: String?
  /// Where it comes from.
  public var source: String?
  public var ranks: [Rank]
  public var tensors: [Tensor]
  /// Statements in the order of the file.
  public var einsums: [Einsum]
  /// Views in the order of the file: other names for the elements of a tensor. They cost nothing.
  public var views: [View]
  /// Initial values of tensors that are iterated.
  public var initials: [Initial]

  public init(
    name: String, title: String? = nil, source: String? = nil, ranks: [Rank], tensors: [Tensor],
    einsums: [Einsum], views: [View] = [], initials: [Initial] = []
  ) {
    self.name = name
    self.title = title
    self.source = source
    self.ranks = ranks
    self.tensors = tensors
    self.einsums = einsums
    self.views = views
    self.initials = initials
  }

  /// A dimension that tensors are indexed by. Its name is in capitals; its index is the same name in small letters.
  public struct Rank: Sendable, Hashable {
    public var name: String
    public var shape: Int
    /// The rank that this one is a part of.
    public var parent: Int?
    /// The two ranks that it is split into.
    public var parts: Parts?
    /// Whether its positions are steps that follow each other, so that a tensor may depend on its step before.
    public var isIterative: Bool
    public var index: String { name.lowercased() }

    public init(name: String, shape: Int, parent: Int? = nil, parts: Parts? = nil, isIterative: Bool = false)
    {
      self.name = name
      self.shape = shape
      self.parent = parent
      self.parts = parts
      self.isIterative = isIterative
    }
  }

  /// Position = outer position x shape of the inner rank + inner position.
  public struct Parts: Sendable, Hashable {
    public var outer: Int
    public var inner: Int
    public init(outer: Int, inner: Int) {
      self.outer = outer
      self.inner = inner
    }
  }

  /// A tensor with its ranks and its role.
  public struct Tensor: Sendable, Hashable {
    /// Where a tensor comes from or goes to.
    public enum Role: String, Sendable, Codable { case input, view, intermediate, output }
    public var name: String
    public var ranks: [Int]
    public var role: Role
    /// The rank along which it is iterated: written one step ahead of its index.
    public var iterated: Int?

    public init(name: String, ranks: [Int], role: Role, iterated: Int? = nil) {
      self.name = name
      self.ranks = ranks
      self.role = role
      self.iterated = iterated
    }
  }

  /// One index of an access.
  public enum Index: Sendable, Hashable {
    /// The running index of a rank, plus 0 or 1 steps.
    case running(rank: Int, offset: Int)
    /// The value after the last step of an iterative rank.
    case last(rank: Int)
    /// A position of a split rank, from the indices of its parts; in views only.
    case joined(rank: Int)
  }

  /// A tensor read or written at given coordinates.
  public struct Access: Sendable, Hashable {
    public var tensor: Int
    public var indices: [Index]
    public init(tensor: Int, indices: [Index]) {
      self.tensor = tensor
      self.indices = indices
    }
    /// Ranks over which it runs, without those it reads only the last value of.
    public var running: [Int] {
      indices.compactMap { if case .running(let rank, _) = $0 { rank } else { nil } }
    }
  }

  /// The right side of an einsum.
  public indirect enum Expression: Sendable, Hashable {
    case access(Access)
    case constant(Double)
    case apply(CascadeOperator, [Expression])
  }

  /// How an index of the right side that is missing on the left is taken away.
  public struct Reduction: Sendable, Hashable {
    public var operation: CascadeOperator
    public var ranks: [Int]
    public init(_ operation: CascadeOperator, over ranks: [Int]) {
      self.operation = operation
      self.ranks = ranks
    }
  }

  /// target = expression, reduced over the ranks that the target does not have.
  public struct Einsum: Sendable, Hashable {
    public var target: Access
    public var expression: Expression
    public var reductions: [Reduction]
    /// Line of the file, from 1.
    public var line: Int

    public init(target: Access, expression: Expression, reductions: [Reduction], line: Int) {
      self.target = target
      self.expression = expression
      self.reductions = reductions
      self.line = line
    }
  }

  /// A tensor under other names of its ranks.
  public struct View: Sendable, Hashable {
    public var target: Access
    public var origin: Access
    public var line: Int
    public init(target: Access, origin: Access, line: Int) {
      self.target = target
      self.origin = origin
      self.line = line
    }
  }

  /// The value of a tensor before its first iteration.
  public struct Initial: Sendable, Hashable {
    public var tensor: Int
    public var value: Double
    public var line: Int
    public init(tensor: Int, value: Double, line: Int) {
      self.tensor = tensor
      self.value = value
      self.line = line
    }
  }
}

extension Cascade {
  /// Tensors that an einsum reads, in the order of the text, each access once.
  public func reads(_ einsum: Einsum) -> [Access] {
    var accesses: [Access] = []
    einsum.expression.forEachAccess { if !accesses.contains($0) { accesses.append($0) } }
    return accesses
  }

  /// Ranks over which an einsum runs: those of its target and those it reduces.
  public func space(of einsum: Einsum) -> [Int] {
    einsum.target.running + einsum.reductions.flatMap(\.ranks)
  }

  public func points(_ ranks: [Int]) -> Double { ranks.reduce(1) { $0 * Double(self.ranks[$1].shape) } }

  /// The tensor whose elements a view shows.
  public func origin(of tensor: Int) -> Int {
    var tensor = tensor
    while tensors[tensor].role == .view, let view = views.first(where: { $0.target.tensor == tensor }) {
      tensor = view.origin.tensor
    }
    return tensor
  }

  /// Whether `rank` is `other` or a part of it, of a part of it, ...
  public func isPart(_ rank: Int, of other: Int) -> Bool {
    var rank: Int? = rank
    while let current = rank {
      if current == other { return true }
      rank = ranks[current].parent
    }
    return false
  }

  /// The rank and, where it is split, its outermost part, and that of the part.
  public func outermost(_ rank: Int) -> [Int] {
    var chain = [rank]
    while let parts = ranks[chain[chain.count - 1]].parts { chain.append(parts.outer) }
    return chain
  }
}

extension Cascade.Expression {
  public func forEachAccess(_ body: (Cascade.Access) -> Void) {
    switch self {
    case .access(let access): body(access)
    case .constant: break
    case .apply(_, let operands): for operand in operands { operand.forEachAccess(body) }
    }
  }

  public func forEachOperator(_ body: (CascadeOperator) -> Void) {
    guard case .apply(let operation, let operands) = self else { return }
    body(operation)
    for operand in operands { operand.forEachOperator(body) }
  }
}
