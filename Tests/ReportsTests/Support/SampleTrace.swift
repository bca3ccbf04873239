import HWModels

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

extension Sample {
  /// Six steps of two warpgroups in ping-pong, laid out by hand: one step of a group takes 1600 cycles.
  static func trace() -> [TraceEvent] {
    var events: [TraceEvent] = []
    func add(
      _ actor: String, _ name: String, _ resource: Resource?, _ ready: Int, _ start: Int, _ end: Int,
      _ cause: TraceEvent.Cause = .own
    ) {
      events.append(
        TraceEvent(
          core: 0, slot: 0, actor: actor, operation: name, resource: resource, ready: ready, start: start,
          end: end,
          cause: cause))
    }
    add("producer", "load Q", .l2, 0, 10, 700)
    for step in 0..<6 {
      let start = 20 + max(0, step - 1) * 1600
      add(
        "producer", "load K", .l2, start, start + 10, start + 690,
        step > 1 ? .barrier("K empty", event: nil) : .own)
      let keysIndex = events.count - 1
      add("producer", "load V", .l2, start + 10, start + 20, start + 760, .unit(.l2, event: keysIndex))
      for group in 0..<2 {
        let base = 720 + step * 1600 + group * 800
        let name = "softmax \(group)"
        add(name, "S = Q Kᵀ", .tensor, base - 60, base, base + 512, .barrier("K full", event: keysIndex))
        let scores = events.count - 1
        add(name, "hand over", nil, base, base + 5, base + 5)
        add(
          name, "softmax", nil, base + 5, base + 560, base + 1080, .barrier("S\(group) done", event: scores))
        add(name, "O += P V", .tensor, base + 1080, base + 1080, base + 1420, .unit(.tensor, event: nil))
        add(
          name, "rescale", nil, base + 1100, base + 1450, base + 1520,
          .barrier("O\(group) done", event: events.count - 1))
      }
    }
    return events
  }
}
