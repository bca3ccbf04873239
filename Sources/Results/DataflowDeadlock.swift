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

    package init(node: String, fifo: String, isFull: Bool, depth: Int?, partner: String) {
      self.node = node
      self.fifo = fifo
      self.isFull = isFull
      self.depth = depth
      self.partner = partner
    }

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

  package init(graph: String, cycle: Int, ring: [Link], others: [Link]) {
    self.graph = graph
    self.cycle = cycle
    self.ring = ring
    self.others = others
  }
}
