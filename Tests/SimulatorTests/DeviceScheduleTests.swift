import Attention
import HWModels
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// The two players of the device level against players that look at every slot and every item.
@Suite struct DeviceScheduleTests {
  /// Each item to the slot that is free first, one by one.
  private func makespan(_ items: [(ticks: Int, count: Int)], starts: [Int]) -> Int {
    var slots = starts
    for (ticks, count) in items {
      for _ in 0..<count {
        guard let place = slots.indices.min(by: { slots[$0] < slots[$1] }) else { return 0 }
        slots[place] += ticks
      }
    }
    return slots.max() ?? 0
  }

  @Test("Items given to slots free at the same time go as one by one", arguments: 0..<300)
  func queue(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    let slots = Int.random(in: 1...40, using: &generator)
    // Few different times make equal ones likely, many make merges long.
    let most = [3, 50, 100_000].randomElement(using: &generator) ?? 3
    let starts = (0..<slots).map { _ in Int.random(in: 0...most, using: &generator) }
    let items = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
      (
        ticks: Int.random(in: 0...most, using: &generator), count: Int.random(in: 1...90, using: &generator)
      )
    }
    var queue = SlotQueue(times: starts)
    for (ticks, count) in items {
      var left = count
      while left > 0 { left -= queue.addToEarliest(ticks, items: left) }
    }
    #expect(queue.latest == makespan(items, starts: starts), "seed \(seed)")
  }

  @Test("Rounds that are dealt at once take as long as their items", arguments: 0..<200)
  func rounds(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    let cores = Int.random(in: 1...9, using: &generator)
    let resident = Int.random(in: 1...4, using: &generator)
    let bases = (0..<4).map { _ in Double.random(in: 100...10_000, using: &generator) }
    let shares = (0..<4).map { _ in Double.random(in: 0...4000, using: &generator) }
    func schedule(dealsRounds: Bool) -> SharedBandwidthSchedule {
      SharedBandwidthSchedule(
        cores: cores, resident: resident,
        ticks: { itemClass, others, active, isFirst in
          max(bases[itemClass], shares[itemClass] * Double(others) * active) + (isFirst ? 77 : 0)
        }, dealsRounds: dealsRounds)
    }
    let launches = (0..<Int.random(in: 1...6, using: &generator)).map { _ in
      SharedBandwidthSchedule.Launches(
        sequence: [.init(itemClass: Int.random(in: 0..<4, using: &generator), count: 1)],
        count: Int.random(in: 1...400, using: &generator))
    }
    let (together, alone) = (
      schedule(dealsRounds: true).play(launches), schedule(dealsRounds: false).play(launches)
    )
    #expect(abs(together.makespan - alone.makespan) <= 1, "seed \(seed)")
    #expect(abs(together.busy - alone.busy) <= 1 + alone.busy / 1_000_000, "seed \(seed)")
    #expect(together.slotsUsed == alone.slotsUsed)
  }
}
