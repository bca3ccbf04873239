import Testing

@testable import Reports
@testable import Simulator

@Suite("Streaming runs as text and pictures")
struct StreamingTests {
  @Test("The result, the graph and the search")
  func texts() throws {
    let request = try Sample.streaming("sdpa-naive")
    try Golden.check(TextReport.render(try Simulation.run(request)), "streaming.txt")
    try Golden.check(ProgramGraph.dot(try Simulation.program(request)), "streaming.dot")
    try Golden.check(DepthReport.text(try DepthSearch.run(request)), "depths.txt")
  }

  @Test("An FPGA's kernels, stages and resources, and the search")
  func fpga() throws {
    let request = try Sample.fpga("ubimoe-vit", parameters: ["hidden": "96", "layers": "3"])
    try Golden.check(TextReport.render(try Simulation.run(request)), "ubimoe.txt")
    let result = try ParallelismSearch.run(request)
    try Golden.check(
      ParallelismReport.text(result, request: request) + ParallelismReport.json(result), "parallelism.txt")
  }

  @Test("A deadlock, as text, as JSON and over time")
  func deadlock() throws {
    let request = try Sample.streaming("sdpa-naive", parameters: ["long": "N-1"])
    let trace = try #require(try Simulation.dataflowTrace(request))
    let deadlock = try #require(trace.deadlock)
    try Golden.check("\(deadlock)\n" + DataflowJSON.render(deadlock), "deadlock.txt")
    // The ring is one of full and empty FIFOs, each node waiting for the next.
    for (link, next) in zip(deadlock.ring, deadlock.ring.dropFirst() + deadlock.ring.prefix(1)) {
      #expect(link.partner == next.node)
    }
    #expect(deadlock.full == ["held-weights"])
    try Golden.check(OccupancyFigure.svg(trace, title: "deadlock"), "occupancy.svg")
  }

  @Test("Occupancy never exceeds the depth, and its peak is the result's")
  func occupancy() throws {
    for schedule in ["sdpa-naive", "sdpa-memory-free"] {
      let request = try Sample.streaming(schedule)
      let trace = try #require(try Simulation.dataflowTrace(request))
      let fifos = try #require(try Simulation.run(request).dataflow).fifos
      for (track, fifo) in zip(trace.tracks, fifos) {
        let peak = track.steps.map(\.count).max()
        #expect(peak == fifo.peak, "\(schedule) \(fifo.name)")
        #expect((fifo.peak ?? 0) <= (fifo.depth ?? .max))
        // The slot of the very last element is free again a cycle after the run.
        #expect(track.steps.last?.count == (fifo.reader == "write outputs" ? 1 : 0))
      }
    }
  }
}
