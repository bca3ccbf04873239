import Attention
import Dataflow
import HWModels
public import Programs
public import Results
import Schedules

/// How much parallelism of an FPGA kernel a board holds: UbiMoE's search in two stages.
///
/// Stage one is genetic: designs are vectors of parameter values; the fitter of two drawn at random are crossed and changed, and
/// the fittest stay. A design is fitter with fewer cycles from one image to the next, then with fewer multipliers; designs
/// that do not fit are not fit at all. Stage two goes through the parameters and finds by bisection the least parallel value
/// that keeps the cycles: what is faster than the slowest stage needs gives back multipliers.
///
/// Cycles are those of the busiest node of each graph, and memory's; the winner is played.
/// - Source: arXiv 2502.05602, whose abstract names the search. Its text and settings were not readable: population, draws
///   and the order of the second stage are ours.
/// - Complexity: O(population x generations) programs built, none played.
public struct ParallelismSearch: Sendable {
  /// One choice of all parameters, with what it needs and gives.
  public struct Design: Sendable, Hashable {
    /// By parameter, in the order of the axes.
    public var values: [String]
    /// From one image to the next.
    public var cycles: Double
    public var budget: Budget
    var multipliers: Int { budget.lines.first?.needed ?? 0 }
  }

  /// The best designs found, and how many were tried.
  public struct Result: Sendable {
    public var axes: [ParallelismAxis]
    /// With the parameters of the request; nil where it does not fit.
    public var asked: Design?
    public var genetic: Design
    public var final: Design
    /// Cycles of the final design when played.
    public var playedCycles: Double
    /// Time of an image.
    public var seconds: Double
    public var evaluated: Int
    public var space: Int
  }

  private static let population = 48
  private static let generations = 60

  private let request: SimulationRequest
  private let axes: [ParallelismAxis]
  /// Share of the board that the kernels may take.
  private let share: Double
  private var known: [[Int]: Design?] = [:]
  private var state: UInt64

  /// - Parameter share: part of each resource that the kernels may take, above 0 and up to 1.
  /// - Throws: where the schedule has nothing to search, refuses the shape, or no design fits.
  public static func run(
    _ request: SimulationRequest, share: Double = 1, seed: UInt64 = 1
  ) throws(SimulationError) -> Result {
    var search = try ParallelismSearch(request, share: share, seed: seed)
    return try search.result()
  }

  private init(_ request: SimulationRequest, share: Double, seed: UInt64) throws(SimulationError) {
    // Any mistake of the request is thrown, except that its own design does not fit.
    do throws(SimulationError) {
      _ = try Simulation.program(request)
    } catch .schedule(.doesNotFit) {
    }
    guard let schedule = request.scheduleType, !schedule.parallelism.isEmpty else {
      throw .schedule(
        .unsupported(
          schedule: request.schedule, field: "schedule", message: "has no parallelism that could be searched")
      )
    }
    self.request = request
    self.share = share
    axes = schedule.parallelism
    state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  }

  private mutating func result() throws(SimulationError) -> Result {
    var asked: Design?
    if let program = try? Simulation.program(request) { asked = design([], program) }
    guard let best = genetic() else { throw .schedule(smallestDoesNotFit()) }
    let final = bisected(best)
    guard let genetic = evaluate(best), let design = evaluate(final) else {
      throw .schedule(smallestDoesNotFit())
    }
    let played = try Simulation.run(request(with: final))
    return Result(
      axes: axes, asked: asked, genetic: genetic, final: design, playedCycles: played.cycles.value,
      seconds: played.time.value / Double(max(request.shape.batch, 1)), evaluated: known.count,
      space: axes.reduce(1) { $0 * $1.values.count })
  }

  /// The best of all designs, one after another: for small spaces, and for tests.
  package static func exhaustive(_ request: SimulationRequest, share: Double = 1) throws(SimulationError)
    -> Design?
  {
    var search = try ParallelismSearch(request, share: share, seed: 1)
    var best: Design?
    var genes = [Int](repeating: 0, count: search.axes.count)
    while true {
      if let design = search.evaluate(genes), best.map({ isFitter(design, $0) }) ?? true { best = design }
      var place = 0
      while place < genes.count, genes[place] == search.axes[place].values.count - 1 {
        genes[place] = 0
        place += 1
      }
      guard place < genes.count else { return best }
      genes[place] += 1
    }
  }

  private static func isFitter(_ a: Design, _ b: Design) -> Bool {
    (a.cycles, Double(a.multipliers)) < (b.cycles, Double(b.multipliers))
  }

  // MARK: Stages

  private mutating func genetic() -> [Int]? {
    // The least parallel design fits if any does.
    var pool: [[Int]] = [[Int](repeating: 0, count: axes.count)]
    while pool.count < Self.population { pool.append(axes.map { draw($0.values.count) }) }
    for _ in 0..<Self.generations {
      var children: [[Int]] = []
      while children.count < Self.population {
        let (a, b) = (winner(pool), winner(pool))
        var child = axes.indices.map { draw(2) == 0 ? a[$0] : b[$0] }
        for place in axes.indices where draw(3) == 0 {
          let count = axes[place].values.count
          // Three times in four a value near the parent's, else any.
          child[place] =
            draw(4) == 0 ? draw(count) : min(max(child[place] + draw(9) - 4, 0), count - 1)
        }
        children.append(child)
      }
      pool = Array(ranked(pool + children).prefix(Self.population))
    }
    return pool.first { evaluate($0) != nil }
  }

  private mutating func ranked(_ pool: [[Int]]) -> [[Int]] {
    var seen: Set<[Int]> = []
    var rated: [(genes: [Int], design: Design?)] = []
    for genes in pool where seen.insert(genes).inserted { rated.append((genes, evaluate(genes))) }
    rated.sort { a, b in
      guard let left = a.design else { return b.design == nil && a.genes.lexicographicallyPrecedes(b.genes) }
      guard let right = b.design else { return true }
      if left.cycles != right.cycles || left.multipliers != right.multipliers {
        return Self.isFitter(left, right)
      }
      return a.genes.lexicographicallyPrecedes(b.genes)
    }
    return rated.map(\.genes)
  }

  private mutating func winner(_ pool: [[Int]]) -> [Int] {
    let (a, b) = (pool[draw(pool.count)], pool[draw(pool.count)])
    guard let left = evaluate(a) else { return b }
    guard let right = evaluate(b) else { return a }
    return Self.isFitter(right, left) ? b : a
  }

  private mutating func bisected(_ start: [Int]) -> [Int] {
    guard let goal = evaluate(start) else { return start }
    var best = start
    for place in axes.indices {
      var (low, high) = (-1, best[place])
      while high - low > 1 {
        let middle = (low + high) / 2
        var tried = best
        tried[place] = middle
        if let design = evaluate(tried), design.cycles <= goal.cycles { high = middle } else { low = middle }
      }
      var tried = best
      tried[place] = high
      if let design = evaluate(tried), design.cycles <= goal.cycles,
        design.multipliers <= evaluate(best)?.multipliers ?? .max
      {
        best = tried
      }
    }
    return best
  }

  // MARK: Designs

  private func request(with genes: [Int]) -> SimulationRequest {
    var changed = request
    for (axis, gene) in zip(axes, genes) { changed.parameters.values[axis.parameter] = axis.values[gene] }
    return changed
  }

  /// nil where the design does not fit.
  private mutating func evaluate(_ genes: [Int]) -> Design? {
    if let design = known[genes] { return design }
    var found: Design?
    if let program = try? Simulation.program(request(with: genes)) {
      found = design(zip(axes, genes).map { $0.values[$1] }, program)
    }
    known[genes] = .some(found)
    return found
  }

  private func design(_ values: [String], _ program: Program) -> Design? {
    guard let placement = program.placement, let pipeline = placement.pipeline,
      let run = try? DataflowRun(request, program, placement),
      placement.budget.lines.allSatisfy({ line in
        line.available.map { Double(line.needed) <= Double($0) * share } ?? true
      })
    else { return nil }
    let perLayer = PipelineRun.cycles(placement, run.timing, memory: request.device, clock: run.clock)
    return Design(values: values, cycles: perLayer * Double(pipeline.layers), budget: placement.budget)
  }

  private func smallestDoesNotFit() -> ScheduleError {
    let genes = [Int](repeating: 0, count: axes.count)
    do throws(SimulationError) {
      let program = try Simulation.program(request(with: genes))
      var budget = program.placement?.budget ?? Budget(lines: [])
      for index in budget.lines.indices {
        budget.lines[index].available = budget.lines[index].available.map { Int(Double($0) * share) }
      }
      return .doesNotFit(schedule: request.schedule, budget: budget)
    } catch {
      if case .schedule(let error) = error { return error }
      return .unsupported(schedule: request.schedule, field: "device", message: "does not fit")
    }
  }

  private mutating func draw(_ limit: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(max(limit, 1)))
  }
}
