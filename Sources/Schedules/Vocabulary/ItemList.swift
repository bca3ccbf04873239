import Programs

/// Collects the items of a kernel: each class once, by what makes it different, and equal neighbouring sequences as one group.
struct ItemList<Key: Hashable> {
  private(set) var classes: [ItemClass] = []
  private(set) var groups: [ItemSpace.Group] = []
  private var places: [Key: Int] = [:]

  /// The place of the class that `key` stands for; `make` says what it is.
  mutating func place(of key: Key, _ make: () -> ItemClass) -> Int {
    if let place = places[key] { return place }
    let place = append(make())
    places[key] = place
    return place
  }

  /// The place of a class that no other item has.
  mutating func append(_ itemClass: ItemClass) -> Int {
    classes.append(itemClass)
    return classes.count - 1
  }

  /// Adds sequences after those that are there.
  mutating func append(_ group: ItemSpace.Group) {
    if let last = groups.last, last.runs == group.runs, last.tileSplits == group.tileSplits {
      groups[groups.count - 1].count += group.count
    } else {
      groups.append(group)
    }
  }
}

extension [ItemSpace.Group] {
  /// Groups of the heads of one batch element, for all elements: sequences are numbered batch by batch, then head by head.
  func repeated(batch: Int) -> [ItemSpace.Group] {
    guard count == 1 else { return (0..<batch).flatMap { _ in self } }
    var groups = self
    groups[0].count *= batch
    return groups
  }
}

extension ItemSpace {
  /// Work items that all do the same.
  static func equal(_ count: Int) -> ItemSpace {
    ItemSpace(classes: [ItemClass()], groups: [.init(count: 1, runs: [.init(itemClass: 0, count: count)])])
  }
}
