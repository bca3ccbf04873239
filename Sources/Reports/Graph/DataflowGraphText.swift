import HWModels
import Programs

/// Streaming graphs as Graphviz text and as a dump.
enum DataflowGraphText {
  /// Nodes as boxes, FIFOs as arrows labelled with name and depth; long FIFOs thick.
  static func dot(_ placement: DataflowPlacement) -> String {
    var dot = DotWriter(name: "program")
    for (place, (graph, title)) in titled(placement).enumerated() {
      dot.open(
        "cluster_g\(place)", label: "\(graph.name): \(title)",
        "color=\"#8b949e\"; style=rounded")
      for (index, node) in graph.nodes.enumerated() {
        let rate = rates(node)
        dot.node(
          "g\(place)n\(index)",
          label: [node.name, "\(node.pattern.rawValue), \(node.firings) firings"]
            + (rate.isEmpty ? [] : [rate]),
          fill: fill(node.pattern))
      }
      dot.close()
      for (index, fifo) in graph.fifos.enumerated() {
        guard let ends = graph.ends(of: index) else { continue }
        let colour = fifo.isLong ? FigureStyle.palette[1] : DotWriter.plainColour
        dot.labelledEdge(
          "g\(place)n\(ends.writer)", "g\(place)n\(ends.reader)",
          "color=\"\(colour)\"; fontcolor=\"\(colour)\"; penwidth=\(fifo.isLong ? 2.5 : 1)",
          label: [fifo.name, "depth \(fifo.depth.map(String.init) ?? "unbounded")"])
      }
    }
    return dot.text
  }

  /// Every node and FIFO, as `--dump-program` prints them.
  static func dump(_ placement: DataflowPlacement) -> [String] {
    var lines: [String] = []
    for (graph, title) in titled(placement) {
      lines.append("graph \(graph.name): \(title)")
      lines.append("  nodes")
      var nodes = TextTable([.left, .left, .right, .left, .left])
      for node in graph.nodes {
        nodes.add(
          node.name, node.pattern.rawValue, "\(node.firings) x",
          ports("takes", node.inputs, graph) + ports("writes", node.outputs, graph),
          ProgramText.work(node.work).joined(separator: ", "))
      }
      lines += nodes.lines(indent: 4)
      lines.append("  FIFOs")
      var fifos = TextTable([.left, .left, .right, .left])
      for (index, fifo) in graph.fifos.enumerated() {
        let ends = graph.ends(of: index)
        fifos.add(
          fifo.name, "depth \(fifo.depth.map(String.init) ?? "unbounded")",
          "\(fifo.width) \(fifo.elementType.rawValue)",
          ends.map { "\(graph.nodes[$0.writer].name) -> \(graph.nodes[$0.reader].name)" } ?? "")
      }
      lines += fifos.lines(indent: 4)
    }
    lines.append(placement.pipeline == nil ? "  budget of one copy" : "  budget")
    lines += placement.budget.description.split(separator: "\n").map { "  " + $0 }
    return lines
  }

  /// Every graph with what it is for: a share of the heads, or a part of a pipeline's stage.
  private static func titled(_ placement: DataflowPlacement) -> [(DataflowGraph, String)] {
    guard placement.pipeline != nil else { return placement.shares.map { ($0.graph, title($0)) } }
    return placement.shares.enumerated().flatMap { stage, share in
      share.graphs.map { ($0, placement.shares.count == 1 ? "an image" : "stage \(stage + 1), an image") }
    }
  }

  private static func title(_ share: DataflowPlacement.Share) -> String {
    let heads = share.heads == 1 ? "one head" : "\(share.heads) heads"
    return share.copies == 1 ? "one copy, \(heads)" : "\(share.copies) copies, \(heads) each"
  }

  private static func ports(_ verb: String, _ ports: [DataflowGraph.Port], _ graph: DataflowGraph) -> String {
    guard !ports.isEmpty else { return "" }
    let list = ports.map { port in
      graph.fifos[port.fifo].name + (port.every > 1 ? " (one in \(port.every))" : "")
    }
    return "\(verb) \(list.joined(separator: ", ")) "
  }

  /// What is not one element a firing.
  private static func rates(_ node: DataflowGraph.Node) -> String {
    let slow = (node.inputs + node.outputs).map(\.every).filter { $0 > 1 }
    return slow.max().map { "groups of \($0)" } ?? ""
  }

  private static func fill(_ pattern: DataflowGraph.Pattern) -> String {
    switch pattern {
    case .source, .sink: "#cdeee0"
    case .map, .repeat, .broadcast: "#fbe0d0"
    case .reduce: "#cfe0fb"
    case .scan: "#e3d7f7"
    }
  }
}
