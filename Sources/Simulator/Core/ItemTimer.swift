import HWModels
import Programs
import Results

/// Durations of work items by class, from the core level.
///
/// Classes that differ only by whole periods of a loop that was jumped are not simulated again: their times differ
/// by the period's ticks, exactly.
struct ItemTimer {
  private let lowered: LoweredKernel
  private let kernel: Kernel
  private let resident: Int
  /// Items of a slot that are played: one, or as many as it takes until a later one starts as all later ones do.
  let rounds: Int
  private(set) var events = 0
  private(set) var jumpedEvents = 0
  /// Of the longest class so far: ticks before its first loop trip and after its last.
  private(set) var prologue = 0
  private(set) var epilogue = 0
  private var longest = -1
  /// By the trip counts of a class. The count that varies is replaced by minus its index, less one.
  private var references: [[Int]: [Reference]] = [:]
  private var varied: [Int] = []
  private var known: [[Int]: Timing] = [:]

  struct Timing {
    var duration: DeviceSchedule.Duration
    var period: SimulationResult.PeriodResult?
  }

  /// A class that was simulated with a jump in each round: longer ones of equal remainder follow from it.
  private struct Reference {
    var values: [Int]
    var trips: Int
    /// Ticks of the period in the first round and in the last.
    var ticks: (first: Int, later: Int)
    var timing: Timing
  }

  init(lowered: LoweredKernel, kernel: Kernel, resident: Int, repeated: Bool) {
    self.lowered = lowered
    self.kernel = kernel
    self.resident = resident
    // One launched item a core: later rounds are the first plus the launch.
    // A persistent kernel: the producer runs ahead into the next item, so the third item is the first that starts as all
    // later ones do. Loads for the next item lengthen an item and shorten the next, and the last item has none. The pace is
    // the mean of the third and the fourth.
    rounds = repeated ? (kernel.policy.isPersistent ? 4 : resident > 1 ? 2 : 1) : 1
  }

  /// Ticks of the class as the first item of its slot and as a later one, when `resident` items of it run side by
  /// side.
  mutating func timing(of itemClass: ItemClass) throws(SimulationError) -> Timing {
    if let derived = derive(itemClass.values) { return derived }
    if let timing = known[itemClass.values] { return timing }
    let timing = try simulate(itemClass.values)
    known[itemClass.values] = timing
    return timing
  }

  private func derive(_ values: [Int]) -> Timing? {
    for variable in varied {
      for reference in references[Self.others(values, variable)] ?? [] {
        let more = values[variable] - reference.values[variable]
        guard more >= 0, more % reference.trips == 0 else { continue }
        let periods = more / reference.trips
        var timing = reference.timing
        timing.duration.first += periods * reference.ticks.first
        timing.duration.later += periods * reference.ticks.later
        timing.period?.jumpedTrips += more
        return timing
      }
    }
    return nil
  }

  private static func others(_ values: [Int], _ variable: Int) -> [Int] {
    var others = values
    others[variable] = -1 - variable
    return others
  }

  private func queues(_ values: [Int]) -> [[[Int]]] {
    let trips = lowered.trips.map { $0.count(values) }
    return Array(repeating: Array(repeating: trips, count: rounds), count: resident)
  }

  private mutating func simulate(_ values: [Int]) throws(SimulationError) -> Timing {
    var simulation = CoreSimulation(lowered, queues: queues(values))
    return try take(simulation.run(), of: values)
  }

  /// Classes that differ in one trip count, from which on the longest is played once for all of them.
  private static let leastFamily = 8

  /// Times families of `classes` that differ in nothing but one trip count: they are one simulation until an actor of the
  /// shortest begins its last trip, where it parts from the others.
  mutating func prepare(_ classes: [ItemClass]) throws(SimulationError) {
    // With several rounds, the state at the start of a later item depends on the item before it.
    guard rounds == 1, classes.count >= Self.leastFamily else { return }
    for variable in classes[0].values.indices {
      let loops = lowered.trips.map { $0 == .variable(variable, offset: 0) }
      let others = lowered.trips.contains {
        if case .variable(variable, let offset) = $0 { offset != 0 } else { false }
      }
      guard loops.contains(true), !others else { continue }
      var families: [[Int]: Set<Int>] = [:]
      for itemClass in classes {
        var rest = itemClass.values
        rest[variable] = 0
        families[rest, default: []].insert(itemClass.values[variable])
      }
      for rest in families.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        guard let counts = families[rest]?.sorted(), counts.count >= Self.leastFamily else { continue }
        try play(rest, variable, counts, loops: loops)
      }
    }
  }

  private mutating func play(
    _ rest: [Int], _ variable: Int, _ counts: [Int], loops: [Bool]
  ) throws(SimulationError) {
    func values(_ count: Int) -> [Int] {
      var values = rest
      values[variable] = count
      return values
    }
    let longest = values(counts[counts.count - 1])
    var simulation = CoreSimulation(lowered, queues: queues(longest))
    simulation.start()
    // A loop of one or two trips may end before another actor begins its last trip.
    for count in counts.dropLast() where count > 2 {
      guard simulation.play(untilTrip: count - 1) else { break }
      // A jump may have passed it.
      guard simulation.farthestTrip(in: loops) < count else { continue }
      var fork = simulation.fork(queues(values(count)))
      let before = simulation.outcome.events
      known[values(count)] = try take(fork.play(), of: values(count))
      events -= before
    }
    known[longest] = try take(simulation.play(), of: longest)
  }

  private mutating func take(
    _ outcome: CoreSimulation.Outcome, of values: [Int]
  ) throws(SimulationError) -> Timing {
    guard outcome.stuck.isEmpty else {
      throw .deadlock(
        kernel: kernel.name,
        waiting: outcome.stuck.map {
          "\(kernel.actors[$0.actor].name) waits for \(kernel.barriers[$0.barrier].name)"
        })
    }
    events += outcome.events
    jumpedEvents += outcome.jumpedEvents
    func roundEnd(_ round: Int) -> Int { outcome.items.reduce(0) { max($0, $1[round].end) } }
    let first = roundEnd(0)
    if first > longest, let item = outcome.items.first?.first {
      longest = first
      prologue = item.loopStart < 0 ? 0 : item.loopStart - item.start
      epilogue = item.loopEnd < 0 ? 0 : item.end - item.loopEnd
    }
    let launch = kernel.policy.isPersistent ? 0 : lowered.itemLaunchTicks
    let paced = kernel.policy.isPersistent ? 2 : 1
    let later =
      rounds > 1 ? (roundEnd(rounds - 1) - roundEnd(rounds - 1 - paced)) / paced : first + launch
    let period = outcome.jumps.first.map {
      SimulationResult.PeriodResult(trips: $0.trips, ticks: $0.ticks, jumpedTrips: $0.trips * $0.periods)
    }
    let timing = Timing(duration: .init(first: first, later: later), period: period)
    remember(values, outcome.jumps, timing)
    return timing
  }

  /// Keeps the class as a reference for longer ones. Each round must have one jump, in the same loop and by the same number
  /// of trips, and the count of that loop must be a variable of the kernel.
  private mutating func remember(_ values: [Int], _ jumps: [CoreSimulation.Jump], _ timing: Timing) {
    guard jumps.count == rounds, let jump = jumps.first,
      jumps.allSatisfy({ $0.block == jump.block && $0.trips == jump.trips })
    else { return }
    let pacing = kernel.actors[kernel.pacingActor]
    guard jump.block < pacing.blocks.count,
      case .variable(let variable, _) = pacing.blocks[jump.block].trips
    else {
      return
    }
    if !varied.contains(variable) { varied.append(variable) }
    references[Self.others(values, variable), default: []].append(
      Reference(
        values: values, trips: jump.trips, ticks: (first: jump.ticks, later: jumps[rounds - 1].ticks),
        timing: timing))
  }
}
