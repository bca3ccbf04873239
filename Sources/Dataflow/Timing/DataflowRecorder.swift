/// Keeps what a recorded run did: every firing, and every element that entered or left a FIFO.
///
/// Nodes are played in turn and not in order of time, so a recording that is cut short is whole only up to the earliest
/// clock of a node that can go on: one that waits acts when another has acted.
package struct DataflowRecorder {
  package struct Firing {
    package var node: Int
    package var firing: Int
    package var start: Int
    package var end: Int
  }

  package private(set) var firings: [Firing] = []
  /// Times at which elements entered each FIFO, and at which their slots were free again.
  package private(set) var entered: [[Int]]
  package private(set) var left: [[Int]]
  private var starts: [(firing: Int, at: Int)]
  private var events = 0
  private let limit: Int
  private let keepsFirings: Bool

  /// - Parameter keepsFirings: whether firings are asked for, and not only what FIFOs held.
  package init(nodes: Int, fifos: Int, limit: Int, keepsFirings: Bool) {
    self.keepsFirings = keepsFirings
    entered = Array(repeating: [], count: fifos)
    left = entered
    starts = Array(repeating: (0, 0), count: nodes)
    self.limit = limit
  }

  package var isFull: Bool { events >= limit }

  mutating func began(_ node: Int, firing: Int, at time: Int) { starts[node] = (firing, time) }

  package mutating func ended(_ node: Int, at time: Int) {
    guard keepsFirings else { return }
    events += 1
    firings.append(.init(node: node, firing: starts[node].firing, start: starts[node].at, end: time))
  }

  package mutating func entered(_ fifo: Int, at time: Int) {
    events += 1
    entered[fifo].append(time)
  }

  package mutating func left(_ fifo: Int, at time: Int) {
    events += 1
    left[fifo].append(time)
  }
}
