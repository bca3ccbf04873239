import Schedules

/// The device level: which slot runs which work item when, with the durations that the core level found.
///
/// A slot is a place for one work item on one core. Equal items in a row are dealt in closed form; the rest one by
/// one to the slot that is free first, ties to the lower slot.
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
        queue.addToEarliest(duration.first)
        busy += duration.first
        assigned += 1
        left -= 1
      }
      // Equal items over slots that end within one item of each other: a round gives each slot one.
      if left > 2 * queue.count, queue.spread <= duration.later {
        let rounds = left / queue.count - 1
        queue.addToAll(rounds * duration.later)
        busy += rounds * queue.count * duration.later
        left -= rounds * queue.count
      }
      while left > 0 {
        queue.addToEarliest(duration.later)
        busy += duration.later
        left -= 1
      }
    }
    return Outcome(
      makespan: queue.latest, busy: busy, slotsUsed: queue.count, rounds: (total + slots - 1) / slots)
  }

  private func launchTimes(_ total: Int) -> [Int] {
    (0..<min(slots, total)).map { Int(Double($0) * launchInterval) }
  }
}

/// Slots ordered by when they are free: a binary heap of packed (time, slot) keys with replace-top only.
struct SlotQueue {
  private var heap: [UInt64]
  private static let slotBits: UInt64 = 20

  init(times: [Int]) {
    heap = times.enumerated().map { UInt64($1) << Self.slotBits | UInt64($0) }.sorted()
  }

  var count: Int { heap.count }
  var latest: Int { Int((heap.max() ?? 0) >> Self.slotBits) }
  var spread: Int { latest - Int((heap.first ?? 0) >> Self.slotBits) }

  mutating func addToAll(_ ticks: Int) {
    for index in heap.indices { heap[index] += UInt64(ticks) << Self.slotBits }
  }

  mutating func addToEarliest(_ ticks: Int) {
    heap.withUnsafeMutableBufferPointer { heap in
      let value = heap[0] + UInt64(ticks) << Self.slotBits
      var hole = 0
      let count = heap.count
      while true {
        var child = 2 * hole + 1
        guard child < count else { break }
        if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < value else { break }
        heap[hole] = heap[child]
        hole = child
      }
      heap[hole] = value
    }
  }
}
