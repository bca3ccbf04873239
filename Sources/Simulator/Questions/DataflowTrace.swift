import Dataflow
public import HWModels
import Programs
public import Results

/// A recorded run of one copy of a streaming graph, or of all stages of a pipeline with an image each: who fired when, and
/// how full each FIFO was.
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
  /// What of the call was played, in words; nil for all of it.
  public var part: String?
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
    // Stages work side by side, the graphs of one stage one after another.
    let stages = placement.pipeline == nil ? [[placement.shares[0].graph]] : placement.shares.map(\.graphs)
    let count = stages.reduce(0) { $0 + $1.count }
    var recordings: [DataflowRecording] = []
    for stage in stages {
      var start = 0
      for graph in stage {
        let recording = try DataflowRecording(
          graph, run.timing, start: start, prefix: count == 1 ? "" : graph.name + ": ",
          limit: max(keepsFirings ? limit / count : limit, 1), keepsFirings: keepsFirings)
        start += recording.span
        recordings.append(recording)
        // Nothing follows a graph that is stuck.
        if recording.deadlock != nil { break }
      }
    }
    let total = recordings.reduce(0) { max($0, $1.start + $1.total) }
    let end = recordings.reduce(total) { $1.isWhole ? $0 : min($0, $1.start + $1.end) }
    var events: [TraceEvent] = []
    for recording in recordings { events += recording.events(until: end) }
    if recordings.count > 1 { events.sort { $0.start < $1.start } }
    return DataflowTrace(
      graph: count == 1 ? stages[0][0].name : program.schedule, part: part(of: placement), events: events,
      tracks: recordings.flatMap { $0.tracks(until: end) }, end: end, total: total,
      deadlock: recordings.lazy.compactMap(\.deadlock).first, clock: run.clock)
  }

  private static func part(of placement: DataflowPlacement) -> String? {
    guard let pipeline = placement.pipeline else {
      return placement.copies == 1 ? nil : "the whole run of one of \(placement.copies) copies"
    }
    let layer = pipeline.layers == 1 ? "" : " in one of \(pipeline.layers) layers"
    return placement.shares.count == 1 ? "one image\(layer)" : "an image in each stage\(layer)"
  }
}

/// One graph played and recorded from a cycle on.
private struct DataflowRecording {
  private let graph: DataflowGraph
  private let prefix: String
  private let recorder: DataflowRecorder
  let start: Int
  /// Cycles after `start` up to which all is recorded, of the whole run, and until the next graph can follow.
  let end: Int
  let total: Int
  let span: Int
  /// Set where it gets stuck.
  let deadlock: DataflowDeadlock?
  var isWhole: Bool { end >= total }

  init(
    _ graph: DataflowGraph, _ timing: DataflowTiming, start: Int, prefix: String, limit: Int,
    keepsFirings: Bool
  ) throws(SimulationError) {
    self.graph = graph
    self.start = start
    self.prefix = prefix
    // How it ends, whatever the recording covers.
    do throws(SimulationError) {
      let outcome = try DataflowRun.play(graph, timing)
      (total, span, deadlock) = (outcome.end, outcome.span, nil)
    } catch .dataflowDeadlock(let found) {
      (total, span, deadlock) = (found.cycle, found.cycle, found)
    }
    let fresh = DataflowRecorder(
      nodes: graph.nodes.count, fifos: graph.fifos.count, limit: limit, keepsFirings: keepsFirings)
    var simulation = DataflowSimulation(graph, timing: timing, detectsPeriods: false, recorder: fresh)
    let outcome = simulation.run()
    recorder = simulation.recorder ?? fresh
    end = recorder.isFull ? min(simulation.horizon - 1, total) : outcome.end
  }

  /// Firings up to cycle `last` of the recording.
  func events(until last: Int) -> [TraceEvent] {
    let kept = recorder.firings.filter { $0.end + start <= last }
    return kept.sorted { ($0.start, $0.node) < ($1.start, $1.node) }.map {
      let node = graph.nodes[$0.node]
      let groups = max((node.inputs + node.outputs).map(\.every).max() ?? 1, 1)
      let (from, to) = ((start + $0.start) * Tick.perCycle, (start + $0.end) * Tick.perCycle)
      return TraceEvent(
        core: 0, slot: 0, actor: prefix + node.name,
        operation: groups > 1 ? "row \($0.firing / groups)" : node.pattern.rawValue, resource: nil,
        ready: from, start: from, end: to, cause: .own)
    }
  }

  /// How full each FIFO was up to cycle `last` of the recording.
  func tracks(until last: Int) -> [DataflowTrace.Track] {
    let end = last - start
    return graph.fifos.indices.map { index in
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
        if count != steps[steps.count - 1].count { steps.append((start + cycle, count)) }
      }
      return .init(name: prefix + graph.fifos[index].name, depth: graph.fifos[index].depth, steps: steps)
    }
  }
}
