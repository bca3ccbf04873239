package import HWModels
package import Programs
package import Results

/// A streaming program timed and put into words: the counterpart of `KernelSimulation` and `ResultAssembly`.
package struct DataflowRun {
  package let request: SimulationRequest
  let program: Program
  let placement: DataflowPlacement
  package let timing: DataflowTiming

  package init(_ request: SimulationRequest, _ program: Program, _ placement: DataflowPlacement)
    throws(SimulationError)
  {
    guard let timing = DataflowTiming(request.device) else {
      throw .schedule(
        .missingResource(schedule: program.schedule, part: "streaming", device: request.device.id))
    }
    self.request = request
    self.program = program
    self.placement = placement
    self.timing = timing
    // Sums of cycles and events over all graphs then fit an integer, whatever they come to.
    if placement.shares.flatMap(\.graphs).reduce(0, { $0 + timing.ceiling($1) }) * passes > 4e18 {
      throw tooManyCycles
    }
    for graph in placement.shares.flatMap(\.graphs) {
      for (index, fifo) in graph.fifos.enumerated() {
        guard let depth = fifo.depth, depth > DataflowSimulation.largestRing,
          depth < graph.elements(of: index)
        else { continue }
        throw Self.overfull(fifo, in: graph)
      }
    }
  }

  /// - Throws: `SimulationError.dataflowDeadlock` where the graph of some copy cannot go on.
  package func result() throws(SimulationError) -> SimulationResult {
    if let pipeline = placement.pipeline { return try PipelineRun(self, pipeline).result() }
    var outcomes: [DataflowSimulation.Outcome] = []
    for share in placement.shares { outcomes.append(try Self.play(share.graph, timing)) }
    let cycles = outcomes.reduce(0) { max($0, $1.end) }
    try requireCountable(Double(cycles))
    let clock = clock
    let time = Cycles(Double(cycles)) / clock
    let work = work()
    return SimulationResult(
      request: request, time: time, kernelTime: time, cycles: Cycles(Double(cycles)),
      clock: .init(
        mode: request.mode, frequency: clock, limiter: isLocked ? .locked : .maximum,
        power: nil, energy: nil),
      phases: phases(cycles, clock), kernels: [kernel(outcomes, cycles)], resources: [use(cycles)],
      traffic: [
        .init(level: "dram", readBytes: work.globalRead + work.streamRead, writeBytes: work.globalWrite)
      ],
      work: work, usefulFlops: program.usefulFlops, executedFlops: work.matrixFlops,
      bounds: [bound(clock)], warnings: program.warnings,
      statistics: .init(
        events: outcomes.reduce(0) { $0 + $1.events },
        jumpedEvents: outcomes.reduce(0) { $0 + $1.jumpedEvents }),
      dataflow: describe([(placement.shares[0].graph, outcomes[0])], cycles))
  }

  /// Cycles are kept and written as doubles, which count exactly up to 2^53.
  private static let mostCycles = 0x1p53

  /// - Throws: where `cycles` could not be told from their neighbours.
  func requireCountable(_ cycles: Double) throws(SimulationError) {
    if cycles > Self.mostCycles { throw tooManyCycles }
  }

  private var tooManyCycles: SimulationError {
    .schedule(
      .unsupported(
        schedule: program.schedule, field: "seq",
        message:
          "would take more than 2^53 cycles for this shape, which is as many as are counted exactly; take fewer heads or shorter sequences"
      ))
  }

  /// Plays a graph to its end.
  package static func play(
    _ graph: DataflowGraph, _ timing: DataflowTiming
  ) throws(SimulationError) -> DataflowSimulation.Outcome {
    var simulation = DataflowSimulation(graph, timing: timing)
    let outcome = simulation.run()
    if let fifo = outcome.overfull { throw overfull(graph.fifos[fifo], in: graph) }
    guard outcome.blocked.isEmpty else { throw .dataflowDeadlock(DataflowDeadlock(simulation, outcome)) }
    return outcome
  }

  /// A FIFO that would have to hold more elements than have room here.
  package static func overfull(_ fifo: DataflowGraph.FIFO, in graph: DataflowGraph) -> SimulationError {
    .schedule(
      .unsupported(
        schedule: graph.name, field: "depths",
        message:
          "FIFO \(fifo.name) would hold more than \(DataflowSimulation.largestRing) elements, which is as many as can be simulated"
      ))
  }

  /// How often each graph runs.
  private var passes: Double { placement.pipeline.map { Double($0.images) * Double($0.layers) } ?? 1 }

  var isLocked: Bool { if case .locked = request.mode { true } else { false } }

  /// An FPGA runs at the clock that designs close at.
  package var clock: Frequency {
    if case .locked(let clock) = request.mode { return clock }
    return request.device.kind == .fpga ? request.device.clock.nominal : request.device.clock.maximum
  }

  func work() -> Work {
    var work = Work()
    for share in placement.shares {
      for graph in share.graphs {
        for node in graph.nodes {
          work.add(node.work, times: Double(node.firings) * Double(share.copies) * passes)
        }
      }
    }
    return work
  }

  /// Firings of the busiest node, one an interval: no FIFO makes a run shorter.
  private var busiest: Int {
    placement.shares.reduce(0) { most, share in
      share.graph.nodes.reduce(most) { max($0, $1.firings * timing.interval(of: $1.delay)) }
    }
  }

  private func phases(_ cycles: Int, _ clock: Frequency) -> [SimulationResult.Phase] {
    let parts = [("elements", busiest), ("fill and stalls", cycles - busiest)]
    return parts.map { name, cycles in
      .init(name: name, time: Cycles(Double(cycles)) / clock, cycles: Cycles(Double(cycles)))
    }
  }

  private func bound(_ clock: Frequency) -> SimulationResult.Bound {
    let ceiling = clock.value / Double(timing.interval)
    return .init(
      resource: .node, time: Cycles(Double(busiest)) / clock, ceiling: ceiling, unit: "op/s",
      amount: Double(busiest) / Double(timing.interval))
  }

  private func use(_ cycles: Int) -> SimulationResult.ResourceUse {
    var busy = 0.0
    var places = 0
    for share in placement.shares {
      places += share.copies * share.graph.nodes.count
      for node in share.graph.nodes {
        busy += Double(share.copies) * Double(node.firings) * Double(timing.interval(of: node.delay))
      }
    }
    return .init(
      resource: .node, busyCycles: busy, utilisation: busy / (Double(places) * Double(max(cycles, 1))))
  }

  private func kernel(
    _ outcomes: [DataflowSimulation.Outcome], _ cycles: Int
  ) -> SimulationResult.KernelResult {
    let classes = zip(placement.shares, outcomes).map { share, outcome in
      SimulationResult.ClassResult(
        count: share.copies, trips: share.heads, cycles: Cycles(Double(outcome.end)),
        period: outcome.period.map {
          .init(trips: $0.firings, ticks: $0.cycles * Tick.perCycle, jumpedTrips: $0.firings * $0.count)
        })
    }
    let busy = zip(placement.shares, outcomes).reduce(0.0) { $0 + Double($1.0.copies) * Double($1.1.end) }
    return .init(
      name: placement.shares[0].graph.name, cycles: Cycles(Double(cycles)), workItems: placement.heads,
      residentItems: 1, coresUsed: placement.copies, waves: Double(placement.shares[0].heads),
      classes: classes, occupancy: busy / (Double(placement.copies) * Double(max(cycles, 1))))
  }

  /// Nodes and FIFOs of graphs that were played; several have their graph before their names.
  func describe(
    _ played: [(graph: DataflowGraph, outcome: DataflowSimulation.Outcome)], _ cycles: Int
  ) -> DataflowResult {
    var result = DataflowResult(
      graph: played.count == 1 ? played[0].graph.name : program.schedule, copies: placement.copies,
      headsPerCopy: placement.shares[0].heads, nodes: [], fifos: [])
    for (graph, outcome) in played {
      let prefix = played.count == 1 ? "" : graph.name + ": "
      for node in graph.nodes {
        result.nodes.append(
          .init(
            name: prefix + node.name, pattern: node.pattern.rawValue, firings: node.firings,
            use: Double(node.firings) * Double(timing.interval(of: node.delay)) / Double(max(cycles, 1))))
      }
      for (index, fifo) in graph.fifos.enumerated() {
        let ends = graph.ends(of: index)
        result.fifos.append(
          .init(
            name: prefix + fifo.name, writer: ends.map { graph.nodes[$0.writer].name } ?? "",
            reader: ends.map { graph.nodes[$0.reader].name } ?? "", depth: fifo.depth,
            bytesPerElement: fifo.bytesPerElement, elements: graph.elements(of: index),
            peak: outcome.peaks[index]))
      }
    }
    return result
  }
}
