import HWModels
import Results

/// Events of a trace sorted onto tracks on which no two overlap: one or more for each actor and each unit.
struct TraceLanes {
  struct Track {
    var name: String
    var core: Int
    /// Units come after actors; both in order of appearance.
    var isUnit: Bool
    /// Indices of the events, in order of start.
    var events: [Int] = []
    var end = Int.min
  }

  private(set) var tracks: [Track] = []

  init(_ events: [TraceEvent]) {
    let order = events.indices.sorted { (events[$0].start, $0) < (events[$1].start, $1) }
    let asynchronous = Self.asynchronous(events, order)
    var actors = Lanes()
    var units = Lanes()
    var ranks: [ActorKey: Int] = [:]
    for index in order {
      let event = events[index]
      let rank = ranks[ActorKey(event), default: ranks.count]
      ranks[ActorKey(event)] = rank
      let slot = event.slot == 0 ? "" : " #\(event.slot)"
      let suffix = asynchronous.contains(index) ? " (in flight)" : ""
      actors.add(
        index, event, to: event.actor + slot + suffix, isUnit: false,
        rank: 2 * rank + (suffix.isEmpty ? 0 : 1))
      if let resource = event.resource, event.end > event.start {
        units.add(index, event, to: resource.name, isUnit: true, rank: resource.rawValue)
      }
    }
    tracks = actors.sorted + units.sorted
  }

  /// Operations that may still run when their actor goes on: they have a track of their own beside their actor's.
  private static func asynchronous(_ events: [TraceEvent], _ order: [Int]) -> Set<Int> {
    var last: [ActorKey: Int] = [:]
    var operations: Set<String> = []
    func name(_ event: TraceEvent) -> String { event.actor + "/" + event.operation }
    for index in events.indices {
      let key = ActorKey(events[index])
      if let before = last[key], events[before].end > events[index].start {
        operations.insert(name(events[before]))
      }
      last[key] = index
    }
    return Set(order.filter { operations.contains(name(events[$0])) })
  }

  private struct ActorKey: Hashable {
    let core: Int
    let slot: Int
    let actor: String
    init(_ event: TraceEvent) {
      core = event.core
      slot = event.slot
      actor = event.actor
    }
  }

  /// Tracks by name, a further one where the ones of that name are busy.
  private struct Lanes {
    private var tracks: [Track] = []
    private var ranks: [Int] = []
    private var byName: [String: [Int]] = [:]

    mutating func add(_ index: Int, _ event: TraceEvent, to name: String, isUnit: Bool, rank: Int) {
      let key = "\(event.core)/\(name)"
      let lanes = byName[key] ?? []
      if let free = lanes.first(where: { tracks[$0].end <= event.start }) {
        tracks[free].events.append(index)
        tracks[free].end = max(event.end, tracks[free].end)
        return
      }
      let title = lanes.isEmpty ? name : "\(name) (\(lanes.count + 1))"
      tracks.append(Track(name: title, core: event.core, isUnit: isUnit, events: [index], end: event.end))
      ranks.append(rank)
      byName[key, default: []].append(tracks.count - 1)
    }

    /// By core and rank, lanes of one name together.
    var sorted: [Track] {
      let names = Dictionary(
        byName.flatMap { key, lanes in lanes.map { ($0, byName[key]?.first ?? 0) } },
        uniquingKeysWith: { a, _ in a })
      return tracks.indices.sorted {
        (tracks[$0].core, ranks[$0], names[$0] ?? 0, $0) < (tracks[$1].core, ranks[$1], names[$1] ?? 0, $1)
      }.map { tracks[$0] }
    }
  }
}
