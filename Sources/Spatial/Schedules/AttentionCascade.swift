import Attention
import Programs

/// The cascades that spatial arrays compute, for one head: the same as those in `scenarios/cascades`, without batch and heads.
enum AttentionCascade {
  /// Stable softmax in three passes.
  static func threePass(_ shape: AttentionShape) -> Cascade {
    var builder = CascadeBuilder("attention-3-pass", shape)
    let (e, f, p, m) = (builder.e, builder.f, builder.p, builder.rank("M", shape.seqKV))
    let q = builder.input("Q", [e, p])
    let k = builder.input("K", [e, m])
    let v = builder.input("V", [f, m])
    let qk = builder.einsum("QK", [m, p], .apply(.times, [q[e, p], k[e, m]]), .plus, [e])
    let gm = builder.einsum("GM", [p], qk[m, p], .max, [m])
    let sn = builder.einsum("SN", [m, p], .apply(.exp, [.apply(.minus, [qk[m, p], gm[p]])]))
    let sd = builder.einsum("SD", [p], sn[m, p], .plus, [m])
    let a = builder.einsum("A", [m, p], .apply(.divide, [sn[m, p], sd[p]]))
    _ = builder.einsum("AV", [f, p], .apply(.times, [a[m, p], v[f, m]]), .plus, [m])
    return builder.cascade()
  }

  /// FuseMax, keys in tiles of `tile`; the last one may be ragged.
  static func onePass(_ shape: AttentionShape, tile: Int) -> Cascade {
    var builder = CascadeBuilder("attention-1-pass", shape)
    let tile = min(tile, shape.seqKV)
    let (e, f, p) = (builder.e, builder.f, builder.p)
    let (m, m1, m0) = builder.split("M", (shape.seqKV + tile - 1) / tile, tile)
    let q = builder.input("Q", [e, p])
    let k = builder.view("BK", of: builder.input("K", [e, m]), [e, m1, m0], [e, m])
    let v = builder.view("BV", of: builder.input("V", [f, m]), [f, m1, m0], [f, m])
    let rm = builder.iterated("RM", [m1, p], along: m1, from: -.infinity)
    let rd = builder.iterated("RD", [m1, p], along: m1, from: 0)
    let rnv = builder.iterated("RNV", [f, m1, p], along: m1, from: 0)
    let qk = builder.einsum("QK", [m1, m0, p], .apply(.times, [q[e, p], k[e, m1, m0]]), .plus, [e])
    let lm = builder.einsum("LM", [m1, p], qk[m1, m0, p], .max, [m0])
    builder.einsum(into: rm, .apply(.max, [rm[m1, p], lm[m1, p]]))
    let sln = builder.einsum(
      "SLN", [m1, m0, p], .apply(.exp, [.apply(.minus, [qk[m1, m0, p], rm.next(m1, p)])]))
    let sld = builder.einsum("SLD", [m1, p], sln[m1, m0, p], .plus, [m0])
    let slnv = builder.einsum(
      "SLNV", [f, m1, p], .apply(.times, [sln[m1, m0, p], v[f, m1, m0]]), .plus, [m0])
    let prm = builder.einsum("PRM", [m1, p], .apply(.exp, [.apply(.minus, [rm[m1, p], rm.next(m1, p)])]))
    let spd = builder.einsum("SPD", [m1, p], .apply(.times, [rd[m1, p], prm[m1, p]]))
    builder.einsum(into: rd, .apply(.plus, [sld[m1, p], spd[m1, p]]))
    let spnv = builder.einsum("SPNV", [f, m1, p], .apply(.times, [rnv[f, m1, p], prm[m1, p]]))
    builder.einsum(into: rnv, .apply(.plus, [slnv[f, m1, p], spnv[f, m1, p]]))
    _ = builder.einsum("AV", [f, p], .apply(.divide, [rnv.last(f, m1, p), rd.last(m1, p)]))
    return builder.cascade()
  }
}

/// Puts cascades together in code.
struct CascadeBuilder {
  private var ranks: [Cascade.Rank] = []
  private var tensors: [Cascade.Tensor] = []
  private var einsums: [Cascade.Einsum] = []
  private var views: [Cascade.View] = []
  private var initials: [Cascade.Initial] = []
  private let name: String
  let e: Int
  let f: Int
  let p: Int

  /// A tensor that can be read at its ranks.
  struct Handle {
    let tensor: Int
    let iterated: Int?
    subscript(ranks: Int...) -> Cascade.Expression {
      .access(.init(tensor: tensor, indices: ranks.map { .running(rank: $0, offset: 0) }))
    }
    /// One step ahead.
    func next(_ ranks: Int...) -> Cascade.Expression {
      .access(
        .init(tensor: tensor, indices: ranks.map { .running(rank: $0, offset: $0 == iterated ? 1 : 0) }))
    }
    /// After the last step.
    func last(_ ranks: Int...) -> Cascade.Expression {
      .access(
        .init(
          tensor: tensor,
          indices: ranks.map { $0 == iterated ? .last(rank: $0) : .running(rank: $0, offset: 0) }))
    }
  }

  init(_ name: String, _ shape: AttentionShape) {
    self.name = name
    (e, f, p) = (0, 1, 2)
    ranks = [
      .init(name: "E", shape: shape.headDim), .init(name: "F", shape: shape.headDimV),
      .init(name: "P", shape: shape.seqQ),
    ]
  }

  mutating func rank(_ name: String, _ shape: Int) -> Int {
    ranks.append(.init(name: name, shape: shape))
    return ranks.count - 1
  }

  /// A rank of `outer` iterative steps of `inner` positions each.
  mutating func split(_ name: String, _ outer: Int, _ inner: Int) -> (Int, Int, Int) {
    let whole = rank(name, outer * inner)
    ranks.append(.init(name: name + "1", shape: outer, parent: whole, isIterative: true))
    ranks.append(.init(name: name + "0", shape: inner, parent: whole))
    ranks[whole].parts = .init(outer: whole + 1, inner: whole + 2)
    return (whole, whole + 1, whole + 2)
  }

  private mutating func tensor(
    _ name: String, _ ranks: [Int], _ role: Cascade.Tensor.Role, iterated: Int? = nil
  ) -> Handle {
    tensors.append(.init(name: name, ranks: ranks, role: role, iterated: iterated))
    return Handle(tensor: tensors.count - 1, iterated: iterated)
  }

  mutating func input(_ name: String, _ ranks: [Int]) -> Handle { tensor(name, ranks, .input) }

  mutating func view(_ name: String, of origin: Handle, _ own: [Int], _ whole: [Int]) -> Handle {
    let handle = tensor(name, own, .view)
    let indices = whole.map {
      ranks[$0].parts == nil ? Cascade.Index.running(rank: $0, offset: 0) : .joined(rank: $0)
    }
    views.append(
      .init(
        target: .init(tensor: handle.tensor, indices: own.map { .running(rank: $0, offset: 0) }),
        origin: .init(tensor: origin.tensor, indices: indices), line: 0))
    return handle
  }

  mutating func iterated(_ name: String, _ ranks: [Int], along rank: Int, from value: Double) -> Handle {
    let handle = tensor(name, ranks, .intermediate, iterated: rank)
    initials.append(.init(tensor: handle.tensor, value: value, line: 0))
    return handle
  }

  mutating func einsum(
    _ name: String, _ ranks: [Int], _ expression: Cascade.Expression, _ reduction: CascadeOperator? = nil,
    _ reduced: [Int] = []
  ) -> Handle {
    let handle = tensor(name, ranks, .intermediate)
    add(handle, expression, reduction.map { [.init($0, over: reduced)] } ?? [])
    return handle
  }

  mutating func einsum(into target: Handle, _ expression: Cascade.Expression) { add(target, expression, []) }

  private mutating func add(
    _ target: Handle, _ expression: Cascade.Expression, _ reductions: [Cascade.Reduction]
  ) {
    let indices = tensors[target.tensor].ranks.map {
      Cascade.Index.running(rank: $0, offset: $0 == target.iterated ? 1 : 0)
    }
    einsums.append(
      .init(
        target: .init(tensor: target.tensor, indices: indices), expression: expression,
        reductions: reductions,
        line: einsums.count + 1))
  }

  /// The cascade; what is computed last is its output.
  func cascade() -> Cascade {
    var tensors = tensors
    if let last = einsums.last { tensors[last.target.tensor].role = .output }
    return Cascade(
      name: name, ranks: ranks, tensors: tensors, einsums: einsums, views: views, initials: initials)
  }
}
