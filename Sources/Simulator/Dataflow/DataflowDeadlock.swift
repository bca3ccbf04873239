import Schedules

/// A graph in which every unfinished node waits for another: the ring of full and empty FIFOs that holds it.
public struct DataflowDeadlock: Sendable, Hashable, CustomStringConvertible {
  public var graph: String
  /// The latest local clock when nothing could go on.
  public var cycle: Int
  /// Each node waits for the next, and the last for the first.
  public var ring: [Link]
  /// Nodes that wait for the ring without being part of it.
  public var others: [Link]

  /// A node and the FIFO that holds it up.
  public struct Link: Sendable, Hashable {
    public var node: String
    public var fifo: String
    /// Full: the node waits for room. Otherwise it is empty, and the node waits for an element.
    public var isFull: Bool
    /// nil where there is no bound.
    public var depth: Int?
    /// The node at the other end, which would have to act.
    public var partner: String

    public var text: String {
      isFull
        ? "\(node) waits for room in \(fifo), which is full (\(depth ?? 0) of \(depth ?? 0)) and read by \(partner)"
        : "\(node) waits for an element of \(fifo), which is empty and written by \(partner)"
    }
  }

  /// FIFOs of the ring whose depth holds the graph up.
  public var full: [String] { ring.filter(\.isFull).map(\.fifo) }

  public var description: String {
    var lines = ["deadlock in \(graph) at cycle \(cycle):"]
    lines += ring.map { "  " + $0.text }
    if !others.isEmpty {
      lines.append("  and \(others.map(\.node).joined(separator: ", ")) wait for these")
    }
    if !full.isEmpty {
      let names = full.joined(separator: " or ")
      lines.append("  more room in \(names) breaks the ring; 'attnsim search' finds the smallest depths")
    }
    return lines.joined(separator: "\n")
  }

  /// Reads the ring out of what each node of a stopped simulation waits for.
  init(_ simulation: DataflowSimulation, _ outcome: DataflowSimulation.Outcome) {
    let graph = simulation.graph
    self.graph = graph.name
    cycle = outcome.end
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
    ring = ringNodes.compactMap(link)
    others = outcome.blocked.map(\.node).filter { !ringNodes.contains($0) }.compactMap(link)
  }
}
