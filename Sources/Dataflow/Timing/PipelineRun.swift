package import HWModels
package import Programs
package import Results

/// Stages with an image each, timed: an image follows the other after the slowest stage, or after the time that memory takes
/// to carry all stages' words, whichever is longer.
///
/// Each graph is played once, element by element. A graph is ready for the next image when its longest-busy node is
/// (`DataflowSimulation.Outcome.span`); graphs of one stage follow each other.
package struct PipelineRun {
  private let run: DataflowRun
  private let pipeline: DataflowPlacement.Pipeline
  private let outcomes: [[DataflowSimulation.Outcome]]

  /// - Throws: `SimulationError.dataflowDeadlock` where a graph cannot go on.
  init(_ run: DataflowRun, _ pipeline: DataflowPlacement.Pipeline) throws(SimulationError) {
    self.run = run
    self.pipeline = pipeline
    var outcomes: [[DataflowSimulation.Outcome]] = []
    for share in run.placement.shares {
      var stage: [DataflowSimulation.Outcome] = []
      for graph in share.graphs { stage.append(try DataflowRun.play(graph, run.timing)) }
      outcomes.append(stage)
    }
    self.outcomes = outcomes
  }

  private var passes: Double { Double(pipeline.images) * Double(pipeline.layers) }
  /// Cycles of the slowest stage for one image in one layer.
  private var interval: Int { outcomes.reduce(0) { max($0, $1.reduce(0) { $0 + $1.span }) } }

  /// - Throws: where the cycles are more than can be counted exactly.
  package func result() throws(SimulationError) -> SimulationResult {
    let clock = run.clock
    let work = run.work()
    let bytes = work.globalRead + work.streamRead + work.globalWrite
    let bandwidth = run.request.device.fpga?.memoryBandwidth.value ?? 0
    let memoryCycles = bandwidth > 0 ? (bytes / bandwidth * clock.value).rounded(.up) : 0
    let elements = Double(interval) * passes
    let cycles = max(elements, memoryCycles)
    try run.requireCountable(
      max(cycles, outcomes.joined().reduce(0.0) { $0 + Double($1.end) } * Double(pipeline.layers)))
    let time = Cycles(cycles) / clock
    var dataflow = run.describe(
      zip(run.placement.shares.flatMap(\.graphs), outcomes.joined()).map { ($0, $1) }, max(interval, 1))
    dataflow.pipeline = describe(cycles: cycles)
    dataflow.budget = run.placement.budget
    return SimulationResult(
      request: run.request, time: time, kernelTime: time, cycles: Cycles(cycles),
      clock: .init(
        mode: run.request.mode, frequency: clock, limiter: run.isLocked ? .locked : .maximum,
        power: nil, energy: nil),
      phases: [
        .init(name: "slowest stage", time: Cycles(elements) / clock, cycles: Cycles(elements)),
        .init(
          name: "memory stalls", time: Cycles(cycles - elements) / clock, cycles: Cycles(cycles - elements)),
      ], kernels: [kernel(cycles)], resources: uses(cycles, memoryCycles),
      traffic: [
        .init(level: "dram", readBytes: work.globalRead + work.streamRead, writeBytes: work.globalWrite)
      ],
      work: work, usefulFlops: run.program.usefulFlops * Double(pipeline.layers),
      executedFlops: work.matrixFlops, bounds: bounds(clock, bytes: bytes, bandwidth: bandwidth),
      warnings: run.program.warnings,
      statistics: .init(
        events: outcomes.joined().reduce(0) { $0 + $1.events },
        jumpedEvents: outcomes.joined().reduce(0) { $0 + $1.jumpedEvents }),
      dataflow: dataflow)
  }

  /// Firings of the slowest stage's busiest nodes: no depth of a FIFO makes it faster.
  private var busiest: Double { Self.busiest(run.placement, run.timing) * passes }

  private static func busiest(_ placement: DataflowPlacement, _ timing: DataflowTiming) -> Double {
    placement.shares.reduce(0.0) { most, share in
      max(
        most,
        share.graphs.reduce(0.0) { sum, graph in
          sum
            + graph.nodes.reduce(0.0) { max($0, Double($1.firings) * Double(timing.interval(of: $1.delay))) }
        })
    }
  }

  /// Cycles from one image to the next in one layer if no FIFO holds a node up, without playing anything.
  package static func cycles(
    _ placement: DataflowPlacement, _ timing: DataflowTiming, memory device: Device, clock: Frequency
  ) -> Double {
    let bytes = placement.shares.flatMap(\.graphs).reduce(0.0) { $0 + $1.memoryBytes }
    let bandwidth = device.fpga?.memoryBandwidth.value ?? 0
    return max(busiest(placement, timing), bandwidth > 0 ? (bytes / bandwidth * clock.value).rounded(.up) : 0)
  }

  private func bounds(_ clock: Frequency, bytes: Double, bandwidth: Double) -> [SimulationResult.Bound] {
    var bounds = [
      SimulationResult.Bound(
        resource: .node, time: Cycles(busiest) / clock, ceiling: clock.value / Double(run.timing.interval),
        unit: "op/s", amount: busiest / Double(run.timing.interval))
    ]
    if bandwidth > 0 {
      bounds.append(
        .init(
          resource: .dram, time: Duration(bytes / bandwidth), ceiling: bandwidth, unit: "B/s", amount: bytes))
    }
    return bounds
  }

  private func uses(_ cycles: Double, _ memoryCycles: Double) -> [SimulationResult.ResourceUse] {
    var busy = 0.0
    var places = 0
    for share in run.placement.shares {
      for graph in share.graphs {
        places += graph.nodes.count
        for node in graph.nodes { busy += Double(node.firings) * Double(run.timing.interval(of: node.delay)) }
      }
    }
    let whole = max(cycles, 1)
    return [
      .init(
        resource: .node, busyCycles: busy * passes, utilisation: busy * passes / (Double(places) * whole)),
      .init(
        resource: .dram, busyCycles: min(memoryCycles, cycles), utilisation: min(memoryCycles / whole, 1)),
    ]
  }

  private func kernel(_ cycles: Double) -> SimulationResult.KernelResult {
    .init(
      name: run.program.schedule, cycles: Cycles(cycles), workItems: pipeline.images * pipeline.layers,
      residentItems: 1, coresUsed: 1, waves: passes,
      classes: outcomes.joined().map {
        .init(
          count: pipeline.images, trips: pipeline.layers, cycles: Cycles(Double($0.end)),
          period: $0.period.map {
            .init(trips: $0.firings, ticks: $0.cycles * Tick.perCycle, jumpedTrips: $0.firings * $0.count)
          })
      }, occupancy: 1)
  }

  /// Cycles of one image alone.
  private var latencyCycles: Int { outcomes.joined().reduce(0) { $0 + $1.end } * pipeline.layers }

  private func describe(cycles: Double) -> DataflowResult.Pipeline {
    let stages = zip(run.placement.shares, outcomes).map { share, played in
      DataflowResult.Pipeline.Stage(
        kernels: zip(share.graphs, played).map { .init(name: $0.name, cycles: $1.span) })
    }
    let clock = run.request.device.clock
    let image = cycles / Double(pipeline.images)
    let isAssumed = run.request.device.provenance["clock.nominal"]?.kind == .assumed
    return .init(
      layers: pipeline.layers, stages: stages, latencyCycles: latencyCycles,
      clockRange: isAssumed && !run.isLocked
        ? .init(slowest: image / clock.minimum.value, fastest: image / clock.maximum.value) : nil)
  }
}
