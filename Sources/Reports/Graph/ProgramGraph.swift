public import Schedules

/// A program as a Graphviz graph: actors as clusters, their operations in order, barriers from signaller to waiter.
public enum ProgramGraph {
  /// - Parameter program: one cluster for each kernel; several kernels stand below each other.
  public static func dot(_ program: Program) -> String {
    var graph = DotWriter(name: "program")
    for (index, kernel) in program.kernels.enumerated() {
      graph.open(
        "cluster_k\(index)",
        label: "\(kernel.name): \(kernel.items.total) work items, \(ProgramText.policy(kernel.policy))",
        "color=\"#8b949e\"; style=rounded")
      KernelGraph(kernel: kernel, prefix: "k\(index)").write(to: &graph)
      graph.close()
    }
    return graph.text
  }
}

private struct KernelGraph {
  let kernel: Kernel
  let prefix: String

  /// Barriers with more pairs of signaller and waiter than this get a node of their own in between.
  private static let mostDirectEdges = 3

  func write(to graph: inout DotWriter) {
    var ends = [Ends](repeating: Ends(), count: kernel.barriers.count)
    var orders: [[String]] = []
    for (place, actor) in kernel.actors.enumerated() {
      orders.append(write(actor, place, to: &graph, &ends))
    }
    // Edges stand outside the clusters: one that names a node would pull the node in.
    for order in orders {
      for (before, after) in zip(order, order.dropFirst()) {
        graph.edge(before, after, "color=\"#59636e\"; weight=10")
      }
    }
    graph.row(orders.compactMap(\.first))
    writeBarriers(ends, to: &graph)
  }

  /// The operations that arrive at a barrier and those that wait for it.
  private struct Ends {
    var signallers: [String] = []
    var waiters: [String] = []
  }

  /// Writes the actor's cluster; returns its operations in order.
  private func write(_ actor: Actor, _ place: Int, to graph: inout DotWriter, _ ends: inout [Ends])
    -> [String]
  {
    let warps = "\(actor.warps) \(actor.warps == 1 ? "warp" : "warps")"
    graph.open(
      "cluster_\(prefix)a\(place)", label: "\(actor.name), \(warps)",
      "color=\"\(FigureStyle.palette[place % FigureStyle.palette.count])\"; penwidth=1.5; style=rounded")
    var order: [String] = []
    for (blockPlace, block) in actor.blocks.enumerated() {
      let name = "\(prefix)a\(place)b\(blockPlace)"
      let isLoop = block.trips != .fixed(1)
      if isLoop {
        graph.open(
          "cluster_" + name, label: "\u{21BB} " + ProgramText.trips(block.trips, kernel),
          "color=\"#8b949e\"; style=\"rounded,dashed\"")
      }
      for (index, operation) in block.operations.enumerated() {
        let node = "\(name)o\(index)"
        order.append(node)
        graph.node(node, label: label(operation), fill: fill(operation.unit))
        for barrier in operation.signals { ends[barrier.index].signallers.append(node) }
        for barrier in operation.waits { ends[barrier.index].waiters.append(node) }
      }
      if isLoop { graph.close() }
    }
    graph.close()
    return order
  }

  private struct BarrierEdge {
    var from: String
    var to: String
    var label: String
    var colour: String
    /// The barrier that leads back from `to` to `from`: full and empty of a ring are drawn as one line.
    var back: String?
  }

  private func writeBarriers(_ ends: [Ends], to graph: inout DotWriter) {
    var edges: [BarrierEdge] = []
    for (index, barrier) in kernel.barriers.enumerated() {
      let (signallers, waiters) = (ends[index].signallers, ends[index].waiters)
      let colour = colour(barrier.mechanism)
      let label = barrier.name + (barrier.initialPhases > 0 ? " (+\(barrier.initialPhases))" : "")
      if signallers.count * waiters.count > Self.mostDirectEdges {
        let hub = "\(prefix)s\(index)"
        graph.barrier(hub, label: label, colour: colour)
        for signaller in signallers { graph.edge(signaller, hub, style(colour)) }
        for waiter in waiters { graph.edge(hub, waiter, style(colour)) }
        continue
      }
      for signaller in signallers {
        for waiter in waiters {
          if let forth = edges.firstIndex(where: {
            $0.from == waiter && $0.to == signaller && $0.back == nil && $0.colour == colour
          }) {
            edges[forth].back = label
          } else {
            edges.append(BarrierEdge(from: signaller, to: waiter, label: label, colour: colour))
          }
        }
      }
    }
    for edge in edges {
      let text = [edge.label] + (edge.back.map { ["back: " + $0] } ?? [])
      graph.edge(edge.from, edge.to, style(edge.colour) + (edge.back == nil ? "" : "; dir=both"), label: text)
    }
  }

  /// Barriers do not shape the layout: actors stand side by side, each in its own order.
  private func style(_ colour: String) -> String {
    "color=\"\(colour)\"; fontcolor=\"\(colour)\"; constraint=false"
  }

  private func label(_ operation: Operation) -> [String] {
    [operation.name] + ProgramText.work(operation.work) + ProgramText.chain(operation.chain)
  }

  private func colour(_ mechanism: Barrier.Mechanism) -> String {
    switch mechanism {
    case .memory: FigureStyle.palette[0]
    case .named: FigureStyle.palette[1]
    case .completion: FigureStyle.palette[2]
    case .cluster: FigureStyle.palette[3]
    }
  }

  private func fill(_ unit: Schedules.Operation.Unit) -> String {
    switch unit {
    case .tensorSync, .tensorAsync, .tensorAsyncRegisters: "#cfe0fb"
    case .vector: "#fbe0d0"
    case .copyAsync, .loadAsync, .loadStore: "#cdeee0"
    case .sync: "#eceff2"
    }
  }
}

/// Graphviz text, indented, names and labels quoted.
struct DotWriter {
  private(set) var lines: [String] = []
  private var depth = 1

  /// The graph has a name, since Graphviz numbers those that have none and the picture would differ from run to run.
  init(name: String) {
    lines = [
      "digraph \(name) {",
      "  graph [rankdir=TB, fontname=\"sans-serif\", fontsize=12, fontcolor=\"#59636e\", bgcolor=transparent, newrank=true, nodesep=0.3, ranksep=0.35];",
      "  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11, color=\"#8b949e\", fontcolor=\"#1a1f26\", margin=\"0.12,0.06\"];",
      "  edge [fontname=\"sans-serif\", fontsize=10, arrowsize=0.7];",
    ]
  }

  var text: String { lines.joined(separator: "\n") + "\n}\n" }

  mutating func open(_ name: String, label: String, _ style: String) {
    add("subgraph \(name) {")
    depth += 1
    add("label=\(Self.quoted([label])); labeljust=l; \(style);")
  }

  mutating func close() {
    depth -= 1
    add("}")
  }

  mutating func node(_ name: String, label: [String], fill: String) {
    add("\(name) [label=\(Self.quoted(label)), fillcolor=\"\(fill)\"];")
  }

  mutating func barrier(_ name: String, label: String, colour: String) {
    add(
      "\(name) [label=\(Self.quoted([label])), shape=hexagon, style=solid, margin=\"0.02,0.01\", fontsize=10, color=\"\(colour)\", fontcolor=\"\(colour)\"];"
    )
  }

  /// `xlabel`, since Graphviz 2.42 frees a plain label of an edge without constraint twice.
  mutating func edge(_ from: String, _ to: String, _ style: String, label: [String] = []) {
    add("\(from) -> \(to) [\(style)\(label.isEmpty ? "" : "; xlabel=\(Self.quoted(label))")];")
  }

  /// Nodes side by side, from left to right.
  mutating func row(_ nodes: [String]) {
    guard nodes.count > 1 else { return }
    add("{ rank=same; \(nodes.joined(separator: " -> ")) [style=invis]; }")
  }

  private mutating func add(_ line: String) { lines.append(String(repeating: "  ", count: depth) + line) }

  /// A quoted string of lines; a backslash is doubled, since Graphviz reads escapes in labels.
  static func quoted(_ lines: [String]) -> String {
    let escaped = lines.map { line in
      line.map { character in
        switch character {
        case "\\": "\\\\"
        case "\"": "\\\""
        case "\n": " "
        default: String(character)
        }
      }.joined()
    }
    return "\"" + escaped.joined(separator: "\\n") + "\""
  }
}
