public import Programs

/// The analysis of a cascade, in words.
public enum CascadeReport {
  public static func text(_ analysis: CascadeAnalysis, style: TextStyle = TextStyle()) -> String {
    let cascade = analysis.cascade
    var lines = [style.bold(cascade.name) + (cascade.title.map { ": \($0)" } ?? "")]
    if let source = cascade.source { lines.append(style.dim("  \(source)")) }
    lines += ["", style.bold("Passes over each rank")] + passes(analysis, style)
    lines += ["", style.bold("What has to be kept")] + footprints(analysis)
    lines += ["", style.bold("Operations")] + operations(analysis)
    lines +=
      ["", style.bold("Memory traffic, \(analysis.bytesPerElement) bytes an element")] + traffic(analysis)
    lines += ["", style.bold("Fusions")] + fusions(analysis, style)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func passes(_ analysis: CascadeAnalysis, _ style: TextStyle) -> [String] {
    let cascade = analysis.cascade
    var table = TextTable([.left, .right, .left, .left])
    for rank in analysis.passes where rank.count > 0 {
      let own = cascade.ranks[rank.rank]
      let within = own.parent.map { ", inside one tile of \(cascade.ranks[$0].name)" } ?? ""
      for pass in 1...rank.count {
        let names = rank.einsums(in: pass).map { target($0, cascade) }.joined(separator: ", ")
        table.add(
          pass == 1 ? own.name : "", pass == 1 ? NumberText.grouped(Double(own.shape)) : "",
          pass == 1 ? "\(rank.count) \(rank.count == 1 ? "pass" : "passes")\(within)" : "",
          "\(pass): \(names)")
        for start in rank.starts where start.pass == pass {
          table.add("", "", "", reason(start, rank, cascade))
        }
      }
    }
    return table.lines(width: style.width)
  }

  /// Why an einsum starts a pass.
  static func reason(_ start: RankPasses.Start, _ rank: RankPasses, _ cascade: Cascade) -> String {
    let (own, name) = (target(start.einsum, cascade), cascade.ranks[rank.rank].name)
    return
      "\(own) (line \(cascade.einsums[start.einsum].line)) starts pass \(start.pass): it takes \(cascade.tensors[start.along].name) along \(name) together with \(cascade.tensors[start.complete].name), which is complete only after pass \(start.pass - 1)"
  }

  private static func footprints(_ analysis: CascadeAnalysis) -> [String] {
    let cascade = analysis.cascade
    var table = TextTable([.left, .right, .left])
    for tensor in analysis.tensors where !tensor.fibres.isEmpty {
      let fibres = tensor.fibres.map { fibre in
        "a fibre of \(cascade.ranks[fibre.rank].name), pass \(fibre.first) to \(fibre.last)"
      }
      table.add(
        cascade.tensors[tensor.tensor].name, NumberText.grouped(tensor.live), fibres.joined(separator: "; "))
    }
    let outer = analysis.growing
    let grows = outer.map { cascade.ranks[$0].name }.joined(separator: ", ")
    return table.lines() + [
      "  bound: \(NumberText.grouped(analysis.bufferBound)) elements for each position of the other ranks; "
        + (outer.isEmpty ? "it grows with no rank" : "it grows with \(grows), or \(grows) is read again"),
      "  one einsum after the other: \(NumberText.grouped(analysis.unfused.elements)) elements, at \(target(analysis.unfused.einsum, cascade))",
    ]
  }

  private static func operations(_ analysis: CascadeAnalysis) -> [String] {
    var table = TextTable([.left, .right, .left])
    for kind in analysis.total.kinds { table.add(kind.name, NumberText.grouped(kind.count), "") }
    table.add("flops", NumberText.grouped(analysis.total.flops), "a mac is two")
    return table.lines()
  }

  private static func traffic(_ analysis: CascadeAnalysis) -> [String] {
    var table = TextTable([.left, .right, .left])
    table.add("inputs", NumberText.prefixed(analysis.traffic.inputs, "B"), "each once")
    table.add("outputs", NumberText.prefixed(analysis.traffic.outputs, "B"), "each once")
    table.add(
      "minimum", NumberText.prefixed(analysis.traffic.minimum, "B"), "where every fibre above fits on chip")
    if analysis.traffic.again > 0 {
      table.add(
        "without fibres", NumberText.prefixed(analysis.traffic.withoutFibres, "B"),
        "where they are spilled and read again")
    }
    table.add("intensity", NumberText.significant(analysis.intensity), "flops for each byte of the minimum")
    return table.lines()
  }

  private static func fusions(_ analysis: CascadeAnalysis, _ style: TextStyle) -> [String] {
    let cascade = analysis.cascade
    var table = TextTable([.left, .left, .left])
    for fusion in analysis.fusions {
      let blocked = fusion.blocked.map { cascade.ranks[$0].name }.joined(separator: ", ")
      let shared = fusion.shared.map { cascade.ranks[$0].name }.joined(separator: ", ")
      table.add(
        "\(target(fusion.producer, cascade)) -> \(target(fusion.consumer, cascade))",
        shared.isEmpty ? "no common loop" : "one loop over \(shared)",
        blocked.isEmpty ? "" : "not over \(blocked): a later pass")
    }
    return table.lines(width: style.width)
  }

  static func target(_ einsum: Int, _ cascade: Cascade) -> String {
    cascade.tensors[cascade.einsums[einsum].target.tensor].name
  }
}
