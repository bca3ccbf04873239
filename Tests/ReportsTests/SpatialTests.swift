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

@Suite("Spatial runs and cascades as text and pictures")
struct SpatialTests {
  @Test("The result, the graph and the program")
  func texts() throws {
    let request = try Sample.spatial("fusemax-architecture")
    try Golden.check(TextReport.render(try Simulation.run(request)), "spatial.txt")
    let program = try Simulation.program(request)
    try Golden.check(ProgramGraph.dot(program), "spatial.dot")
    try Golden.check(ProgramDump.text(program, on: request.device), "spatial-program.txt")
  }

  @Test("A cascade as text, JSON and graph")
  func cascade() throws {
    let cascade = AttentionCascade.onePass(
      try AttentionShape(batch: 1, headsQ: 1, seqQ: 64, headDim: 8), tile: 16)
    let analysis = CascadeAnalysis(cascade)
    try Golden.check(CascadeReport.text(analysis), "cascade.txt")
    try Golden.check(CascadeJSON.render(analysis), "cascade.json")
    let dot = CascadeGraph.dot(analysis)
    try Golden.check(dot, "cascade.dot")
    try Picture.check(try GraphvizRenderer.svg(dot), "cascade.svg")
  }

  @Test("Two scenarios side by side")
  func points() throws {
    let a = try Simulation.run(Sample.spatial("fusemax-binding"))
    let b = try Simulation.run(Sample.spatial("fusemax-architecture"))
    let points = [(name: "64", a: a, b: b), (name: "64", a: b, b: b)]
    try Golden.check(CompareReport.text(points: points, names: ("one", "two")), "points.txt")
    // Means of a ratio and of 1.
    let ratio = b.time.value / a.time.value
    let json = CompareReport.json(points: points)
    #expect(json.contains("\"time_arithmetic\": \((ratio + 1) / 2)"))
  }
}
