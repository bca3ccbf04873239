public import HWModels

/// Builds a dataflow graph: FIFOs first, then the nodes between them.
public struct DataflowBuilder {
  private var graph: DataflowGraph

  public init(_ name: String) { graph = DataflowGraph(name: name) }

  /// Adds a FIFO; nil for a depth without bound.
  public mutating func fifo(
    _ name: String, depth: Int?, width: Int = 1, type: DataType = .fp32, isLong: Bool = false
  ) -> Int {
    graph.fifos.append(.init(name: name, depth: depth, width: width, elementType: type, isLong: isLong))
    return graph.fifos.count - 1
  }

  /// Adds a node that fires `firings` times.
  ///
  /// - Parameters:
  ///   - inputs: FIFOs and how many firings lie between two elements taken, in order of taking.
  ///   - outputs: the same for elements written, in order of writing.
  public mutating func node(
    _ name: String, _ pattern: DataflowGraph.Pattern, firings: Int, inputs: [DataflowGraph.Port] = [],
    outputs: [DataflowGraph.Port] = [], delay: DataflowGraph.Delay = .plain, work: Work = Work(),
    function: DataflowGraph.Function = .none, area: DataflowGraph.Area = .init()
  ) {
    graph.nodes.append(
      .init(
        name: name, pattern: pattern, firings: firings, inputs: inputs, outputs: outputs, delay: delay,
        work: work, function: function, area: area))
  }

  /// The graph. A graph with problems is a bug of the schedule, and stops.
  public func build() -> DataflowGraph {
    let problems = graph.problems()
    if let first = problems.first { fatalError("graph \(graph.name): \(first)") }
    return graph
  }
}
