import Schedules

/// The device level where work items wait for memory: bandwidth that one core leaves goes to the others.
///
/// Cores share device memory evenly, whatever they hold: an item proceeds at the pace that the core level finds for
/// as many items beside it and as many cores as there are now. So a last wave of few items runs faster, and a core
/// with three items lags behind one with two.
///
/// - Leaves out: the time between launches of the first wave.
/// - Complexity: O(launches x different cores); equal cores are one.
struct SharedBandwidthSchedule {
  /// Launches that play the same classes of items, one after the other.
  struct Launches: Hashable {
    var sequence: [Int]
    var count: Int
  }

  let cores: Int
  /// Work items that a core holds.
  let resident: Int
  /// Ticks of an item of a class beside others: as `(class, items on its core, cores with items, whether it is the first of
  /// its slot)`.
  let ticks: (Int, Int, Double, Bool) -> Double

  private struct Slot: Equatable {
    var sequence: Int
    var place: Int
    /// Share of the item that is left.
    var left: Double
    var isFirst: Bool
  }
  /// Cores in the same state.
  private struct CoreGroup {
    var count: Int
    var slots: [Slot]

    /// Of the slots.
    var hash: Int {
      var hash: UInt64 = 0
      func mix(_ part: UInt64) {
        hash = (hash ^ part) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
      }
      for slot in slots {
        mix(UInt64(slot.sequence))
        mix(UInt64(slot.place) << 1 | (slot.isFirst ? 1 : 0))
        mix(slot.left.bitPattern)
      }
      return Int(truncatingIfNeeded: hash >> 1)
    }
  }

  func play(_ launches: [Launches]) -> DeviceSchedule.Outcome {
    var outcome = DeviceSchedule.Outcome()
    var groups = deal(launches, &outcome)
    var next = LaunchQueue(launches, from: outcome.slotsUsed)
    var now = 0.0
    var busy = 0.0
    var paces: [Double] = []
    var moved: [CoreGroup] = []
    while groups.contains(where: { !$0.slots.isEmpty }) {
      let active = Double(groups.reduce(0) { $0 + ($1.slots.isEmpty ? 0 : $1.count) })
      var step = Double.infinity
      paces.removeAll(keepingCapacity: true)
      for group in groups {
        for slot in group.slots {
          let pace = ticks(
            launches[slot.sequence].sequence[slot.place], group.slots.count, active, slot.isFirst)
          paces.append(pace)
          step = min(step, slot.left * pace)
        }
      }
      now += step
      var place = 0
      moved.removeAll(keepingCapacity: true)
      for index in groups.indices {
        let slots = groups[index].slots.count
        busy += step * Double(groups[index].count * slots)
        advance(&groups[index], paces[place..<place + slots], by: step, launches, &next, into: &moved)
        place += slots
      }
      merge(moved, into: &groups)
    }
    outcome.makespan = Int(now.rounded(.up))
    outcome.busy = min(Int(busy), outcome.makespan * outcome.slotsUsed)
    return outcome
  }

  /// The first launches: one for each core, then a second for each.
  private func deal(_ launches: [Launches], _ outcome: inout DeviceSchedule.Outcome) -> [CoreGroup] {
    var lists = [[Slot]](repeating: [], count: cores)
    var index = 0
    deal: for (sequence, launch) in launches.enumerated() {
      for _ in 0..<launch.count {
        guard index < cores * resident else { break deal }
        if !launch.sequence.isEmpty {
          lists[index % cores].append(Slot(sequence: sequence, place: 0, left: 1, isFirst: true))
        }
        index += 1
      }
    }
    let total = launches.reduce(0) { $0 + $1.count }
    outcome.slotsUsed = index
    outcome.rounds = (total + cores * resident - 1) / (cores * resident)
    var groups: [CoreGroup] = []
    merge(lists.map { CoreGroup(count: 1, slots: $0) }, into: &groups)
    return groups
  }

  private func advance(
    _ group: inout CoreGroup, _ paces: ArraySlice<Double>, by step: Double, _ launches: [Launches],
    _ next: inout LaunchQueue, into moved: inout [CoreGroup]
  ) {
    var hasEnded = false
    for (index, pace) in zip(group.slots.indices, paces) {
      group.slots[index].left -= pace > 0 ? step / pace : 1
      if group.slots[index].left > 1e-9 {
        // Equal histories must stay equal.
        group.slots[index].left = (group.slots[index].left * 1e12).rounded() / 1e12
      } else {
        group.slots[index].left = 0
        hasEnded = true
      }
    }
    guard hasEnded else {
      moved.append(group)
      return
    }
    var slots: [Slot] = []
    var freed = 0
    for slot in group.slots {
      if slot.left > 0 {
        slots.append(slot)
      } else if slot.place + 1 < launches[slot.sequence].sequence.count {
        slots.append(Slot(sequence: slot.sequence, place: slot.place + 1, left: 1, isFirst: false))
      } else {
        freed += 1
      }
    }
    var left = group.count
    while left > 0 {
      // Equal cores that take equal launches stay one group.
      let taken = next.take(freed, forEachOf: left)
      let new = taken.sequences.map { Slot(sequence: $0, place: 0, left: 1, isFirst: false) }
      moved.append(CoreGroup(count: taken.cores, slots: slots + new))
      left -= taken.cores
    }
  }

  /// Equal groups become one, at the place of the first of them.
  private func merge(_ groups: [CoreGroup], into merged: inout [CoreGroup]) {
    merged.removeAll(keepingCapacity: true)
    // Open addressing: places of groups by their hash.
    var size = 4
    while size < 2 * groups.count { size *= 2 }
    let none = -1
    withUnsafeTemporaryAllocation(of: Int.self, capacity: size) { table in
      table.initialize(repeating: none)
      for group in groups {
        var entry = group.hash & (size - 1)
        while table[entry] != none, merged[table[entry]].slots != group.slots {
          entry = (entry + 1) & (size - 1)
        }
        if table[entry] == none {
          table[entry] = merged.count
          merged.append(group)
        } else {
          merged[table[entry]].count += group.count
        }
      }
    }
  }

  /// Launches that nobody has taken yet.
  private struct LaunchQueue {
    private var left: [(sequence: Int, count: Int)]
    private var head = 0

    init(_ launches: [Launches], from skipped: Int) {
      var skipped = skipped
      left = launches.enumerated().compactMap { index, launch in
        let used = min(skipped, launch.count)
        skipped -= used
        return used < launch.count && !launch.sequence.isEmpty ? (index, launch.count - used) : nil
      }
    }

    /// `wanted` launches for each of as many as possible of `cores` equal cores.
    mutating func take(_ wanted: Int, forEachOf cores: Int) -> (cores: Int, sequences: [Int]) {
      guard wanted > 0, head < left.count else { return (cores, []) }
      let same = left[head].count / wanted
      if same > 0 {
        let served = min(same, cores)
        let sequence = left[head].sequence
        drop(served * wanted)
        return (served, Array(repeating: sequence, count: wanted))
      }
      var sequences: [Int] = []
      while sequences.count < wanted, head < left.count {
        sequences.append(left[head].sequence)
        drop(1)
      }
      return (1, sequences)
    }

    private mutating func drop(_ count: Int) {
      left[head].count -= count
      if left[head].count == 0 { head += 1 }
    }
  }
}
