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
    public init(graph: DataflowGraph, copies: Int, heads: Int) {
      self.graph = graph
      self.copies = copies
      self.heads = heads
    }
  }
  public var shares: [Share]
  /// The places of the machine, and what a copy takes of it.
  public var budget: Budget

  public init(shares: [Share], budget: Budget) {
    self.shares = shares
    self.budget = budget
  }

  public var copies: Int { shares.reduce(0) { $0 + $1.copies } }
  public var heads: Int { shares.reduce(0) { $0 + $1.copies * $1.heads } }
}
