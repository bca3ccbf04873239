public import Programs

/// A cascade as Graphviz text: a box for each einsum and input, an arrow for each tensor that is read.
public enum CascadeGraph {
  /// Einsums of one pass share a colour; arrows of earlier steps are dashed, arrows into a later pass thick.
  ///
  /// The passes are those of the rank with most of them.
  public static func dot(_ analysis: CascadeAnalysis) -> String {
    let cascade = analysis.cascade
    let rank = analysis.passes.max { $0.count < $1.count }
    var dot = DotWriter(name: "cascade")
    let read = Set(
      cascade.einsums.flatMap { cascade.reads($0).map { cascade.origin(of: $0.tensor) } })
    for (index, tensor) in cascade.tensors.enumerated() where tensor.role == .input && read.contains(index) {
      dot.node("t\(index)", label: [declaration(tensor, cascade)], fill: "#ffffff")
    }
    for (index, einsum) in cascade.einsums.enumerated() {
      let pass = rank?.pass[index]
      let label = pass.map { "pass \($0) over \(cascade.ranks[rank?.rank ?? 0].name)" }
      dot.node(
        "e\(index)",
        label: [CascadeText.write(einsum, in: cascade)]
          + (label.map { (rank?.count ?? 0) > 1 ? [$0] : [] } ?? []),
        fill: pass.map { fills[($0 - 1) % fills.count] } ?? "#f6f8fa")
    }
    for (index, einsum) in cascade.einsums.enumerated() {
      for access in cascade.reads(einsum) {
        let tensor = cascade.origin(of: access.tensor)
        let writer = cascade.einsums.firstIndex { $0.target.tensor == tensor }
        dot.edge(
          writer.map { "e\($0)" } ?? "t\(tensor)", "e\(index)",
          style(access, from: writer, to: index, rank, cascade))
      }
    }
    return dot.text
  }

  private static let fills = ["#ddf4ff", "#fff8c5", "#ffebe9", "#dafbe1"]

  private static func style(
    _ access: Cascade.Access, from writer: Int?, to reader: Int, _ rank: RankPasses?, _ cascade: Cascade
  ) -> String {
    if let iterated = cascade.tensors[access.tensor].iterated,
      access.indices.contains(.running(rank: iterated, offset: 0))
    {
      return "style=dashed; constraint=false; color=\"\(DotWriter.plainColour)\""
    }
    let starts = rank?.starts.contains { start in
      start.einsum == reader && start.complete == cascade.origin(of: access.tensor)
    }
    return "color=\"\(DotWriter.plainColour)\"; penwidth=\(starts == true ? 2.5 : 1)"
  }

  private static func declaration(_ tensor: Cascade.Tensor, _ cascade: Cascade) -> String {
    let ranks = tensor.ranks.map { "\(cascade.ranks[$0].name)=\(cascade.ranks[$0].shape)" }
    return ranks.isEmpty ? tensor.name : "\(tensor.name)[\(ranks.joined(separator: ", "))]"
  }
}
