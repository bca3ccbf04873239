import Attention
import HWModels
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

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

  /// Rows so long that strides within them are jumped too.
  @Test("Random graphs of few long rows: the jump equals the full run", arguments: 0..<8)
  func long(block: Int) {
    var jumped = 0
    for seed in UInt64(block * 20)..<UInt64(block * 20 + 20) {
      let one = DataflowCase(seed: 10_000 + seed, largestRows: 6, largestKeys: 3000)
      if compare(one.graph, one.timing, one.description) { jumped += 1 }
    }
    #expect(jumped > 4, "\(jumped) jumped")
  }

  @Test(
    "Attention graphs of long rows and random depths of each FIFO",
    arguments: [
      "sdpa-naive", "sdpa-unscaled", "sdpa-reordered", "sdpa-unscaled-reordered", "sdpa-memory-free",
    ])
  func longAttention(schedule: String) throws {
    var generator = SplitMix(seed: 7)
    for _ in 0..<12 {
      let keys = Int.random(in: 100...700, using: &generator)
      let shape = try AttentionShape(
        batch: 1, headsQ: 1, seqQ: .random(in: 2...20, using: &generator), seqKV: keys, headDim: 4,
        dataType: .fp32)
      var timing = DataflowTiming()
      timing.latency = .random(in: 1...4, using: &generator)
      timing.exponentialLatency = .random(in: 1...9, using: &generator)
      let type = try #require(ScheduleRegistry.standard[schedule])
      let program = try type.init(parameters: .init()).program(
        for: shape, on: DataflowTruthTests.machine())
      var graph = try #require(program.placement).shares[0].graph
      for index in graph.fifos.indices {
        graph.fifos[index].depth =
          [nil, 1, 2, 3, 8, keys - 1, keys, keys + 1, keys + 2, 3 * keys]
          .randomElement(using: &generator) ?? 2
      }
      _ = compare(graph, timing, "\(schedule) \(shape) \(graph.fifos.map(\.depth)) \(timing)")
    }
  }

  @Test(
    "Attention graphs of random sizes and depths",
    arguments: [
      "sdpa-naive", "sdpa-unscaled", "sdpa-reordered", "sdpa-unscaled-reordered", "sdpa-memory-free",
    ])
  func attention(schedule: String) throws {
    var generator = SplitMix(seed: 5)
    for _ in 0..<40 {
      let shape = try AttentionShape(
        batch: 1, headsQ: Int.random(in: 1...3, using: &generator),
        seqQ: .random(in: 1...60, using: &generator),
        seqKV: .random(in: 1...60, using: &generator), headDim: 4, dataType: .fp32)
      var timing = DataflowTiming()
      timing.latency = .random(in: 1...4, using: &generator)
      timing.exponentialLatency = .random(in: 1...9, using: &generator)
      var parameters = ["short": "\(Int.random(in: 1...8, using: &generator))"]
      let type = try #require(ScheduleRegistry.standard[schedule])
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

  @Test(
    "The length of a row costs no events, in closed form up to 10^8 tokens",
    arguments: [("sdpa-memory-free", 0, 4), ("sdpa-unscaled-reordered", 0, 4)])
  func rowCost(schedule: String, linear: Int, constant: Int) throws {
    func play(_ tokens: Int) throws -> DataflowSimulation.Outcome {
      let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: tokens, headDim: 1, dataType: .fp32)
      let type = try #require(ScheduleRegistry.standard[schedule])
      let program = try type.init(parameters: .init()).program(
        for: shape, on: DataflowTruthTests.machine())
      return try DataflowTruthTests.play(#require(program.placement).shares[0].graph)
    }
    for tokens in [4096, 65_536, 1_000_003, 100_000_000] {
      let outcome = try play(tokens)
      #expect(outcome.end == tokens * tokens + linear * tokens + constant)
      #expect(outcome.events < 50_000)
    }
  }

  @Test("The depths of a search at 4096 tokens take few events, and more room than the ring is refused")
  func searchCost() throws {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 4096, headDim: 16, dataType: .fp32)
    let request = SimulationRequest(
      schedule: "sdpa-naive", shape: shape, device: DataflowTruthTests.machine())
    let result = try DepthSearch.run(request)
    let depths = Dictionary(uniqueKeysWithValues: result.fifos.map { ($0.name, $0) })
    // Smallest depths of the table: N + 2 at full rate, N without deadlock (N - 1 where the score is written to the maximum
    // first).
    #expect(depths["held-scores"]?.fullRate == 4098 && depths["held-weights"]?.fullRate == 4098)
    #expect(depths["held-scores"]?.noDeadlock == 4095 && depths["held-weights"]?.noDeadlock == 4096)
    #expect(result.unboundedCycles == 4096 * 4096 + 2 * 4096 + 4)
    #expect(result.fullRateCycles == result.unboundedCycles && result.askedCycles == result.unboundedCycles)
    var deep = request
    deep.shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 1 << 26, headDim: 16, dataType: .fp32)
    #expect {
      try Simulation.run(deep)
    } throws: {
      "\($0)".contains("more than 33554432 elements")
    }
  }

  @Test(
    "A recording that is cut short covers as many cycles as it says",
    arguments: ["sdpa-naive", "sdpa-memory-free"], [64, 4096])
  func recording(schedule: String, tokens: Int) throws {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: tokens, headDim: 1, dataType: .fp32)
    let request = SimulationRequest(schedule: schedule, shape: shape, device: DataflowTruthTests.machine())
    let short = try #require(try Simulation.dataflowTrace(request, limit: 20_000))
    let long = try #require(try Simulation.dataflowTrace(request, limit: 60_000))
    // A node has at most four ports here, and each firing is one event more.
    #expect(!short.isWhole && short.end > 20_000 / (14 * 5) && short.end < long.end)
    #expect(short.total == long.total && long.end <= long.total)
    for (a, b) in zip(short.tracks, long.tracks) {
      #expect(b.steps.prefix { $0.cycle <= short.end }.elementsEqual(a.steps) { $0 == $1 }, "\(a.name)")
    }
    #expect(short.events.count == long.events.count { $0.end <= short.end * Tick.perCycle })
  }
}
