import AttnsimTestSupport
import HWModels
import Schedules
import Testing

@testable import Simulator

/// The period jump of streaming graphs against playing every element, and both against a plain player.
@Suite struct DataflowPeriodTests {
  private func compare(_ graph: DataflowGraph, _ timing: DataflowTiming, _ name: String) -> Bool {
    var jumping = DataflowSimulation(graph, timing: timing)
    var whole = DataflowSimulation(graph, timing: timing, detectsPeriods: false)
    let (a, b) = (jumping.run(), whole.run())
    #expect(a.end == b.end, "\(name)")
    #expect(zip(a.peaks, b.peaks).allSatisfy { $0 == nil || $0 == $1 }, "\(name)")
    #expect(a.blocked == b.blocked, "\(name)")
    #expect(a.events + a.jumpedEvents == b.events, "\(name)")
    return a.jumpedEvents > 0
  }

  @Test("Random graphs: the jump equals the full run, and both the plain player", arguments: 0..<8)
  func random(block: Int) {
    var jumped = 0
    var stuck = 0
    for seed in UInt64(block * 100)..<UInt64(block * 100 + 100) {
      let one = DataflowCase(seed: seed)
      if compare(one.graph, one.timing, one.description) { jumped += 1 }
      var simulation = DataflowSimulation(one.graph, timing: one.timing)
      let outcome = simulation.run()
      let slow = one.slowly()
      #expect(outcome.end == slow.end, "\(one)")
      #expect(outcome.blocked.isEmpty == slow.isDone, "\(one)")
      for (fifo, peak) in outcome.peaks.enumerated() {
        #expect(peak == nil || peak == slow.peaks[fifo], "\(one) \(fifo)")
        #expect(peak != nil || one.graph.fifos[fifo].depth == nil, "\(one) \(fifo)")
      }
      if !slow.isDone { stuck += 1 }
    }
    // The graphs are worth the name only if many jump and some deadlock.
    #expect(jumped > 20 && stuck > 5, "\(jumped) jumped, \(stuck) stuck")
  }

  @Test(
    "Attention graphs of random sizes and depths",
    arguments: [
      "sdpa-naive", "sdpa-unscaled", "sdpa-reordered", "sdpa-unscaled-reordered", "sdpa-memory-free",
    ])
  func attention(schedule: String) throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<40 {
      let shape = try AttentionShape(
        batch: 1, headsQ: Int.random(in: 1...3, using: &generator),
        seqQ: .random(in: 1...60, using: &generator),
        seqKV: .random(in: 1...60, using: &generator), headDim: 4, dataType: .fp32)
      var timing = DataflowTiming()
      timing.latency = .random(in: 1...4, using: &generator)
      timing.exponentialLatency = .random(in: 1...9, using: &generator)
      var parameters = ["short": "\(Int.random(in: 1...8, using: &generator))"]
      let type = try #require(ScheduleRegistry[schedule])
      if type.parameters.contains(where: { $0.name == "long" }) {
        parameters["long"] = ["N+2", "N+1", "N+5", "inf", "200"].randomElement(using: &generator)
      }
      let program = try type.init(parameters: .init(parameters)).program(
        for: shape, on: DataflowTruthTests.machine())
      let graph = try #require(program.placement).shares[0].graph
      _ = compare(graph, timing, "\(schedule) \(shape) \(parameters) \(timing)")
    }
  }

  @Test("A long run is jumped, not played")
  func cost() throws {
    func events(_ queries: Int) throws -> Int {
      let shape = try AttentionShape(
        batch: 1, headsQ: 1, seqQ: queries, seqKV: 64, headDim: 1, dataType: .fp32)
      let program = try StreamingNaive(parameters: .init()).program(
        for: shape, on: DataflowTruthTests.machine())
      return try DataflowTruthTests.play(#require(program.placement).shares[0].graph).events
    }
    #expect(try events(1 << 20) == events(1 << 8))
  }
}
