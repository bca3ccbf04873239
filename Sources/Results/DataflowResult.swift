public import Programs

/// What a streaming run says of its nodes and FIFOs, for one copy of the graph with the largest share of the heads.
public struct DataflowResult: Sendable, Hashable {
  /// A node of the graph: what it is busy with, and for how long.
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

  /// A FIFO: its depth, and the most elements that it held.
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
  /// Set where images follow each other through stages; cycles of the result are then those from one image to the next,
  /// times the images.
  public var pipeline: Pipeline?
  /// What the graphs take of the machine.
  public var budget: Budget?

  /// Graphs as stages through which images follow each other.
  public struct Pipeline: Sendable, Hashable {
    /// Passes of an image through all stages.
    public var layers: Int
    public var stages: [Stage]
    /// Cycles of one image alone, from its first word to its last.
    public var latencyCycles: Int
    /// Time of an image at the lowest and the highest clock of the board, where no clock is published for it.
    public var clockRange: ClockRange?

    public init(layers: Int, stages: [Stage], latencyCycles: Int, clockRange: ClockRange? = nil) {
      self.layers = layers
      self.stages = stages
      self.latencyCycles = latencyCycles
      self.clockRange = clockRange
    }

    /// Kernels that work on one image one after another.
    public struct Stage: Sendable, Hashable {
      public var kernels: [Kernel]
      public var cycles: Int { kernels.reduce(0) { $0 + $1.cycles } }
      public init(kernels: [Kernel]) { self.kernels = kernels }
    }

    /// A kernel of a stage, with its cycles.
    public struct Kernel: Sendable, Hashable {
      public var name: String
      /// Cycles for which it is busy with one image in one layer.
      public var cycles: Int
      public init(name: String, cycles: Int) {
        self.name = name
        self.cycles = cycles
      }
    }

    /// Time of an image at either end of the clocks that the board allows.
    public struct ClockRange: Sendable, Hashable {
      public var slowest: Double
      public var fastest: Double
      public init(slowest: Double, fastest: Double) {
        self.slowest = slowest
        self.fastest = fastest
      }
    }
  }

  public init(
    graph: String, copies: Int, headsPerCopy: Int, nodes: [Node], fifos: [FIFO], pipeline: Pipeline? = nil,
    budget: Budget? = nil
  ) {
    self.pipeline = pipeline
    self.budget = budget
    self.graph = graph
    self.copies = copies
    self.headsPerCopy = headsPerCopy
    self.nodes = nodes
    self.fifos = fifos
  }
}
