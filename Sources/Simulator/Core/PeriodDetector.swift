import Results

/// Finds out, exactly, that a simulation has come back to a state it was in, but for the time.
///
/// A state is everything that decides what happens next: for each actor its place in the program and its time
/// relative to now; for each unit and barrier what is outstanding, relative to now. Times in the past count as now,
/// since nothing can begin before now. Equal states have equal futures as long as no loop ends; trips are kept
/// beside the state to know when one would. States are compared whole; a hash only avoids needless comparisons.
struct PeriodDetector {
  /// Two moments in equal states.
  struct Match {
    var ticks: Int
    var events: Int
    fileprivate var earlier: Int
  }

  private struct Snapshot: BitwiseCopyable {
    var now = 0
    var events = 0
    var length = 0
    var hash: UInt64 = 0
  }

  /// Snapshots kept: periods of up to this many trips of the reference actor are found.
  private static let depth = 16
  private let capacity: Int
  private let actorCount: Int
  /// The last `depth` snapshots, round robin; the newest is at `current`.
  private let heads: FlatArray<Snapshot>
  private let states: FlatArray<Int>
  private let trips: FlatArray<Int>
  private let lengths: FlatArray<Int>
  private var current = 0
  private var kept = 0
  /// The state being described is too large to keep: it matches nothing.
  private var overflowed = false

  init(capacity: Int, actors: Int) {
    self.capacity = capacity
    actorCount = actors
    heads = FlatArray(repeating: Snapshot(), count: Self.depth)
    states = FlatArray(uninitialized: Self.depth * capacity)
    trips = FlatArray(repeating: 0, count: Self.depth * actors)
    lengths = FlatArray(repeating: 0, count: actors)
  }

  mutating func begin(now: Int, events: Int) {
    current = (current + 1) % Self.depth
    overflowed = false
    heads.base[current] = Snapshot(now: now, events: events, length: 0, hash: 0x9E37_79B9_7F4A_7C15)
  }

  mutating func append(_ value: Int) {
    let head = heads.base + current
    guard head.pointee.length < capacity else {
      overflowed = true
      return
    }
    states.base[current * capacity + head.pointee.length] = value
    head.pointee.length += 1
    head.pointee.hash = (head.pointee.hash ^ UInt64(bitPattern: Int64(value))) &* 0x9E37_79B9_7F4A_7C15
    head.pointee.hash ^= head.pointee.hash >> 29
  }

  mutating func setTrip(_ trip: Int, of length: Int, actor: Int) {
    trips.base[current * actorCount + actor] = trip
    lengths.base[actor] = length
  }

  /// The latest earlier moment in the state just described, if any; remembers the state.
  mutating func match() -> Match? {
    if overflowed {
      kept = 0
      return nil
    }
    defer { kept = min(kept + 1, Self.depth - 1) }
    let head = heads.base[current]
    for back in 1..<(kept + 1) where kept > 0 {
      let index = (current + Self.depth - back) % Self.depth
      let other = heads.base[index]
      guard other.hash == head.hash, other.length == head.length, isEqual(index, length: head.length) else {
        continue
      }
      return Match(ticks: head.now - other.now, events: head.events - other.events, earlier: index)
    }
    return nil
  }

  private func isEqual(_ index: Int, length: Int) -> Bool {
    let a = states.base + current * capacity
    let b = states.base + index * capacity
    for place in 0..<length where a[place] != b[place] { return false }
    return true
  }

  /// Trips that an actor advanced between the two moments.
  func advance(_ match: Match, actor: Int) -> Int {
    trips.base[current * actorCount + actor] - trips.base[match.earlier * actorCount + actor]
  }

  /// Whole periods after which every actor is still inside the loop it is in.
  func periodsThatFit(_ match: Match) -> Int {
    var fit = Int.max
    for actor in 0..<actorCount {
      let advanced = advance(match, actor: actor)
      if advanced > 0 {
        fit = min(fit, (lengths.base[actor] - 1 - trips.base[current * actorCount + actor]) / advanced)
      }
    }
    return fit == Int.max ? 0 : max(fit, 0)
  }

  mutating func reset() { kept = 0 }
}
