import HWModels
import Schedules

/// A streaming program timed and put into words: the counterpart of `KernelSimulation` and `ResultAssembly`.
struct DataflowRun {
  let request: SimulationRequest
  let program: Program
  let placement: DataflowPlacement
  let timing: DataflowTiming

  init(_ request: SimulationRequest, _ program: Program, _ placement: DataflowPlacement)
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
    for graph in placement.shares.flatMap(\.graphs) where timing.ceiling(graph) * passes > 4e18 {
      throw .schedule(
        .unsupported(
          schedule: program.schedule, field: "seq", message: "would take more than 2^62 cycles for this shape"
        ))
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
  func result() throws(SimulationError) -> SimulationResult {
    if let pipeline = placement.pipeline { return try PipelineRun(self, pipeline).result() }
    var outcomes: [DataflowSimulation.Outcome] = []
    for share in placement.shares { outcomes.append(try Self.play(share.graph, timing)) }
    let cycles = outcomes.reduce(0) { max($0, $1.end) }
    let clock = clock
    let time = Cycles(Double(cycles)) / clock
    let seconds = Double(cycles) / clock.value
    let energy = request.device.power.idle.value * seconds
    let work = work()
    return SimulationResult(
      request: request, time: time, kernelTime: time, cycles: Cycles(Double(cycles)),
      clock: .init(
        mode: request.mode, frequency: clock, limiter: isLocked ? .locked : .maximum,
        power: request.device.power.idle, energy: Energy(energy)),
      phases: phases(cycles, clock), kernels: [kernel(outcomes, cycles)], resources: [use(cycles)],
      traffic: [
        .init(level: "dram", readBytes: work.globalRead + work.streamRead, writeBytes: work.globalWrite)
      ],
      work: work, usefulFlops: program.shape.usefulFlops, executedFlops: work.matrixFlops,
      bounds: [bound(clock)], warnings: program.warnings,
      statistics: .init(
        events: outcomes.reduce(0) { $0 + $1.events },
        jumpedEvents: outcomes.reduce(0) { $0 + $1.jumpedEvents }),
      dataflow: describe(outcomes[0], cycles))
  }

  /// Plays a graph to its end.
  static func play(
    _ graph: DataflowGraph, _ timing: DataflowTiming
  ) throws(SimulationError) -> DataflowSimulation.Outcome {
    var simulation = DataflowSimulation(graph, timing: timing)
    let outcome = simulation.run()
    if let fifo = outcome.overfull { throw overfull(graph.fifos[fifo], in: graph) }
    guard outcome.blocked.isEmpty else { throw .dataflowDeadlock(DataflowDeadlock(simulation, outcome)) }
    return outcome
  }

  /// A FIFO that would have to hold more elements than have room here.
  static func overfull(_ fifo: DataflowGraph.FIFO, in graph: DataflowGraph) -> SimulationError {
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
  var clock: Frequency {
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

  func describe(_ outcome: DataflowSimulation.Outcome, _ cycles: Int) -> DataflowResult {
    let share = placement.shares[0]
    let graph = share.graph
    return DataflowResult(
      graph: graph.name, copies: placement.copies, headsPerCopy: share.heads,
      nodes: graph.nodes.map { node in
        .init(
          name: node.name, pattern: node.pattern.rawValue, firings: node.firings,
          use: Double(node.firings) * Double(timing.interval(of: node.delay)) / Double(max(cycles, 1)))
      },
      fifos: graph.fifos.indices.map { index in
        let fifo = graph.fifos[index]
        let ends = graph.ends(of: index)
        return .init(
          name: fifo.name, writer: ends.map { graph.nodes[$0.writer].name } ?? "",
          reader: ends.map { graph.nodes[$0.reader].name } ?? "", depth: fifo.depth,
          bytesPerElement: fifo.bytesPerElement, elements: graph.elements(of: index),
          peak: outcome.peaks[index])
      })
  }
}
