import HWModels
public import Schedules

/// A recorded run of one copy of a streaming graph: who fired when, and how full each FIFO was.
public struct DataflowTrace: Sendable {
  /// How full a FIFO was over time.
  public struct Track: Sendable {
    public var name: String
    /// nil without a bound.
    public var depth: Int?
    /// Cycles at which the number of elements changed, ascending, and the number from then on.
    public var steps: [(cycle: Int, count: Int)]
  }

  /// Firings as operations of the nodes.
  public var events: [TraceEvent]
  public var tracks: [Track]
  /// The cycle up to which all is recorded.
  public var end: Int
  /// Whether that is the end of the run.
  public var isWhole: Bool
  /// Set where the graph got stuck.
  public var deadlock: DataflowDeadlock?
}

extension Simulation {
  /// Plays the graph of a streaming program element by element, until it ends, gets stuck, or `limit` events are recorded.
  /// nil for programs of kernels.
  ///
  /// - Throws: as `program`.
  public static func dataflowTrace(
    _ request: SimulationRequest, limit: Int = 1_000_000
  ) throws(SimulationError) -> DataflowTrace? {
    let program = try program(request)
    guard let placement = program.placement else { return nil }
    let timing = try DataflowRun(request, program, placement).timing
    let graph = placement.shares[0].graph
    var simulation = DataflowSimulation(
      graph, timing: timing, detectsPeriods: false,
      recorder: DataflowRecorder(nodes: graph.nodes.count, fifos: graph.fifos.count, limit: limit))
    let outcome = simulation.run()
    let isWhole = simulation.recorder.map { !$0.isFull } ?? true
    let end =
      isWhole
      ? outcome.end
      : graph.nodes.indices.filter { simulation.nodes.base[$0].remaining > 0 }
        .map { simulation.nodes.base[$0].time }.min() ?? outcome.end
    guard let recorder = simulation.recorder else { return nil }
    return DataflowTrace(
      events: events(recorder, graph, end: end), tracks: tracks(recorder, graph, end: end), end: end,
      isWhole: isWhole,
      deadlock: isWhole && !outcome.blocked.isEmpty ? DataflowDeadlock(simulation, outcome) : nil)
  }

  private static func events(
    _ recorder: DataflowRecorder, _ graph: DataflowGraph, end: Int
  ) -> [TraceEvent] {
    recorder.firings.filter { $0.end <= end }.sorted { ($0.start, $0.node) < ($1.start, $1.node) }.map {
      let node = graph.nodes[$0.node]
      let groups = max((node.inputs + node.outputs).map(\.every).max() ?? 1, 1)
      return TraceEvent(
        core: 0, slot: 0, actor: node.name,
        operation: groups > 1 ? "row \($0.firing / groups)" : node.pattern.rawValue, resource: nil,
        ready: $0.start * Tick.perCycle, start: $0.start * Tick.perCycle, end: $0.end * Tick.perCycle,
        cause: .own)
    }
  }

  private static func tracks(
    _ recorder: DataflowRecorder, _ graph: DataflowGraph, end: Int
  ) -> [DataflowTrace.Track] {
    graph.fifos.indices.map { index in
      var steps: [(cycle: Int, count: Int)] = [(0, 0)]
      let (entered, left) = (recorder.entered[index], recorder.left[index])
      var (enteredCount, leftCount) = (0, 0)
      while true {
        let nextIn = enteredCount < entered.count ? entered[enteredCount] : Int.max
        let nextOut = leftCount < left.count ? left[leftCount] : Int.max
        let cycle = min(nextIn, nextOut)
        guard cycle <= end else { break }
        while leftCount < left.count, left[leftCount] == cycle { leftCount += 1 }
        while enteredCount < entered.count, entered[enteredCount] == cycle { enteredCount += 1 }
        let count = enteredCount - leftCount
        if count != steps[steps.count - 1].count { steps.append((cycle, count)) }
      }
      return .init(name: graph.fifos[index].name, depth: graph.fifos[index].depth, steps: steps)
    }
  }
}
