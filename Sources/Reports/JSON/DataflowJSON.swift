public import Simulator

/// Streaming runs and their deadlocks as JSON.
public enum DataflowJSON {
  static func value(_ dataflow: DataflowResult?) -> JSONValue {
    guard let dataflow else { return .null }
    return .object([
      "graph": .string(dataflow.graph), "copies": .integer(dataflow.copies),
      "heads_per_copy": .integer(dataflow.headsPerCopy),
      "nodes": .array(
        dataflow.nodes.map {
          .object([
            "name": .string($0.name), "pattern": .string($0.pattern), "firings": .integer($0.firings),
            "use": .number($0.use),
          ])
        }),
      "fifos": .array(
        dataflow.fifos.map {
          .object([
            "name": .string($0.name), "writer": .string($0.writer), "reader": .string($0.reader),
            "depth": $0.depth.map { .integer($0) } ?? .null, "peak": $0.peak.map { .integer($0) } ?? .null,
            "bytes_per_element": .integer($0.bytesPerElement), "elements": .integer($0.elements),
          ])
        }),
    ])
  }

  /// `{"error": "deadlock", "graph", "cycle", "ring": [{"node", "waits_for", "fifo", "state", "depth"}], "waiting"}`.
  public static func render(_ deadlock: DataflowDeadlock) -> String {
    JSONValue.object([
      "error": .string("deadlock"), "graph": .string(deadlock.graph), "cycle": .integer(deadlock.cycle),
      "ring": .array(
        deadlock.ring.map {
          .object([
            "node": .string($0.node), "waits_for": .string($0.partner), "fifo": .string($0.fifo),
            "state": .string($0.isFull ? "full" : "empty"), "depth": $0.depth.map { .integer($0) } ?? .null,
          ])
        }),
      "waiting": .array(deadlock.others.map { .string($0.node) }),
    ]).text(indented: true)
  }
}
