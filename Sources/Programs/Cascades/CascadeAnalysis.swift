/// What a cascade costs on any machine: passes over each rank, what has to be kept, operations, traffic, fusions.
///
/// All of it follows from the text alone: the bounds hold for the cascade as written, and another cascade for the same
/// result can have others.
///
/// - Complexity: O(ranks x einsums^2) in the worst case; linear for cascades whose statements come in order.
public struct CascadeAnalysis: Sendable {
  public var cascade: Cascade
  /// One entry per rank that is not the outermost part of another, in the order of the file.
  public var passes: [RankPasses]
  public var tensors: [Footprint]
  /// One entry per einsum.
  public var operations: [OperationCounts]
  public var total: OperationCounts
  public var fusions: [Fusion]
  public var traffic: Traffic
  /// Most elements alive at once where each einsum runs to its end before the next, and the einsum at which.
  public var unfused: (elements: Double, einsum: Int)
  public var bytesPerElement: Int

  /// Bytes to and from memory.
  public struct Traffic: Sendable, Hashable {
    /// Inputs once and outputs once: no machine and no order of this cascade has less.
    public var inputs: Double
    public var outputs: Double
    /// Added where no fibre is kept: tensors that a later pass reads again.
    public var again: Double
    public var minimum: Double { inputs + outputs }
    public var withoutFibres: Double { minimum + again }
  }

  /// Why a tensor needs the room it needs.
  public struct Footprint: Sendable, Hashable {
    public var tensor: Int
    /// Elements that are there at once where each einsum runs to its end: of what a recurrence uses up step by step, one step.
    public var elements: Double
    /// Ranks of which a whole fibre has to be kept, or read again: with the pass that has it first and the last that
    /// needs it.
    public var fibres: [Fibre]
    /// Elements that have to be kept for each position of all other ranks: 1 where it is used up in the pass that makes it.
    public var live: Double
  }

  /// Elements of a tensor along a rank that must be kept until a later pass reads them.
  public struct Fibre: Sendable, Hashable {
    public var rank: Int
    public var first: Int
    public var last: Int
    /// Later passes that read it.
    public var passes: [Int]
  }

  /// A producer and a consumer of a tensor: the ranks they can share a loop over.
  public struct Fusion: Sendable, Hashable {
    public var tensor: Int
    public var producer: Int
    public var consumer: Int
    public var shared: [Int]
    /// Ranks of the tensor on which the consumer has to wait for a later pass.
    public var blocked: [Int]
  }

  public init(_ cascade: Cascade, bytesPerElement: Int = 2) {
    self.cascade = cascade
    self.bytesPerElement = bytesPerElement
    let passes = cascade.ranks.indices.filter { rank in
      guard let parent = cascade.ranks[rank].parent else { return true }
      return cascade.ranks[parent].parts?.outer != rank
    }.map { RankPasses(cascade, rank: $0) }
    self.passes = passes
    let recurrences = Recurrences(cascade)
    let elements = cascade.tensors.indices.map { recurrences.elements(of: $0) }
    tensors = cascade.tensors.indices.filter { cascade.tensors[$0].role != .view }.map {
      Self.footprint($0, cascade, passes, elements: elements[$0])
    }
    operations = cascade.einsums.map { OperationCounts(cascade, $0) }
    total = operations.reduce(into: OperationCounts()) { $0 += $1 }
    fusions = Self.fusions(cascade, passes)
    traffic = Self.traffic(cascade, tensors, bytes: Double(bytesPerElement))
    unfused = Self.unfused(cascade, elements)
  }

  /// Elements that have to be kept at once for one position of all other ranks, over the end of a pass; 0 without any.
  public var bufferBound: Double {
    passes.reduce(0) { bound, rank in
      max(
        bound,
        (1..<max(rank.count, 1)).reduce(0) { most, boundary in
          max(most, kept(over: boundary, of: rank).reduce(0) { $0 + $1.live })
        })
    }
  }

  /// Ranks, but for parts of others, of which a fibre has to be kept: what is kept grows with them.
  public var growing: [Int] {
    passes.map(\.rank).filter { rank in
      cascade.ranks[rank].parent == nil
        && tensors.contains { $0.fibres.contains { $0.rank == rank } }
    }
  }

  /// Tensors that live across the end of pass `boundary` of a rank.
  public func kept(over boundary: Int, of rank: RankPasses) -> [Footprint] {
    tensors.filter { tensor in
      tensor.fibres.contains { $0.rank == rank.rank && $0.first <= boundary && $0.last > boundary }
    }
  }

  /// Operations for each byte of the minimum traffic.
  public var intensity: Double { traffic.minimum > 0 ? total.flops / traffic.minimum : 0 }
}

extension CascadeAnalysis {
  private static func footprint(
    _ tensor: Int, _ cascade: Cascade, _ passes: [RankPasses], elements: Double
  ) -> Footprint {
    var fibres: [Fibre] = []
    for rank in passes {
      guard let made = rank.first[tensor] else { continue }
      // An input is there from the pass that reads it first.
      let reading = cascade.einsums.indices.filter { rank.holds($0, tensor) }.compactMap { rank.pass[$0] }
      let first = cascade.tensors[tensor].role == .input ? reading.min() ?? made : made
      let later = Set(
        cascade.einsums.indices.compactMap { einsum -> Int? in
          guard let pass = rank.pass[einsum], pass > first, rank.holds(einsum, tensor) else { return nil }
          return pass
        }
      ).sorted()
      guard let last = later.last else { continue }
      fibres.append(Fibre(rank: rank.rank, first: first, last: last, passes: later))
    }
    // Of nested fibres the outer one holds the inner.
    let outer = fibres.filter { fibre in
      !fibres.contains { $0.rank != fibre.rank && cascade.isPart(fibre.rank, of: $0.rank) }
    }
    return Footprint(
      tensor: tensor, elements: elements, fibres: fibres,
      live: outer.reduce(1) { $0 * length(of: tensor, along: $1.rank, cascade) })
  }

  /// Elements of a tensor along a rank: where the rank is split, those of the parts that the tensor has; where only a
  /// whole is among its ranks of which this one is a part, as many as the part has.
  private static func length(of tensor: Int, along rank: Int, _ cascade: Cascade) -> Double {
    let own = cascade.tensors[tensor].ranks.filter { cascade.isPart($0, of: rank) }
    return cascade.points(own.isEmpty ? [rank] : own)
  }

  private static func fusions(_ cascade: Cascade, _ passes: [RankPasses]) -> [Fusion] {
    var fusions: [Fusion] = []
    for (consumer, einsum) in cascade.einsums.enumerated() {
      for tensor in cascade.reads(einsum).map({ cascade.origin(of: $0.tensor) }) {
        guard let producer = cascade.einsums.firstIndex(where: { $0.target.tensor == tensor }),
          producer != consumer,
          !fusions.contains(where: { $0.tensor == tensor && $0.consumer == consumer })
        else { continue }
        let held = passes.filter { $0.first[tensor] != nil && $0.holds(consumer, tensor) }
        let shared = held.filter { $0.pass[consumer] == $0.first[tensor] }.map(\.rank)
        fusions.append(
          Fusion(
            tensor: tensor, producer: producer, consumer: consumer, shared: shared,
            blocked: held.map(\.rank).filter { !shared.contains($0) }))
      }
    }
    return fusions
  }

  private static func traffic(_ cascade: Cascade, _ tensors: [Footprint], bytes: Double) -> Traffic {
    var traffic = Traffic(inputs: 0, outputs: 0, again: 0)
    for tensor in tensors {
      // All steps of what is iterated: each is spilled where any is.
      let size = cascade.points(cascade.tensors[tensor.tensor].ranks) * bytes
      // Fibres of an inner part stay within a tile, which every machine keeps.
      let rereads =
        tensor.fibres.filter { cascade.ranks[$0.rank].parent == nil }.map(\.passes.count).max() ?? 0
      switch cascade.tensors[tensor.tensor].role {
      case .input:
        traffic.inputs += size
        traffic.again += size * Double(rereads)
      case .output:
        traffic.outputs += size
        traffic.again += size * Double(rereads)
      case .intermediate: traffic.again += rereads > 0 ? size * Double(rereads + 1) : 0
      case .view: break
      }
    }
    return traffic
  }

  private static func unfused(_ cascade: Cascade, _ sizes: [Double]) -> (elements: Double, einsum: Int) {
    let reads = cascade.einsums.map { Set(cascade.reads($0).map { cascade.origin(of: $0.tensor) }) }
    var most = (elements: 0.0, einsum: 0)
    for step in cascade.einsums.indices {
      var elements = 0.0
      for tensor in cascade.tensors.indices where cascade.tensors[tensor].role != .view {
        let lastRead = reads.lastIndex { $0.contains(tensor) }
        let made =
          cascade.einsums.firstIndex { $0.target.tensor == tensor }
          ?? reads.firstIndex { $0.contains(tensor) }
        guard let made, made <= step else { continue }
        let isAlive = cascade.tensors[tensor].role == .output || (lastRead ?? made) >= step || made == step
        if isAlive { elements += sizes[tensor] }
      }
      if elements > most.elements { most = (elements, step) }
    }
    return most
  }
}
