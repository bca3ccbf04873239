import Programs
public import Results

/// Streaming runs and their deadlocks as JSON.
public enum DataflowJSON {
  static func value(_ dataflow: DataflowResult?) -> JSONValue {
    guard let dataflow else { return .null }
    return .object([
      "graph": .string(dataflow.graph), "copies": .integer(dataflow.copies),
      "heads_per_copy": .integer(dataflow.headsPerCopy),
      "pipeline": pipeline(dataflow.pipeline), "budget": budget(dataflow.budget),
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

  /// `{"layers", "latency_cycles", "stages": [{"cycles", "kernels": [{"name", "cycles"}]}], "clock_range_s"}`; null where
  /// images do not follow each other through stages.
  private static func pipeline(_ pipeline: DataflowResult.Pipeline?) -> JSONValue {
    guard let pipeline else { return .null }
    return .object([
      "layers": .integer(pipeline.layers), "latency_cycles": .integer(pipeline.latencyCycles),
      "stages": .array(
        pipeline.stages.map { stage in
          .object([
            "cycles": .integer(stage.cycles),
            "kernels": .array(
              stage.kernels.map { .object(["name": .string($0.name), "cycles": .integer($0.cycles)]) }),
          ])
        }),
      "clock_range_s": pipeline.clockRange.map { .array([.number($0.fastest), .number($0.slowest)]) }
        ?? .null,
    ])
  }

  static func budget(_ budget: Budget?) -> JSONValue {
    guard let budget else { return .null }
    return .array(
      budget.lines.map {
        .object([
          "item": .string($0.item), "needed": .integer($0.needed),
          "available": $0.available.map { .integer($0) } ?? .null,
        ])
      })
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
