/// Writes cascades as files have them. Reading the text again gives the same cascade, lines apart.
public enum CascadeText {
  public static func write(_ cascade: Cascade) -> String {
    var lines = ["cascade \(cascade.name)" + (cascade.title.map { " \"\($0)\"" } ?? "")]
    if let source = cascade.source { lines.append("source \"\(source)\"") }
    lines.append("")
    for rank in cascade.ranks where rank.parent == nil { lines.append("rank \(rank.name) = \(rank.shape)") }
    for rank in cascade.ranks {
      guard let parts = rank.parts else { continue }
      let (outer, inner) = (cascade.ranks[parts.outer], cascade.ranks[parts.inner])
      lines.append("split \(rank.name) into \(outer.name), \(inner.name) = \(inner.shape)")
    }
    let iterative = cascade.ranks.filter(\.isIterative).map(\.name)
    if !iterative.isEmpty { lines.append("iterative \(iterative.joined(separator: ", "))") }
    lines.append("")
    for tensor in cascade.tensors where tensor.role == .input {
      lines.append("input \(declaration(tensor, cascade))")
    }
    for tensor in cascade.tensors where tensor.role == .output {
      lines.append("output \(declaration(tensor, cascade))")
    }
    for view in cascade.views {
      lines.append("view \(self.access(view.target, cascade)) = \(self.access(view.origin, cascade))")
    }
    for initial in cascade.initials { lines.append(write(initial, in: cascade)) }
    lines.append("")
    for einsum in cascade.einsums { lines.append(write(einsum, in: cascade)) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One einsum on one line.
  public static func write(_ einsum: Cascade.Einsum, in cascade: Cascade) -> String {
    let reductions = einsum.reductions.map { reduction in
      "\(reduction.operation.reductionName)(\(reduction.ranks.map { cascade.ranks[$0].index }.joined(separator: ", ")))"
    }
    return "\(access(einsum.target, cascade)) = \(expression(einsum.expression, cascade).text)"
      + (reductions.isEmpty ? "" : " :: " + reductions.joined(separator: ", "))
  }

  private static func write(_ initial: Cascade.Initial, in cascade: Cascade) -> String {
    let tensor = cascade.tensors[initial.tensor]
    let indices = tensor.ranks.map { $0 == tensor.iterated ? "0" : cascade.ranks[$0].index }
    return "init \(tensor.name)[\(indices.joined(separator: ", "))] = \(number(initial.value))"
  }

  private static func declaration(_ tensor: Cascade.Tensor, _ cascade: Cascade) -> String {
    tensor.ranks.isEmpty
      ? tensor.name : "\(tensor.name)[\(tensor.ranks.map { cascade.ranks[$0].name }.joined(separator: ", "))]"
  }

  private static func access(_ access: Cascade.Access, _ cascade: Cascade) -> String {
    let name = cascade.tensors[access.tensor].name
    let indices = access.indices.map { index in
      switch index {
      case .running(let rank, let offset): cascade.ranks[rank].index + (offset == 0 ? "" : "+\(offset)")
      case .last(let rank): cascade.ranks[rank].name
      case .joined(let rank):
        cascade.ranks[rank].parts.map { parts in
          "\(cascade.ranks[parts.outer].index)*\(cascade.ranks[parts.inner].name) + \(cascade.ranks[parts.inner].index)"
        } ?? cascade.ranks[rank].index
      }
    }
    return indices.isEmpty ? name : "\(name)[\(indices.joined(separator: ", "))]"
  }

  private static func number(_ value: Double) -> String {
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
  }

  /// The text and how strongly it binds: 1 sums, 2 products, 3 the rest.
  private static func expression(_ expression: Cascade.Expression, _ cascade: Cascade) -> (
    text: String, binds: Int
  ) {
    switch expression {
    case .access(let access): return (self.access(access, cascade), 3)
    case .constant(let value): return (number(value), 3)
    case .apply(let operation, let operands):
      let parts = operands.map { self.expression($0, cascade) }
      if operation == .negate, let part = parts.first {
        return ("negate(\(part.text))", 3)
      }
      guard let sign = operation.sign, parts.count == 2 else {
        return ("\(operation.rawValue)(\(parts.map(\.text).joined(separator: ", ")))", 3)
      }
      let binds = operation == .plus || operation == .minus ? 1 : 2
      let left = parts[0].binds < binds ? "(\(parts[0].text))" : parts[0].text
      let right = parts[1].binds <= binds ? "(\(parts[1].text))" : parts[1].text
      return ("\(left) \(sign) \(right)", binds)
    }
  }
}
