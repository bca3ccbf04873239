import Programs

/// Sums, products, functions and accesses, by recursive descent of bounded depth.
extension CascadeParser {
  mutating func sum() throws(Stop) -> CascadeSyntax.Expression {
    var value = try product()
    while next.kind == .sign, next.text == "+" || next.text == "-" {
      let operation: CascadeOperator = take().text == "+" ? .plus : .minus
      value = .apply(operation, [value, try product()])
      try deepen()
    }
    return value
  }

  private mutating func product() throws(Stop) -> CascadeSyntax.Expression {
    var value = try factor()
    while next.kind == .sign, next.text == "*" || next.text == "/" {
      let operation: CascadeOperator = take().text == "*" ? .times : .divide
      value = .apply(operation, [value, try factor()])
      try deepen()
    }
    return value
  }

  /// Expressions are trees that others walk by recursion: their depth is bounded here.
  private mutating func deepen() throws(Stop) {
    depth += 1
    if depth > 4 * Self.deepest {
      throw fail(next, "the expression is too long", hint: "give a part of it a name")
    }
  }

  private mutating func factor() throws(Stop) -> CascadeSyntax.Expression {
    depth += 1
    guard depth <= 4 * Self.deepest else {
      throw fail(next, "the expression is nested too deeply", hint: "give a part of it a name")
    }
    let token = next
    if take("-") {
      let value = try factor()
      if case .constant(let number) = value { return .constant(-number) }
      return .apply(.negate, [value])
    }
    if take("(") {
      let value = try sum()
      try expect(")", "after the expression")
      return value
    }
    if let value = Self.constant(token) {
      place += 1
      return .constant(value)
    }
    guard token.kind == .name else { throw fail(token, "an operand is due, not \(words(token))") }
    if tokens[min(place + 1, tokens.count - 1)].text == "(",
      tokens[min(place + 1, tokens.count - 1)].kind == .sign
    {
      return try function()
    }
    return .access(try access())
  }

  private mutating func function() throws(Stop) -> CascadeSyntax.Expression {
    let token = take()
    place += 1
    guard let operation = CascadeOperator(rawValue: token.text) else {
      throw fail(
        token, "unknown operator '\(token.text)'",
        hint: NearestName.hint(token.text, in: CascadeOperator.allCases.map(\.rawValue)))
    }
    var operands = [try sum()]
    while take(",") { operands.append(try sum()) }
    try expect(")", "after the operands")
    let isRight = operands.count == operation.operands || (operation.isReduction && operands.count > 1)
    guard isRight else {
      throw fail(
        token,
        "\(token.text) takes \(operation.operands == 1 ? "one operand" : "two operands"), not \(operands.count)"
      )
    }
    guard operation.operands == 2 else { return .apply(operation, operands) }
    return operands.dropFirst().reduce(operands[0]) { .apply(operation, [$0, $1]) }
  }

  mutating func access() throws(Stop) -> CascadeSyntax.Access {
    let tensor = try name("a tensor")
    guard take("[") else { return .init(tensor: tensor, indices: []) }
    var indices: [CascadeSyntax.Index] = []
    repeat { indices.append(try index()) } while take(",")
    try expect("]", "after the indices")
    return .init(tensor: tensor, indices: indices)
  }

  private mutating func index() throws(Stop) -> CascadeSyntax.Index {
    let token = take()
    if token.kind == .number, token.text == "0" { return .first(.init(token)) }
    guard token.kind == .name else {
      throw fail(
        token, "an index is due, not \(words(token))",
        hint: "m, m+1, M for the value after the last step, or 0 after init")
    }
    let name = CascadeSyntax.Name(token)
    if token.text.first?.isUppercase == true { return .last(name) }
    if take("*") {
      let rank = try self.name("the shape of the inner rank")
      try expect("+", "in an index of two parts")
      return .joined(outer: name, rank: rank, inner: try self.name("the index of the inner rank"))
    }
    let sign = next
    guard take("+") || take("-") else { return .running(name, offset: 0) }
    let step = take()
    guard sign.text == "+", step.kind == .number, step.text == "1" else {
      throw fail(
        sign, "an index may be one step ahead, as in m+1",
        hint: "write the tensor one step ahead and read it at m")
    }
    return .running(name, offset: 1)
  }
}
