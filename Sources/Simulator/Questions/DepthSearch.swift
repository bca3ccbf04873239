import Dataflow
import Programs
public import Results

/// The smallest depth of each FIFO of a streaming program, found by search.
///
/// More depth never makes a run slower, and never makes it stuck. So: play with unbounded FIFOs to know the fewest cycles;
/// give each FIFO as much as it held then; then shrink one FIFO after another, the deepest first, as far as the goal
/// allows, by bisection. No single FIFO of the result can be shallower; another order of shrinking may trade one for
/// another.
/// - Complexity: O(FIFOs x log depth) runs, each jumped within rows and from row to row.
public struct DepthSearch: Sendable {
  /// What the depths must keep.
  public enum Goal: String, Sendable, CaseIterable {
    /// As few cycles as with unbounded FIFOs.
    case fullRate = "full-rate"
    /// No deadlock, however slow.
    case noDeadlock = "no-deadlock"
  }

  /// A FIFO with its least depth.
  public struct FIFO: Sendable, Hashable {
    public var name: String
    /// Depth that the request has; nil without a bound.
    public var asked: Int?
    public var fullRate: Int
    public var noDeadlock: Int
    public var bytesPerElement: Int
  }

  /// The least depths, and what they were compared with.
  public struct Result: Sendable {
    public var fifos: [FIFO]
    /// Cycles with unbounded FIFOs, with the depths for full rate, and with those that just do not deadlock.
    public var unboundedCycles: Int
    public var fullRateCycles: Int
    public var noDeadlockCycles: Int
    /// With the depths asked for; nil where they deadlock.
    public var askedCycles: Int?
    public var runs: Int
  }

  private var graph: DataflowGraph
  private let timing: DataflowTiming
  private var runs = 0

  /// Searches the depths for one copy of the program's graph.
  ///
  /// - Throws: where the request is no streaming program.
  public static func run(_ request: SimulationRequest) throws(SimulationError) -> Result {
    let program = try Simulation.program(request)
    guard let placement = program.placement else {
      throw .schedule(
        .unsupported(
          schedule: program.schedule, field: "schedule", message: "has no FIFOs whose depth could be searched"
        ))
    }
    var search = DepthSearch(
      graph: placement.shares[0].graph, timing: try DataflowRun(request, program, placement).timing)
    return try search.result()
  }

  init(graph: DataflowGraph, timing: DataflowTiming) {
    self.graph = graph
    self.timing = timing
  }

  mutating func result() throws(SimulationError) -> Result {
    let asked = graph.fifos.map(\.depth)
    let askedCycles = cycles(asked)
    for index in graph.fifos.indices { graph.fifos[index].depth = nil }
    runs += 1
    let unbounded = try DataflowRun.play(graph, timing)
    // What a FIFO held without a bound is enough; one that grew without bound needs at most all elements.
    let enough = graph.fifos.indices.map { max(unbounded.peaks[$0] ?? graph.elements(of: $0), 1) }
    if let large = enough.firstIndex(where: { $0 > DataflowSimulation.largestRing }) {
      throw DataflowRun.overfull(graph.fifos[large], in: graph)
    }
    let full = shrink(enough, within: unbounded.end)
    let alive = shrink(full, within: nil)
    return Result(
      fifos: graph.fifos.indices.map {
        .init(
          name: graph.fifos[$0].name, asked: asked[$0], fullRate: full[$0], noDeadlock: alive[$0],
          bytesPerElement: graph.fifos[$0].bytesPerElement)
      },
      unboundedCycles: unbounded.end, fullRateCycles: cycles(full) ?? unbounded.end,
      noDeadlockCycles: cycles(alive) ?? unbounded.end, askedCycles: askedCycles, runs: runs)
  }

  /// Cycles with these depths; nil where they deadlock.
  private mutating func cycles(_ depths: [Int?]) -> Int? {
    for index in depths.indices { graph.fifos[index].depth = depths[index] }
    var simulation = DataflowSimulation(graph, timing: timing)
    runs += 1
    let outcome = simulation.run()
    return outcome.blocked.isEmpty ? outcome.end : nil
  }

  /// Depths no larger than `start`, each as small as the others let it be, that end within `limit` cycles, or at all.
  private mutating func shrink(_ start: [Int], within limit: Int?) -> [Int] {
    var depths = start
    for index in depths.indices.sorted(by: { (depths[$1], $0) < (depths[$0], $1) }) {
      func isEnough(_ depth: Int, _ search: inout DepthSearch) -> Bool {
        var tried = depths
        tried[index] = depth
        guard let cycles = search.cycles(tried) else { return false }
        return limit.map { cycles <= $0 } ?? true
      }
      // Most FIFOs are short: try those before bisecting.
      var (low, high) = (0, depths[index])
      for small in [1, 2] where small < high {
        if isEnough(small, &self) { high = small } else { low = small }
        if high <= low + 1 { break }
      }
      while high - low > 1 {
        let middle = (low + high) / 2
        if isEnough(middle, &self) { high = middle } else { low = middle }
      }
      depths[index] = high
    }
    return depths
  }
}
