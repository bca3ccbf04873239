/// What an einsum does to elements.
public enum CascadeOperator: String, CaseIterable, Sendable, Codable {
  case plus, minus, times, divide, max, min
  case exp, exp2, log, sqrt, rsqrt, reciprocal, negate, abs
  case sigmoid, tanh, relu, silu, softplus, cos, sin

  /// Operands: two, or one. The associative ones take more than two where they are written as functions.
  public var operands: Int {
    switch self {
    case .plus, .minus, .times, .divide, .max, .min: 2
    default: 1
    }
  }

  /// Whether the order of operands does not matter, so that it can reduce a rank.
  public var isReduction: Bool { identity != nil }

  /// The value that changes nothing; nil where there is none.
  public var identity: Double? {
    switch self {
    case .plus: 0
    case .times: 1
    case .max: -.infinity
    case .min: .infinity
    default: nil
    }
  }

  /// The sign between its operands, where it has one.
  public var sign: String? {
    switch self {
    case .plus: "+"
    case .minus: "-"
    case .times: "*"
    case .divide: "/"
    default: nil
    }
  }

  /// What it is called after `::`.
  public var reductionName: String {
    switch self {
    case .plus: "sum"
    case .times: "product"
    default: rawValue
    }
  }
}
