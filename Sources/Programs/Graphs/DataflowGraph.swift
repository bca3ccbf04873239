public import HWModels

/// Nodes joined by bounded FIFOs: what a streaming machine is configured to be for one attention call.
///
/// A node fires again and again. A firing takes one element from each input that is due, computes, and puts one
/// element into each output that is due; then it waits an initiation interval. Nodes have no common clock: each runs
/// as soon as its inputs hold elements and its outputs have room. Every FIFO has one writer and one reader, so times and
/// numbers do not depend on the order in which nodes are played (a Kahn network).
///
/// - Source: Sohn et al. 2024 (arXiv 2404.16629); DAM (ISCA 2024) and its code, src/channel and src/context.
public struct DataflowGraph: Sendable {
  public var name: String
  public var nodes: [Node]
  public var fifos: [FIFO]

  /// A queue of elements between two nodes.
  public struct FIFO: Sendable, Hashable {
    public var name: String
    /// Elements it holds, those in flight included; nil for as many as come.
    public var depth: Int?
    /// Scalars of one element: 1 for a score, the head dimension for a row.
    public var width: Int
    public var elementType: DataType
    /// Whether its depth decides between deadlock and full rate: it holds what a reduction has to pass first.
    public var isLong: Bool
    public var bytesPerElement: Int { width * elementType.bytes }
  }

  /// One place of the machine, configured for one pattern.
  public struct Node: Sendable {
    public var name: String
    public var pattern: Pattern
    /// How often it fires in a run of the graph.
    public var firings: Int
    /// In the order in which a firing takes from them.
    public var inputs: [Port]
    /// In the order in which a firing writes to them.
    public var outputs: [Port]
    public var delay: Delay
    /// Multiplies, exponentials, bytes of one firing.
    public var work: Work
    /// What it computes, for the numerical reading.
    public var function: Function
    /// Resources of an FPGA that it takes; none elsewhere.
    public var area: Area
  }

  /// One end of a FIFO: due at every `every`-th firing, the first of each group for an input, the last for an output.
  public struct Port: Sendable, Hashable {
    public var fifo: Int
    public var every: Int
    /// Elements that pass, where they are fewer than the groups of firings: a writer leaves out the first groups, a reader
    /// the last. So a reader can lag its writer by a fixed number of groups.
    public var elements: Int?
    public init(fifo: Int, every: Int = 1, elements: Int? = nil) {
      self.fifo = fifo
      self.every = every
      self.elements = elements
    }

    /// Elements that pass in `firings` firings.
    public func count(of firings: Int) -> Int { elements ?? firings / max(every, 1) }

    /// Whether firing `firing` takes an element here.
    public func isTaken(at firing: Int) -> Bool {
      guard firing % every == 0 else { return false }
      guard let elements else { return true }
      return firing / every < elements
    }

    /// Whether firing `firing` of `firings` writes an element here.
    public func isWritten(at firing: Int, of firings: Int) -> Bool {
      guard (firing + 1) % every == 0 else { return false }
      guard let elements else { return true }
      return firing / every >= firings / every - elements
    }
  }

  /// The shape of a node: how many elements go in and come out.
  public enum Pattern: String, Sendable, CaseIterable {
    /// One element in from memory at each firing.
    case source
    /// One in, one out.
    case map
    /// Many in, one out.
    case reduce
    /// One in, one out, with a running state.
    case scan
    /// One in, many out.
    case `repeat`
    /// One in, the same to several readers.
    case broadcast
    /// Results to memory.
    case sink
  }

  /// Which of the machine's latencies a node has, from taking its inputs to its outputs being on their way.
  public enum Delay: Sendable, Hashable {
    case plain
    /// An exponential.
    case exponential
    /// A dot product over so many elements: a multiply and a tree of adders.
    case dot(Int)
    /// Only takes: the run is over when its last element has come, without another interval.
    case none
  }

  public init(name: String, nodes: [Node] = [], fifos: [FIFO] = []) {
    self.name = name
    self.nodes = nodes
    self.fifos = fifos
  }

  /// Elements that pass through `fifo` in a run.
  public func elements(of fifo: Int) -> Int {
    for node in nodes {
      for port in node.outputs where port.fifo == fifo { return port.count(of: node.firings) }
    }
    return 0
  }

  /// The node that writes to a FIFO and the one that reads from it.
  public func ends(of fifo: Int) -> (writer: Int, reader: Int)? {
    guard let writer = nodes.firstIndex(where: { $0.outputs.contains { $0.fifo == fifo } }),
      let reader = nodes.firstIndex(where: { $0.inputs.contains { $0.fifo == fifo } })
    else { return nil }
    return (writer, reader)
  }

  /// Element events of a run: every element put into a FIFO and every one taken out.
  public var events: Double {
    var events = 0.0
    for node in nodes {
      for port in node.inputs + node.outputs { events += Double(port.count(of: node.firings)) }
    }
    return events
  }

  /// Bytes of all FIFOs together; nil where one is unbounded.
  public var fifoBytes: Double? {
    var bytes = 0.0
    for fifo in fifos {
      guard let depth = fifo.depth else { return nil }
      bytes += Double(depth) * Double(fifo.bytesPerElement)
    }
    return bytes
  }

  /// Everything that makes it no graph: a FIFO without a writer or reader, ends that pass different numbers of
  /// elements, an impossible depth or rate. Empty for a sound graph.
  public func problems() -> [String] {
    var problems: [String] = []
    for (index, fifo) in fifos.enumerated() {
      var written: [Int] = []
      var read: [Int] = []
      for node in nodes {
        for port in node.outputs where port.fifo == index {
          written.append(port.count(of: node.firings))
        }
        for port in node.inputs where port.fifo == index { read.append(port.count(of: node.firings)) }
      }
      if written.count != 1 { problems.append("\(fifo.name) has \(written.count) writers") }
      if read.count != 1 { problems.append("\(fifo.name) has \(read.count) readers") }
      if let written = written.first, let read = read.first, written != read {
        problems.append("\(fifo.name) is written \(written) times and read \(read) times")
      }
      if let depth = fifo.depth, depth < 1 { problems.append("\(fifo.name) has room for nothing") }
      if fifo.width < 1 { problems.append("\(fifo.name) carries nothing") }
    }
    for node in nodes {
      for port in node.inputs + node.outputs {
        if !fifos.indices.contains(port.fifo) {
          problems.append("\(node.name) names a FIFO that is not there")
        }
        // An end that passes fewer elements may leave out the last, unfinished group.
        if port.every < 1 || (port.elements == nil && node.firings % max(port.every, 1) != 0) {
          problems.append("\(node.name) fires \(node.firings) times, not a multiple of \(port.every)")
        }
      }
    }
    return problems
  }
}
