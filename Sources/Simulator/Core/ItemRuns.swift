import Programs

/// The linear order of a kernel's work items as runs of equal classes.
struct ItemRuns {
  struct Run: Hashable {
    var itemClass: Int
    var count: Int
  }

  /// All of a class that its time depends on.
  struct Times: Hashable {
    var values: [Int]
    var steps: Int
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
    case .tilesFastest, .tilesDescending:
      for group in items.groups {
        let tiles = order == .tilesFastest ? group.runs : group.runs.reversed()
        if tiles.count == 1 {
          emit(tiles[0].itemClass, group.count * tiles[0].count)
        } else {
          for _ in 0..<group.count { for run in tiles { emit(run.itemClass, run.count) } }
        }
      }
    case .sequencesFastest:
      for group in items.groups { for run in group.runs { emit(run.itemClass, group.count * run.count) } }
    case .headsSlowest(let heads):
      for _ in 0..<heads {
        for group in items.groups {
          if group.runs.count == 1 {
            emit(group.runs[0].itemClass, group.count / heads * group.runs[0].count)
          } else {
            for _ in 0..<group.count / heads { for run in group.runs { emit(run.itemClass, run.count) } }
          }
        }
      }
    case .rowTilesSlowest:
      let byTile = items.groups.map { $0.classesByRowTile(splits: items.splits) }
      for tile in 0..<(byTile.map(\.count).max() ?? 0) {
        for (group, classes) in zip(items.groups, byTile) where tile < classes.count {
          if Set(classes[tile]).count == 1 {
            emit(classes[tile][0], group.count * classes[tile].count)
          } else {
            for _ in 0..<group.count { for itemClass in classes[tile] { emit(itemClass, 1) } }
          }
        }
      }
    case .longestFirst(let perSection), .firstTilesFirst(let perSection):
      let isAscending = order == .firstTilesFirst(sequencesPerSection: perSection)
      for group in items.groups {
        let tiles = isAscending ? group.runs : group.runs.reversed()
        var left = group.count
        while left > 0 {
          let section = min(left, perSection)
          for run in tiles { emit(run.itemClass, section * run.count) }
          left -= section
        }
      }
    }
    return runs
  }

  /// Runs that `make` would list, or rounds of equal items, whichever is more. Complexity: O(groups).
  static func count(_ items: ItemSpace, order: ItemOrder, slots: Int) -> Int {
    items.groups.reduce(0) { $0 + $1.runs.count * repeats($1, order, slots) }
  }

  /// A `factor`-th of the sequences of each group, whole sections of them; nil where too few repeat.
  static func part(_ items: ItemSpace, order: ItemOrder, slots: Int, _ factor: Int) -> ItemSpace? {
    var part = items
    for index in items.groups.indices {
      let group = items.groups[index]
      let kept = repeats(group, order, slots) / factor
      guard kept >= leastRepeats else { return nil }
      if group.runs.count == 1 {
        part.groups[index].count = 1
        part.groups[index].runs[0].count = kept * slots
      } else {
        part.groups[index].count = min(kept * sequencesPerRepeat(order), group.count)
      }
    }
    return part
  }

  /// Repetitions that show a steady pace.
  private static let leastRepeats = 16

  /// How often the list of a group's tiles comes again; rounds, where all its tiles are equal.
  private static func repeats(_ group: ItemSpace.Group, _ order: ItemOrder, _ slots: Int) -> Int {
    if group.runs.count == 1 { return max(group.count * group.runs[0].count / slots, 1) }
    return switch order {
    case .tilesFastest, .tilesDescending: group.count
    case .sequencesFastest, .rowTilesSlowest, .headsSlowest: 1
    case .longestFirst, .firstTilesFirst: (group.count - 1) / sequencesPerRepeat(order) + 1
    }
  }

  private static func sequencesPerRepeat(_ order: ItemOrder) -> Int {
    switch order {
    case .tilesFastest, .tilesDescending, .sequencesFastest, .rowTilesSlowest, .headsSlowest: 1
    case .longestFirst(let perSection), .firstTilesFirst(let perSection): max(perSection, 1)
    }
  }

  /// Launches in order, equal neighbours together: one item each, or the next few items of a range.
  /// Complexity: O(runs + ranges).
  static func launches(_ runs: [Run], policy: TilePolicy) -> [SharedBandwidthSchedule.Launches] {
    guard case .ranges(let lengths, _) = policy else {
      return runs.map { .init(sequence: [Run(itemClass: $0.itemClass, count: 1)], count: $0.count) }
    }
    var launches: [SharedBandwidthSchedule.Launches] = []
    var next = 0
    var left = runs.first?.count ?? 0
    for length in lengths {
      var sequence: [Run] = []
      var wanted = length
      while wanted > 0, next < runs.count {
        let taken = min(wanted, left)
        if taken > 0 { sequence.append(Run(itemClass: runs[next].itemClass, count: taken)) }
        wanted -= taken
        left -= taken
        if left == 0 {
          next += 1
          left = next < runs.count ? runs[next].count : 0
        }
      }
      if launches.last?.sequence == sequence {
        launches[launches.count - 1].count += 1
      } else {
        launches.append(.init(sequence: sequence, count: 1))
      }
    }
    return launches
  }
}

extension [ItemRuns.Run] {
  /// The same runs with classes that differ in nothing but which tiles they walk as one. Complexity: O(classes + runs).
  func sameTimes(_ classes: [ItemClass]) -> [ItemRuns.Run] {
    // Bands differ from tile to tile in how far they reach, and with it in time: only lists can agree.
    let hasLists = classes.contains {
      switch $0.walk {
      case .list, .runs: true
      case .ascending, .descending: false
      }
    }
    guard count > 1, hasLists else { return self }
    var first: [ItemRuns.Times: Int] = [:]
    let same = classes.enumerated().map { index, itemClass in
      let times = ItemRuns.Times(values: itemClass.values, steps: itemClass.walk.count)
      if let known = first[times] { return known }
      first[times] = index
      return index
    }
    var runs: [ItemRuns.Run] = []
    for run in self {
      if let last = runs.last, last.itemClass == same[run.itemClass] {
        runs[runs.count - 1].count += run.count
      } else {
        runs.append(.init(itemClass: same[run.itemClass], count: run.count))
      }
    }
    return runs
  }
}
