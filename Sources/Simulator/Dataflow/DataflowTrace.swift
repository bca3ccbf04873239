public import HWModels
import Schedules

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

  public var graph: String
  /// Firings as operations of the nodes.
  public var events: [TraceEvent]
  public var tracks: [Track]
  /// The cycle up to which all is recorded.
  public var end: Int
  /// Cycles of the whole run; where it gets stuck, up to there.
  public var total: Int
  /// Set where the graph gets stuck.
  public var deadlock: DataflowDeadlock?
  /// The clock of the run.
  public var clock: Frequency
  /// Whether the recording covers the run.
  public var isWhole: Bool { end >= total }
}

extension Simulation {
  /// Plays the graph of a streaming program element by element, until it ends, gets stuck, or `limit` events are recorded.
  /// nil for programs of kernels.
  ///
  /// - Parameter keepsFirings: whether nodes' firings are recorded beside what FIFOs hold.
  /// - Throws: as `program`, and where FIFOs would hold more than can be simulated.
  public static func dataflowTrace(
    _ request: SimulationRequest, limit: Int = 1_000_000, keepsFirings: Bool = true
  ) throws(SimulationError) -> DataflowTrace? {
    let program = try program(request)
    guard let placement = program.placement else { return nil }
    let run = try DataflowRun(request, program, placement)
    let graph = placement.shares[0].graph
    // How it ends, whatever the recording covers.
    var (total, deadlock): (Int, DataflowDeadlock?) = (0, nil)
    do throws(SimulationError) {
      total = try DataflowRun.play(graph, run.timing).end
    } catch .dataflowDeadlock(let found) {
      (total, deadlock) = (found.cycle, found)
    }
    var simulation = DataflowSimulation(
      graph, timing: run.timing, detectsPeriods: false,
      recorder: DataflowRecorder(
        nodes: graph.nodes.count, fifos: graph.fifos.count, limit: limit, keepsFirings: keepsFirings))
    let outcome = simulation.run()
    guard let recorder = simulation.recorder else { return nil }
    let end = recorder.isFull ? min(simulation.horizon - 1, total) : outcome.end
    return DataflowTrace(
      graph: graph.name, events: events(recorder, graph, end: end), tracks: tracks(recorder, graph, end: end),
      end: end,
      total: total, deadlock: deadlock, clock: run.clock)
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
