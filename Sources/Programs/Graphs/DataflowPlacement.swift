/// Copies of a graph side by side on a machine, each with its share of the heads, one head after another.
///
/// A copy streams its heads without draining between them: the first row of the next head follows the last of the one
/// before. Shares differ by at most one head.
public struct DataflowPlacement: Sendable {
  /// Copies with equal shares; the largest share first.
  public struct Share: Sendable {
    public var graph: DataflowGraph
    public var copies: Int
    /// Heads of the batch that one copy streams.
    public var heads: Int
    /// Graphs that follow on the same hardware, one after another, for each image of a pipeline.
    public var then: [DataflowGraph]
    public init(graph: DataflowGraph, copies: Int, heads: Int, then: [DataflowGraph] = []) {
      self.graph = graph
      self.copies = copies
      self.heads = heads
      self.then = then
    }
    public var graphs: [DataflowGraph] { [graph] + then }
  }

  /// Shares that are stages of a pipeline: each has an image (a batch entry) at the same time as the next has the one
  /// before, through double buffers.
  public struct Pipeline: Sendable, Hashable {
    public var images: Int
    /// Passes of an image through all stages.
    public var layers: Int
    public init(images: Int, layers: Int = 1) {
      self.images = images
      self.layers = layers
    }
  }
  public var shares: [Share]
  /// The places of the machine, and what a copy takes of it.
  public var budget: Budget
  /// Set where shares are stages and graphs stand for one image in one layer.
  public var pipeline: Pipeline?

  public init(shares: [Share], budget: Budget, pipeline: Pipeline? = nil) {
    self.shares = shares
    self.budget = budget
    self.pipeline = pipeline
  }

  public var copies: Int { shares.reduce(0) { $0 + $1.copies } }
  public var heads: Int { shares.reduce(0) { $0 + $1.copies * $1.heads } }
}
