/// The work items of a kernel, by class and never one by one.
///
/// Items are tiles of sequences: `sequences` groups (batch element, head, split) that have the same tiles.
public struct ItemSpace: Sendable {
  public var classes: [ItemClass]
  public var groups: [Group]
  /// Query heads that share the rows of one tile (packed grouped heads): row r of a sequence is query position
  /// `r / packedHeads` of head `r % packedHeads` of the group.
  public var packedHeads: Int
  /// Work items into which the walk of one tile is cut; the partial outputs are merged by a later kernel.
  public var splits: Int

  /// The keys of each sequence that the items walk; nil is all. Tiles are counted from the first of them.
  public var keys: Range<Int>?
  /// Batch elements that are stacked into one sequence: its rows are the queries of a key-value head, element after element.
  public var stackedBatch = 1

  /// Neighbouring tiles of one class.
  public struct TileRun: Sendable, Hashable {
    public var itemClass: Int
    public var count: Int
    public init(itemClass: Int, count: Int) {
      self.itemClass = itemClass
      self.count = count
    }
  }

  /// Sequences with equal lists of tiles.
  public struct Group: Sendable {
    /// How many (batch, head) pairs share this list.
    public var count: Int
    /// The tiles in ascending order, as runs of equal classes; with splits, all splits of a tile follow each other.
    public var runs: [TileRun]
    /// Work items of each tile, where tiles are cut into different numbers; nil where all have the space's `splits`.
    public var tileSplits: [Int]?
    /// Number of its first sequence, where groups are not in the order of the batch; nil for the one after the group before.
    public var firstSequence: Int?

    public init(count: Int, runs: [TileRun]) {
      self.count = count
      self.runs = runs
    }
    public init(count: Int, tileClasses: [Int], tileSplits: [Int]? = nil) {
      self.count = count
      self.tileSplits = tileSplits
      runs = []
      for itemClass in tileClasses {
        if runs.last?.itemClass == itemClass {
          runs[runs.count - 1].count += 1
        } else {
          runs.append(TileRun(itemClass: itemClass, count: 1))
        }
      }
    }
    /// Tiles of one sequence.
    public var tileCount: Int { runs.reduce(0) { $0 + $1.count } }
    /// Tiles of rows, however many parts each is cut into.
    public func rowTiles(splits: Int) -> Int { tileSplits?.count ?? tileCount / max(splits, 1) }
    /// Classes of the work items of each tile of rows. Complexity: O(tiles).
    public func classesByRowTile(splits: Int) -> [[Int]] {
      let all = tileClasses
      let parts =
        tileSplits ?? Array(repeating: max(splits, 1), count: rowTiles(splits: splits))
      var first = 0
      return parts.map { count in
        first += count
        return Array(all[first - count..<first])
      }
    }
    /// Class of each tile, one by one. Complexity: O(tiles).
    public var tileClasses: [Int] { runs.flatMap { Array(repeating: $0.itemClass, count: $0.count) } }
  }

  public init(classes: [ItemClass], groups: [Group], packedHeads: Int = 1, splits: Int = 1) {
    self.classes = classes
    self.groups = groups
    self.packedHeads = packedHeads
    self.splits = splits
  }

  public var total: Int { groups.reduce(0) { $0 + $1.count * $1.tileCount } }

  /// Items of each class.
  public var counts: [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    for group in groups { for run in group.runs { counts[run.itemClass] += group.count * run.count } }
    return counts
  }
}

/// Work items that do the same: equal trip counts.
public struct ItemClass: Sendable, Hashable {
  /// Values of the kernel's variables.
  public var values: [Int]
  /// The tiles of the other side that it walks, in order.
  public var walk: Walk

  /// Tiles in the order of visit.
  public enum Walk: Sendable, Hashable {
    case ascending(Range<Int>)
    case descending(Range<Int>)
    case list([Int])
    /// Ranges one after another, each from its first tile to its last, or from its last to its first.
    case runs([Range<Int>], descending: Bool = false)

    /// Complexity: O(1), for runs O(runs).
    public var count: Int {
      switch self {
      case .ascending(let range), .descending(let range): range.count
      case .list(let tiles): tiles.count
      case .runs(let runs, _): runs.reduce(0) { $0 + $1.count }
      }
    }
    public func tile(at place: Int) -> Int? {
      guard place >= 0, place < count else { return nil }
      switch self {
      case .ascending(let range): return range.lowerBound + place
      case .descending(let range): return range.upperBound - 1 - place
      case .list(let tiles): return tiles[place]
      case .runs(let runs, let isDescending):
        var left = place
        for run in runs {
          if left < run.count { return isDescending ? run.upperBound - 1 - left : run.lowerBound + left }
          left -= run.count
        }
        return nil
      }
    }
  }

  public init(values: [Int], walk: Walk) {
    self.values = values
    self.walk = walk
  }
}

/// How cores come by work items.
public enum TilePolicy: Sendable, Hashable {
  /// One launch per item in linear order; a core takes the next when a slot is free.
  case grid(order: ItemOrder)
  /// As many launches as slots; item i goes to slot i mod slots.
  case staticPersistent(order: ItemOrder)
  /// As many launches as slots; a free slot takes the next item in order.
  case dynamicPersistent(order: ItemOrder)
  /// Launch number i plays the next `lengths[i]` items of the linear order, one after the other (stream-K).
  case ranges(lengths: [Int], order: ItemOrder = .tilesFastest)

  public var order: ItemOrder {
    switch self {
    case .grid(let order), .staticPersistent(let order), .dynamicPersistent(let order),
      .ranges(_, let order):
      order
    }
  }
  public var isRanges: Bool { if case .ranges = self { true } else { false } }
  /// Whether a slot keeps its barriers from item to item, so that a producer runs ahead into the next item. The items of a
  /// range do not: each ends before the next begins.
  public var isPersistent: Bool {
    switch self {
    case .grid, .ranges: false
    case .staticPersistent, .dynamicPersistent: true
    }
  }
  /// Launches of a kernel with `items` work items.
  public func launches(items: Int) -> Int {
    if case .ranges(let lengths, _) = self { lengths.count } else { items }
  }
}

/// The linear order of work items.
public enum ItemOrder: Sendable, Hashable {
  /// Tiles of one sequence after another, ascending.
  case tilesFastest
  /// The same with the last tile of a sequence first.
  case tilesDescending
  /// Sections of `sequencesPerSection` sequences; inside one, last tile first, all its sequences, then the tile before.
  case longestFirst(sequencesPerSection: Int)
  /// The same with the first tile first: where the walk of the first tile is the longest, as for keys under a causal mask.
  case firstTilesFirst(sequencesPerSection: Int)
  /// All sequences of a tile before the next tile.
  case sequencesFastest
  /// Tiles of the first of `heads` heads of each batch element, one element after another, before those of the second.
  case headsSlowest(heads: Int)
  /// All sequences of the first tile of rows, each with all its parts, before the next tile of rows.
  case rowTilesSlowest
}
