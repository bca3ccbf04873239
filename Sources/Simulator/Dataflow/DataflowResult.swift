/// What a streaming run says of its nodes and FIFOs, for one copy of the graph with the largest share of the heads.
public struct DataflowResult: Sendable, Hashable {
  public struct Node: Sendable, Hashable {
    public var name: String
    /// `map`, `reduce`, `scan`, ...
    public var pattern: String
    public var firings: Int
    /// Share of the cycles in which it starts a firing or could not yet start the next.
    public var use: Double

    public init(name: String, pattern: String, firings: Int, use: Double) {
      self.name = name
      self.pattern = pattern
      self.firings = firings
      self.use = use
    }
  }

  public struct FIFO: Sendable, Hashable {
    public var name: String
    public var writer: String
    public var reader: String
    /// nil without a bound.
    public var depth: Int?
    public var bytesPerElement: Int
    /// Elements that passed.
    public var elements: Int
    /// Most that it held at once; nil where its writer ran ahead without bound.
    public var peak: Int?

    public init(
      name: String, writer: String, reader: String, depth: Int?, bytesPerElement: Int, elements: Int,
      peak: Int?
    ) {
      self.name = name
      self.writer = writer
      self.reader = reader
      self.depth = depth
      self.bytesPerElement = bytesPerElement
      self.elements = elements
      self.peak = peak
    }
  }

  public var graph: String
  public var copies: Int
  /// Heads that the busiest copy streams, one after another.
  public var headsPerCopy: Int
  public var nodes: [Node]
  public var fifos: [FIFO]

  public init(graph: String, copies: Int, headsPerCopy: Int, nodes: [Node], fifos: [FIFO]) {
    self.graph = graph
    self.copies = copies
    self.headsPerCopy = headsPerCopy
    self.nodes = nodes
    self.fifos = fifos
  }
}
