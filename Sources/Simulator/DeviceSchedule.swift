import Schedules

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
/// one step, so a run of items costs about as many steps as there are groups, not items.
struct SlotQueue {
  private struct Group {
    var time: Int
    var slots: Int
  }
  /// Groups from `head` on.
  private var groups: [Group] = []
  private var head = 0
  let count: Int

  init(times: [Int]) {
    count = times.count
    for time in times.sorted() { append(time, slots: 1) }
  }

  var latest: Int { groups.last?.time ?? 0 }
  var spread: Int { latest - (head < groups.count ? groups[head].time : latest) }

  mutating func addToAll(_ ticks: Int) {
    for index in head..<groups.count { groups[index].time += ticks }
  }

  /// Gives up to `items` items of `ticks` each to slots of the earliest group; how many it gave.
  mutating func addToEarliest(_ ticks: Int, items: Int) -> Int {
    let earliest = groups[head]
    let moved = min(items, earliest.slots)
    if moved == earliest.slots { head += 1 } else { groups[head].slots -= moved }
    insert(earliest.time + ticks, slots: moved)
    // Leave the used-up front behind before it outgrows what is alive.
    if head > 4 * count {
      groups.removeFirst(head)
      head = 0
    }
    return moved
  }

  private mutating func insert(_ time: Int, slots: Int) {
    var place = groups.count
    if place > head, groups[place - 1].time > time {
      // Bisection: the first group that is free later.
      var low = head
      while low < place {
        let middle = (low + place) / 2
        if groups[middle].time > time { place = middle } else { low = middle + 1 }
      }
    }
    if place > head, groups[place - 1].time == time {
      groups[place - 1].slots += slots
    } else if place == groups.count {
      groups.append(Group(time: time, slots: slots))
    } else if place == head, head > 0 {
      head -= 1
      groups[head] = Group(time: time, slots: slots)
    } else {
      groups.insert(Group(time: time, slots: slots), at: place)
    }
  }

  private mutating func append(_ time: Int, slots: Int) {
    if let last = groups.last, last.time == time {
      groups[groups.count - 1].slots += slots
    } else {
      groups.append(Group(time: time, slots: slots))
    }
  }
}
