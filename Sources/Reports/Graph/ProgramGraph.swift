import HWModels
public import Programs

/// A program as a Graphviz graph: actors as clusters, their operations in order, barriers from signaller to waiter.
public enum ProgramGraph {
  /// - Parameter program: one cluster for each kernel; several kernels stand below each other.
  public static func dot(_ program: Program) -> String {
    if let placement = program.placement { return DataflowGraphText.dot(placement) }
    if let spatial = program.spatial { return SpatialGraphText.dot(spatial) }
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

  func write(to graph: inout DotWriter) {
    var ends = [Ends](repeating: Ends(), count: kernel.barriers.count)
    var orders: [[String]] = []
    for (place, actor) in kernel.actors.enumerated() {
      orders.append(write(actor, place, to: &graph, &ends))
    }
    // Edges stand outside the clusters: one that names a node would pull the node in.
    for order in orders {
      for (before, after) in zip(order, order.dropFirst()) {
        graph.edge(before, after, "color=\"\(DotWriter.plainColour)\"; weight=10")
      }
    }
    graph.row(orders.compactMap(\.first))
    writeBarriers(ends, to: &graph)
  }

  /// The operations that arrive at a barrier and those that wait for it.
  private struct Ends {
    var signallers: [BarrierEnd] = []
    var waiters: [BarrierEnd] = []
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
      let counts = kernel.items.classes.map { block.trips.count($0.values) }
      // What no work item of this shape runs is left out.
      if counts.allSatisfy({ $0 == 0 }) { continue }
      let name = "\(prefix)a\(place)b\(blockPlace)"
      let isLoop = counts.contains { $0 != 1 }
      if isLoop {
        graph.open(
          "cluster_" + name, label: "\u{21BB} " + ProgramText.trips(block.trips, kernel),
          "color=\"#8b949e\"; style=\"rounded,dashed\"")
      }
      for (index, operation) in block.operations.enumerated() {
        // Steps that only a numerical reading needs (a tile set to zero) have nothing to show.
        if operation.unit == .sync, operation.waits.isEmpty, operation.signals.isEmpty { continue }
        let node = "\(name)o\(index)"
        let end = BarrierEnd(node: node, actor: place, trips: block.trips)
        order.append(node)
        graph.node(node, label: label(operation), fill: fill(operation.unit))
        for barrier in operation.signals { ends[barrier.index].signallers.append(end) }
        for barrier in operation.waits { ends[barrier.index].waiters.append(end) }
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
      for (signaller, waiter) in BarrierEnd.pairs(signallers, waiters) {
        if let forth = edges.firstIndex(where: {
          $0.from == waiter && $0.to == signaller && $0.back == nil && $0.colour == colour
        }) {
          edges[forth].back = label
        } else {
          edges.append(BarrierEdge(from: signaller, to: waiter, label: label, colour: colour))
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
    let parts = ProgramText.work(operation.work) + ProgramText.chain(operation.chain)
    guard !parts.isEmpty else { return [operation.name] }
    return [operation.name] + TextLayout.wrapped(parts.joined(separator: ", "), width: Self.labelWidth)
  }

  private func colour(_ mechanism: Barrier.Mechanism) -> String {
    switch mechanism {
    case .memory: FigureStyle.palette[0]
    case .named: FigureStyle.palette[1]
    case .completion: FigureStyle.palette[2]
    }
  }

  private static let labelWidth = 34

  private func fill(_ unit: Programs.Operation.Unit) -> String {
    switch unit {
    case .tensorSync, .tensorAsync, .tensorAsyncRegisters: "#cfe0fb"
    case .vector: "#fbe0d0"
    case .copyAsync, .loadAsync, .loadStore: "#cdeee0"
    case .sync: "#eceff2"
    }
  }
}

/// An operation at one end of a barrier.
private struct BarrierEnd: Hashable {
  let node: String
  let actor: Int
  let trips: TripCount

  /// Who wakes whom. Signals and waits pair up in order of phases; on paper that is the k-th operation of blocks with
  /// equal trip counts, and where there are none, the first on the other side. So a loop's signal leads to the loop
  /// and the prologue's to the prologue, and each end has at least one edge to each actor on the other side.
  static func pairs(_ signallers: [BarrierEnd], _ waiters: [BarrierEnd]) -> [(String, String)] {
    var pairs: [(String, String)] = []
    func add(_ from: BarrierEnd, _ to: BarrierEnd) {
      if !pairs.contains(where: { $0 == (from.node, to.node) }) { pairs.append((from.node, to.node)) }
    }
    for signaller in signallers {
      for waiter in signaller.partners(among: signallers, on: waiters) { add(signaller, waiter) }
    }
    for waiter in waiters where !pairs.contains(where: { $0.1 == waiter.node }) {
      for signaller in waiter.partners(among: waiters, on: signallers) { add(signaller, waiter) }
    }
    return pairs
  }

  private func partners(among own: [BarrierEnd], on others: [BarrierEnd]) -> [BarrierEnd] {
    let place = own.filter { $0.actor == actor && $0.trips == trips }.firstIndex(of: self) ?? 0
    let actors = Set(others.map(\.actor)).sorted()
    return actors.compactMap { other in
      let all = others.filter { $0.actor == other }
      let alike = all.filter { $0.trips == trips }
      return alike.indices.contains(place) ? alike[place] : alike.last ?? all.first
    }
  }
}
