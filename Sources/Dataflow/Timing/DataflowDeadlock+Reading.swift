import Programs
import Results

extension DataflowDeadlock {
  /// Reads the ring out of what each node of a stopped simulation waits for.
  init(_ simulation: DataflowSimulation, _ outcome: DataflowSimulation.Outcome) {
    let graph = simulation.graph
    var waits: [Int: DataflowSimulation.Blocked] = [:]
    for blocked in outcome.blocked { waits[blocked.node] = blocked }
    func partner(_ blocked: DataflowSimulation.Blocked) -> Int {
      let fifo = simulation.fifos.base[blocked.fifo]
      return blocked.waitsForRoom ? fifo.reader : fifo.writer
    }
    // Each node waits for one other, so the way from any of them ends in a ring.
    var path: [Int] = []
    var next = outcome.blocked.first?.node
    while let node = next, waits[node] != nil, !path.contains(node) {
      path.append(node)
      next = waits[node].map(partner)
    }
    let start = next.flatMap { path.firstIndex(of: $0) } ?? 0
    let ringNodes = Array(path[start...])
    func link(_ node: Int) -> Link? {
      guard let blocked = waits[node] else { return nil }
      return Link(
        node: graph.nodes[node].name, fifo: graph.fifos[blocked.fifo].name, isFull: blocked.waitsForRoom,
        depth: graph.fifos[blocked.fifo].depth, partner: graph.nodes[partner(blocked)].name)
    }
    self.init(
      graph: graph.name, cycle: outcome.end, ring: ringNodes.compactMap(link),
      others: outcome.blocked.map(\.node).filter { !ringNodes.contains($0) }.compactMap(link))
  }
}
