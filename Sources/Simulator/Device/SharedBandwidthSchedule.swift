/// The device level where work items wait for memory: bandwidth that one core leaves goes to the others.
///
/// Cores share device memory evenly, whatever they hold: an item proceeds at the pace that the core level finds for
/// as many items beside it and as many cores as there are now. So a last wave of few items runs faster, and a core
/// with three items lags behind one with two.
///
/// A pace changes only where a core runs empty, or has one item less: between such moments the end of a run of equal
/// items is known when it begins, and only the core that comes to such an end is looked at.
///
/// - Leaves out: the time between launches of the first wave.
/// - Complexity: O(runs of equal items x different cores); equal cores are one.
struct SharedBandwidthSchedule {
  /// Launches that play the same items, one after the other, as runs of equal ones.
  struct Launches: Hashable {
    var sequence: [ItemRuns.Run]
    var count: Int
  }

  let cores: Int
  /// Work items that a core holds.
  let resident: Int
  /// Ticks of an item of a class beside others: as `(class, items on its core, cores with items, whether it is the first of
  /// its slot)`.
  let ticks: (Int, Int, Double, Bool) -> Double
  /// Whether rounds of equal items are dealt at once; off to compare.
  var dealsRounds = true

  struct Slot: Equatable {
    var sequence: Int
    /// Which run of the sequence, and its class.
    var run: Int
    var itemClass: Int
    /// Items of the run that are left, the share of the present one too.
    var left: Double
    /// Whether the present item is the first that its slot plays; the others of its run follow at another pace.
    var isFirst: Bool
    /// Ticks of an item at the present pace.
    var ticks = 0.0
  }
  /// Cores in the same state.
  private struct CoreGroup {
    var count: Int
    var slots: [Slot]
    /// When the slots were in this state, and when the first of them comes to an end.
    var since = 0.0
    var end = 0.0
    /// How much earlier still counts as the end: rounding must not tell cores apart that end together.
    var slack = 0.0

    /// Equal for equal slots, and different for most others.
    var fingerprint: UInt64 {
      var mixed: UInt64 = 0
      for slot in slots {
        for word in [UInt64(truncatingIfNeeded: slot.sequence), slot.left.bitPattern, slot.ticks.bitPattern] {
          mixed = (mixed ^ word) &* 0x9E37_79B9_7F4A_7C15
          mixed ^= mixed >> 29
        }
      }
      return mixed
    }
  }

  /// Share of an item that counts as nothing.
  private static let nothing = 1e-9

  func play(_ launches: [Launches]) -> DeviceSchedule.Outcome {
    var outcome = DeviceSchedule.Outcome()
    var groups = deal(launches, &outcome)
    var next = LaunchQueue(launches, from: outcome.slotsUsed)
    var split: [CoreGroup] = []
    var (now, busy) = (0.0, 0.0)
    var active = 0
    while !groups.isEmpty {
      let left = groups.reduce(0) { $0 + $1.count }
      if left != active {
        active = left
        for index in groups.indices {
          busy += pass(&groups[index], until: now)
          setPaces(&groups[index], active: active)
        }
      }
      // Cores stay as they are until one of them comes to an end.
      var isAlive = true
      while isAlive {
        now = .infinity
        for index in groups.indices { now = min(now, groups[index].end) }
        var ended = 0
        for index in groups.indices where groups[index].end - groups[index].slack <= now {
          busy += pass(&groups[index], until: now)
          let freed = moveOn(&groups[index], launches)
          refill(&groups[index], freed, &next, others: &split)
          setPaces(&groups[index], active: active)
          ended += 1
          if groups[index].slots.isEmpty { isAlive = false }
        }
        if ended > 1 || !split.isEmpty || !isAlive {
          for index in split.indices {
            setPaces(&split[index], active: active)
            if split[index].slots.isEmpty { isAlive = false }
          }
          groups += split
          split.removeAll(keepingCapacity: true)
          merge(&groups, at: now)
        }
        if isAlive, dealsRounds, next.hasTurned(slots: cores * resident) { takeRounds(&groups, &next) }
      }
    }
    outcome.makespan = Int(now.rounded(.up))
    outcome.busy = min(Int(busy), outcome.makespan * outcome.slotsUsed)
    return outcome
  }

  /// Where all slots play the launches that come next, each takes as many of them: whole rounds are dealt at once.
  ///
  /// Slots take turns as long as all go at one pace, and paces change only where a core runs empty.
  private func takeRounds(_ groups: inout [CoreGroup], _ next: inout LaunchQueue) {
    guard let (sequence, count) = next.following else { return }
    let slots = groups.reduce(0) { $0 + $1.count * $1.slots.count }
    let rounds = count / max(slots, 1) - 1
    guard rounds > 0, let pace = groups[0].slots.first?.ticks else { return }
    for group in groups {
      for slot in group.slots
      where slot.sequence != sequence || slot.isFirst || slot.ticks != pace || slot.left > 1 {
        return
      }
    }
    for index in groups.indices {
      for slot in groups[index].slots.indices { groups[index].slots[slot].left += Double(rounds) }
      groups[index].end += Double(rounds) * pace
    }
    next.drop(rounds * slots)
  }

  /// The first launches: one for each core, then a second for each.
  private func deal(_ launches: [Launches], _ outcome: inout DeviceSchedule.Outcome) -> [CoreGroup] {
    var lists = [[Slot]](repeating: [], count: cores)
    var index = 0
    deal: for (sequence, launch) in launches.enumerated() {
      for _ in 0..<launch.count {
        guard index < cores * resident else { break deal }
        if !launch.sequence.isEmpty {
          lists[index % cores].append(
            Slot(
              sequence: sequence, run: 0, itemClass: launch.sequence[0].itemClass, left: 1, isFirst: true))
        }
        index += 1
      }
    }
    let total = launches.reduce(0) { $0 + $1.count }
    outcome.slotsUsed = index
    outcome.rounds = (total + cores * resident - 1) / (cores * resident)
    var groups = lists.map { CoreGroup(count: 1, slots: $0) }
    merge(&groups, at: 0)
    return groups
  }

  /// What is left at `time`; how many slot ticks have passed.
  private func pass(_ group: inout CoreGroup, until time: Double) -> Double {
    let step = time - group.since
    guard step > 0 else { return 0 }
    group.since = time
    for index in group.slots.indices {
      let ticks = group.slots[index].ticks
      let left = group.slots[index].left - (ticks > 0 ? step / ticks : group.slots[index].left)
      // Equal histories must stay equal.
      group.slots[index].left = (left * 1e12).rounded() / 1e12
    }
    return step * Double(group.count * group.slots.count)
  }

  /// Slots whose run has ended go on to the next, or leave the group; how many leave.
  private func moveOn(_ group: inout CoreGroup, _ launches: [Launches]) -> Int {
    var kept = 0
    for index in group.slots.indices {
      var slot = group.slots[index]
      if slot.left <= Self.nothing || slot.ticks <= 0 {
        let runs = launches[slot.sequence].sequence
        if slot.isFirst, runs[slot.run].count > 1 {
          slot.left = Double(runs[slot.run].count - 1)
        } else if slot.run + 1 < runs.count {
          slot.run += 1
          slot.itemClass = runs[slot.run].itemClass
          slot.left = Double(runs[slot.run].count)
        } else {
          continue
        }
        slot.isFirst = false
      }
      group.slots[kept] = slot
      kept += 1
    }
    let freed = group.slots.count - kept
    group.slots.removeLast(freed)
    return freed
  }

  /// Gives each core of a group `freed` of the launches that nobody has taken; cores that get others than the first one
  /// become groups of their own.
  private func refill(
    _ group: inout CoreGroup, _ freed: Int, _ next: inout LaunchQueue, others: inout [CoreGroup]
  ) {
    guard freed > 0 else { return }
    let kept = group.slots
    var left = group.count
    var isFirst = true
    while left > 0 {
      let taken = next.take(freed, forEachOf: left)
      let new = taken.slots
      if isFirst {
        group.slots += new
        group.count = taken.cores
      } else {
        others.append(CoreGroup(count: taken.cores, slots: kept + new, since: group.since))
      }
      isFirst = false
      left -= taken.cores
    }
  }

  private func setPaces(_ group: inout CoreGroup, active: Int) {
    (group.end, group.slack) = (.infinity, 0)
    let resident = group.slots.count
    for index in group.slots.indices {
      let slot = group.slots[index]
      let pace = ticks(slot.itemClass, resident, Double(active), slot.isFirst)
      group.slots[index].ticks = pace
      let end = group.since + slot.left * pace
      if end < group.end { (group.end, group.slack) = (end, Self.nothing * pace) }
    }
  }

  /// Puts cores in the same state together and leaves out those without items; the others stay in order.
  private func merge(_ groups: inout [CoreGroup], at time: Double) {
    var kept = 0
    // Groups whose state is one of now, by fingerprint: a core where nothing happens now is like none where something does.
    var fingerprints: [(value: UInt64, place: Int)] = []
    for index in groups.indices where !groups[index].slots.isEmpty {
      if groups[index].since == time {
        let fingerprint = groups[index].fingerprint
        if let same = fingerprints.first(where: {
          $0.value == fingerprint && groups[$0.place].slots == groups[index].slots
        }) {
          groups[same.place].count += groups[index].count
          continue
        }
        fingerprints.append((fingerprint, kept))
      }
      if kept != index { groups.swapAt(kept, index) }
      kept += 1
    }
    groups.removeLast(groups.count - kept)
  }
}
