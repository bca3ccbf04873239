/// How often each kind of operation is done.
///
/// Every operator of an einsum works at every point of the einsum's space, and so does every reduction. A product that is
/// summed is one multiply-accumulate.
public struct OperationCounts: Sendable, Hashable {
  /// Multiply-accumulates.
  public var macs = 0.0
  public private(set) var others: [CascadeOperator: Double] = [:]

  public init() {}

  public init(_ cascade: Cascade, _ einsum: Cascade.Einsum) {
    let points = cascade.points(cascade.space(of: einsum))
    einsum.expression.forEachOperator { others[$0, default: 0] += points }
    for reduction in einsum.reductions { others[reduction.operation, default: 0] += points }
    guard einsum.reductions.map(\.operation) == [.plus], case .apply(.times, _) = einsum.expression else {
      return
    }
    macs = points
    for operation in [CascadeOperator.times, .plus] {
      let left = (others[operation] ?? 0) - points
      others[operation] = left > 0 ? left : nil
    }
  }

  public static func += (a: inout OperationCounts, b: OperationCounts) {
    a.macs += b.macs
    for (operation, count) in b.others { a.others[operation, default: 0] += count }
  }

  /// Kinds that occur, in the order of their declaration, `mac` first.
  public var kinds: [(name: String, count: Double)] {
    (macs > 0 ? [("mac", macs)] : [])
      + CascadeOperator.allCases.compactMap { operation in others[operation].map { (operation.rawValue, $0) }
      }
  }

  /// Operations, of which a multiply-accumulate is two.
  public var flops: Double { CascadeOperator.allCases.reduce(2 * macs) { $0 + (others[$1] ?? 0) } }
}
