import HWModels
import Programs

/// The device level: which slot runs which work item when, with the durations that the core level found.
///
/// A slot is a place for one work item on one core. Equal items in a row are dealt in closed form; the rest go to the
/// slot that is free first.
struct DeviceSchedule {
  /// Ticks of an item as the first of its slot, and as a later one.
  struct Duration {
    var first: Int
    var later: Int
  }
  struct Outcome {
    var makespan = 0
    /// Slot ticks with work.
    var busy = 0
    var slotsUsed = 0
    /// Items of the busiest slot.
    var rounds = 0
  }

  let slots: Int
  let durations: [Duration]
  /// Ticks between two launches of the grid's launcher.
  let launchInterval: Double

  func play(_ runs: [ItemRuns.Run], policy: TilePolicy) -> Outcome {
    let total = runs.reduce(0) { $0 + $1.count }
    guard total > 0 else { return Outcome() }
    if runs.count == 1 { return playUniform(runs[0]) }
    if case .staticPersistent = policy { return playStatic(runs, total: total) }
    return playDynamic(runs, total: total)
  }

  /// One class: every slot gets its share, the remainder goes to the first slots.
  private func playUniform(_ run: ItemRuns.Run) -> Outcome {
    let used = min(slots, run.count)
    let rounds = (run.count + slots - 1) / slots
    let duration = durations[run.itemClass]
    let start = Int(Double(used - 1) * launchInterval)
    let length = duration.first + (rounds - 1) * duration.later
    let busy = used * duration.first + (run.count - used) * duration.later
    // The slot that was launched last is the one with the most rounds only where all slots have as many.
    let lastStart =
      run.count % slots == 0 || run.count < slots
      ? start : Int(Double(run.count % slots - 1) * launchInterval)
    let others =
      rounds > 1 && run.count % slots != 0 ? start + duration.first + (rounds - 2) * duration.later : 0
    return Outcome(makespan: max(lastStart + length, others), busy: busy, slotsUsed: used, rounds: rounds)
  }

  private func playStatic(_ runs: [ItemRuns.Run], total: Int) -> Outcome {
    var ends = launchTimes(total)
    var counts = [Int](repeating: 0, count: ends.count)
    var busy = 0
    var index = 0
    for run in runs {
      for _ in 0..<run.count {
        let slot = index % ends.count
        let ticks = counts[slot] == 0 ? durations[run.itemClass].first : durations[run.itemClass].later
        ends[slot] += ticks
        busy += ticks
        counts[slot] += 1
        index += 1
      }
    }
    return Outcome(makespan: ends.max() ?? 0, busy: busy, slotsUsed: ends.count, rounds: counts.max() ?? 0)
  }

  private func playDynamic(_ runs: [ItemRuns.Run], total: Int) -> Outcome {
    var queue = SlotQueue(times: launchTimes(total))
    var busy = 0
    var assigned = 0
    for run in runs {
      var left = run.count
      let duration = durations[run.itemClass]
      while left > 0, assigned < queue.count {
        // A first item leaves its slot's launch time: at most as many at once as slots are still empty.
        let given = queue.addToEarliest(duration.first, items: min(left, queue.count - assigned))
        busy += given * duration.first
        assigned += given
        left -= given
      }
      // Equal items over slots that end within one item of each other: a round gives each slot one.
      if left > 2 * queue.count, queue.spread <= duration.later {
        let rounds = left / queue.count - 1
        queue.addToAll(rounds * duration.later)
        busy += rounds * queue.count * duration.later
        left -= rounds * queue.count
      }
      while left > 0 {
        let given = queue.addToEarliest(duration.later, items: left)
        busy += given * duration.later
        left -= given
      }
    }
    return Outcome(
      makespan: queue.latest, busy: busy, slotsUsed: queue.count, rounds: (total + slots - 1) / slots)
  }

  private func launchTimes(_ total: Int) -> [Int] {
    (0..<min(slots, total)).map { Int(Double($0) * launchInterval) }
  }
}

/// When slots are free, as groups of slots that are free at the same time, in ascending order.
///
/// Which slot it is does not matter: slots differ in nothing else. Equal items that go to slots free at the same time are
/// one step, and those that a run of items gives before the first of them ends are merged in one pass.
struct SlotQueue {
  private struct Group {
    var time: Int
    var slots: Int
  }
  /// Groups from `head` on.
  private var groups: [Group] = []
  private var head = 0
  let count: Int
  /// What is given at once, in ascending order; kept for its storage.
  private var given: [Group] = []

  init(times: [Int]) {
    count = times.count
    for time in times.sorted() { append(Group(time: time, slots: 1)) }
  }

  var latest: Int { groups.last?.time ?? 0 }
  var spread: Int { latest - (head < groups.count ? groups[head].time : latest) }

  mutating func addToAll(_ ticks: Int) {
    for index in head..<groups.count { groups[index].time += ticks }
  }

  /// Gives up to `items` items of `ticks` each to the slots that are free first, until one of them would get a second; how
  /// many it gave.
  mutating func addToEarliest(_ ticks: Int, items: Int) -> Int {
    let end = groups[head].time + ticks
    var left = items
    given.removeAll(keepingCapacity: true)
    repeat {
      let earliest = groups[head]
      let moved = min(left, earliest.slots)
      given.append(Group(time: earliest.time + ticks, slots: moved))
      left -= moved
      if moved == earliest.slots { head += 1 } else { groups[head].slots -= moved }
    } while left > 0 && head < groups.count && groups[head].time < end
    if given.count < Self.leastMerged || groups.count == head || latest <= given[0].time {
      for group in given { insert(group) }
    } else {
      mergeGiven()
    }
    // Leave the used-up front behind before it outgrows what is alive.
    if head > 4 * count {
      groups.removeFirst(head)
      head = 0
    }
    return items - left
  }

  /// Fewer groups are inserted one by one.
  private static let leastMerged = 4

  /// Merges what is given, from the last group on.
  private mutating func mergeGiven() {
    var old = groups.count - 1
    groups.append(contentsOf: given)
    var place = groups.count - 1
    var new = given.count - 1
    while new >= 0 {
      if old >= head, groups[old].time > given[new].time {
        groups[place] = groups[old]
        old -= 1
        place -= 1
      } else if old >= head, groups[old].time == given[new].time {
        groups[old].slots += given[new].slots
        new -= 1
      } else {
        groups[place] = given[new]
        new -= 1
        place -= 1
      }
    }
    if place > old { groups.removeSubrange(old + 1...place) }
  }

  private mutating func insert(_ group: Group) {
    var place = groups.count
    if place > head, groups[place - 1].time > group.time {
      // Bisection: the first group that is free later.
      var low = head
      while low < place {
        let middle = (low + place) / 2
        if groups[middle].time > group.time { place = middle } else { low = middle + 1 }
      }
    }
    if place > head, groups[place - 1].time == group.time {
      groups[place - 1].slots += group.slots
    } else if place == groups.count {
      groups.append(group)
    } else if place == head, head > 0 {
      head -= 1
      groups[head] = group
    } else {
      groups.insert(group, at: place)
    }
  }

  private mutating func append(_ group: Group) {
    if let last = groups.last, last.time == group.time {
      groups[groups.count - 1].slots += group.slots
    } else {
      groups.append(group)
    }
  }
}
