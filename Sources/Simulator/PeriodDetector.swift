/// Finds out, exactly, that a simulation has come back to a state it was in, but for the time.
///
/// A state is everything that decides what happens next: for each actor its place in the program, its trips, its
/// time relative to now; for each unit and barrier what is outstanding, relative to now. Times in the past count as
/// now, since nothing can begin before now. Equal states have equal futures as long as no loop ends.
struct PeriodDetector {
  /// Two moments in equal states.
  struct Match {
    var ticks: Int
    var events: Int
    /// Trips that each actor advanced between them.
    var tripAdvances: [Int]
  }

  private struct Snapshot {
    var now = 0
    var events = 0
    var state: [Int] = []
    var trips: [Int] = []
  }

  /// Snapshots kept: periods of up to this many trips of the reference actor are found.
  private static let depth = 12
  private var history: [Snapshot] = []
  private var current = Snapshot()
  private var lengths: [Int] = []

  mutating func begin(now: Int, events: Int) {
    current.now = now
    current.events = events
    current.state.removeAll(keepingCapacity: true)
    current.trips.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
  }

  mutating func append(_ value: Int) { current.state.append(value) }

  mutating func append(status: Int, block: Int, item: Int) {
    current.state.append(status | block << 8 | item << 32)
  }

  mutating func appendTrip(_ trip: Int, of length: Int) {
    current.trips.append(trip)
    lengths.append(length)
  }

  /// The latest earlier moment in the state just described, if any; remembers the state.
  mutating func match() -> Match? {
    defer {
      if history.count == Self.depth { history.removeFirst() }
      history.append(current)
    }
    guard let found = history.last(where: { $0.state == current.state }) else { return nil }
    return Match(
      ticks: current.now - found.now, events: current.events - found.events,
      tripAdvances: zip(current.trips, found.trips).map { $0 - $1 })
  }

  /// Whole periods after which every actor is still inside the loop it is in.
  func periodsThatFit(_ match: Match) -> Int {
    var fit = Int.max
    for (index, advance) in match.tripAdvances.enumerated() where advance > 0 {
      fit = min(fit, (lengths[index] - 1 - current.trips[index]) / advance)
    }
    return fit == Int.max ? 0 : max(fit, 0)
  }

  mutating func reset() { history.removeAll(keepingCapacity: true) }
}
