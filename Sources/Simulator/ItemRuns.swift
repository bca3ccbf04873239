import Schedules

/// The linear order of a kernel's work items as runs of equal classes.
struct ItemRuns {
  struct Run: Hashable {
    var itemClass: Int
    var count: Int
  }

  /// Runs in the order in which cores take the items. Complexity: O(runs).
  static func make(_ items: ItemSpace, order: ItemOrder) -> [Run] {
    var runs: [Run] = []
    func emit(_ itemClass: Int, _ count: Int) {
      guard count > 0 else { return }
      if let last = runs.last, last.itemClass == itemClass {
        runs[runs.count - 1].count += count
      } else {
        runs.append(Run(itemClass: itemClass, count: count))
      }
    }
    switch order {
    case .tilesFastest:
      for group in items.groups {
        if let only = group.tileClasses.first, group.tileClasses.allSatisfy({ $0 == only }) {
          emit(only, group.count * group.tileClasses.count)
        } else {
          for _ in 0..<group.count { for tile in group.tileClasses { emit(tile, 1) } }
        }
      }
    case .sequencesFastest:
      for group in items.groups { for tile in group.tileClasses { emit(tile, group.count) } }
    case .longestFirst(let perSection):
      for group in items.groups {
        var left = group.count
        while left > 0 {
          let section = min(left, perSection)
          for tile in group.tileClasses.reversed() { emit(tile, section) }
          left -= section
        }
      }
    }
    return runs
  }
}
