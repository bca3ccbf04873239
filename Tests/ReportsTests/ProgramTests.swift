import Foundation
import HWModels
import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Reports
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

@Suite("Programs as text and graph")
struct ProgramTests {
  @Test("The dump")
  func dump() throws {
    try Golden.check(ProgramDump.text(Sample.program(), on: Sample.device), "program.txt")
  }

  @Test("The graph, and its picture")
  func graph() throws {
    let dot = ProgramGraph.dot(try Sample.program())
    try Golden.check(dot, "program.dot")
    let svg = try GraphvizRenderer.svg(dot)
    #expect(svg.contains("softmax 0"))
    try Picture.check(svg, "program.svg")
  }

  @Test("Every schedule's program can be shown", arguments: ScheduleRegistry.standard.names)
  func schedules(name: String) throws {
    var request = SimulationRequest(schedule: name, shape: try Sample.shape(), device: Sample.device)
    if (try? Simulation.program(request)) == nil {
      // Some take self attention without a causal mask only.
      request.shape = try AttentionShape(batch: 1, headsQ: 4, seqQ: 1024, headDim: 64)
        .fitted(to: ScheduleRegistry.standard[name]?.geometry)
    }
    // Decode kernels take few queries.
    if (try? Simulation.program(request)) == nil { request.shape.seqQ = 16 }
    if (try? Simulation.program(request)) == nil { request = try Sample.streaming(name) }
    if (try? Simulation.program(request)) == nil { request = try Sample.spatial(name) }
    if (try? Simulation.program(request)) == nil { request = try Sample.fpga(name) }
    let program = try Simulation.program(request)
    let dot = ProgramGraph.dot(program)
    let svg = try GraphvizRenderer.svg(dot)
    try Picture.check(svg, "\(name).svg")
    try Picture.check(dot, "\(name).dot")
    try Picture.check(ProgramDump.text(program, on: request.device), "\(name).txt")
    let result = try Simulation.run(request)
    try Picture.check(RooflineFigure.svg(result), "roofline-\(name).svg")
    try Picture.check(TextReport.render(result), "result-\(name).txt")
    let trace = try Simulation.trace(request, limit: 5000)
    try Picture.check(TimelineFigure.svg(trace), "timeline-\(name).svg")
    try Picture.check(TraceFile.json(trace, clock: result.clock.frequency), "trace-\(name).json")
    let explained = try Simulation.explain(request)
    try Picture.check(
      ExplainReport.text(
        explained.result, attribution: explained.attribution, elasticities: explained.elasticities),
      "explain-\(name).txt")
  }

  @Test("Graphviz says what is wrong, and works afterwards")
  func broken() throws {
    let error = #expect(throws: GraphvizRenderer.Failure.self) {
      try GraphvizRenderer.svg("digraph g { a -> ; }")
    }
    #expect(error?.description.contains("syntax error") == true)
    Picture.expectXML(try GraphvizRenderer.svg("digraph g { a -> b }"))
  }

  @Test("Many threads draw at once and get the same")
  func threads() async throws {
    let dot = ProgramGraph.dot(try Sample.program())
    let expected = try GraphvizRenderer.svg(dot)
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<16 { group.addTask { try GraphvizRenderer.svg(dot) } }
      for try await svg in group { #expect(svg == expected) }
    }
  }

  @Test("Labels are quoted")
  func quoting() { #expect(DotWriter.quoted(["a\"b\\", "c\nd"]) == "\"a\\\"b\\\\\\nc d\"") }
}

@Suite("Traces")
struct TraceTests {
  @Test("The trace file holds a track for each actor and unit")
  func json() throws {
    let text = TraceFile.json(Sample.trace(), clock: Frequency(1e9))
    try Golden.check(text, "trace.json")
    let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let events = try #require(read["traceEvents"] as? [[String: Any]])
    let threads = events.filter { $0["name"] as? String == "thread_name" }
      .compactMap { ($0["args"] as? [String: Any])?["name"] as? String }
    for name in ["producer (in flight)", "softmax 0", "softmax 1", "tensor", "l2"] {
      #expect(threads.contains(name))
    }
    #expect(
      events.filter { $0["ph"] as? String == "s" }.count == events.filter { $0["ph"] as? String == "f" }.count
    )
  }

  @Test("No two slices of a track overlap")
  func lanes() {
    let events = Sample.trace()
    for track in TraceLanes(events).tracks {
      for (a, b) in zip(track.events, track.events.dropFirst()) {
        #expect(events[a].end <= events[b].start, "\(track.name)")
      }
    }
  }

  @Test("The timeline")
  func timeline() throws {
    let svg = TimelineFigure.svg(Sample.trace())
    try Picture.check(svg, "timeline.svg")
    try Golden.check(svg, "timeline.svg")
    Picture.expectXML(TimelineFigure.svg([]))
    Picture.expectXML(TimelineFigure.svg(Sample.trace(), cycles: 100..<200))
  }
}
