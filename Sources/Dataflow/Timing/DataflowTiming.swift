import HWModels
package import Programs

/// The cycles of a graph on a device: what the simulation knows of the machine, in whole cycles.
package struct DataflowTiming: Sendable, Hashable {
  /// From one firing of a node to its next.
  var interval = 1
  /// From taking inputs to outputs being on their way, of a plain node.
  package var latency = 1
  var exponentialLatency = 1
  /// Each level of the adder tree of a dot product, on top of `latency`.
  var treeLevelLatency = 0
  /// From a write to the element being visible to the reader, at least.
  package var channelLatency = 1
  /// From taking an element to its slot being free for the writer.
  package var creditLatency = 1
  /// A node writes only when all outputs that are due have room, rather than one after another.
  package var isBroadcastAtomic = false

  init() {}

  package func latency(of delay: DataflowGraph.Delay) -> Int {
    switch delay {
    case .none: 0
    case .plain: latency
    case .exponential: exponentialLatency
    case .dot(let length):
      latency + treeLevelLatency * (length > 1 ? Int.bitWidth - (length - 1).leadingZeroBitCount : 0)
    }
  }

  package func interval(of delay: DataflowGraph.Delay) -> Int { delay == .none ? 0 : interval }

  /// Cycles that a run of `graph` cannot exceed: every firing after every other.
  func ceiling(_ graph: DataflowGraph) -> Double {
    graph.nodes.reduce(0.0) { sum, node in
      let firing = interval(of: node.delay) + latency(of: node.delay) + channelLatency + creditLatency
      return sum + Double(node.firings) * Double(firing)
    }
  }
}
