import Programs

/// A cascade file as it is written: names with places, nothing looked up.
struct CascadeSyntax {
  struct Name: Hashable {
    var text: String
    var line: Int
    var column: Int
    init(_ token: CascadeToken) {
      text = token.text
      line = token.line
      column = token.column
    }
  }

  struct Shape {
    var rank: Name
    var value: Int
    var place: Name
  }

  /// `split M into M1, M0 = 256`.
  struct Split {
    var rank: Name
    var outer: Name
    var inner: Name
    var shape: Int
    var place: Name
  }

  /// `Q[E, P]` in a declaration; a rank may repeat its shape, as in `Q[E = 64, P]`.
  struct Declaration {
    var tensor: Name
    var ranks: [(rank: Name, shape: Int?)]
  }

  enum Index {
    case running(Name, offset: Int)
    case last(Name)
    case first(Name)
    /// `m1*M0 + m0`.
    case joined(outer: Name, rank: Name, inner: Name)

    var place: Name {
      switch self {
      case .running(let name, _), .last(let name), .first(let name), .joined(let name, _, _): name
      }
    }
  }

  struct Access {
    var tensor: Name
    var indices: [Index]
  }

  indirect enum Expression {
    case access(Access)
    case constant(Double)
    case apply(CascadeOperator, [Expression])
  }

  struct Reduction {
    var operation: CascadeOperator
    var indices: [Name]
  }

  struct Einsum {
    var target: Access
    var expression: Expression
    var reductions: [Reduction]
  }

  struct View {
    var target: Access
    var origin: Access
  }

  struct Initial {
    var target: Access
    var value: Double
  }

  var name: Name?
  var title: String?
  var source: String?
  var ranks: [Shape] = []
  var splits: [Split] = []
  var iterative: [Name] = []
  var inputs: [Declaration] = []
  var outputs: [Declaration] = []
  var views: [View] = []
  var initials: [Initial] = []
  var einsums: [Einsum] = []
}
