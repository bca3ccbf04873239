import Programs

/// One work item of a kernel, spelled out: programs list items by class, the interpreter runs them one by one.
struct WorkItem {
  var itemClass: Int
  /// Number of the (batch element, head or packed heads) sequence.
  var sequence: Int
  var tile: Int
  var split: Int

  /// Items in the order in which the kernel's policy hands them out.
  static func list(of kernel: Kernel) -> [WorkItem] {
    var items: [WorkItem] = []
    var firstSequence = 0
    for group in kernel.items.groups {
      if let first = group.firstSequence { firstSequence = first }
      let splits = max(kernel.items.splits, 1)
      let classes = group.tileClasses
      let parts = group.tileSplits ?? Array(repeating: splits, count: classes.count / splits)
      let tiles = parts.count
      var first = [0]
      for part in parts { first.append(first[first.count - 1] + part) }
      func append(_ sequence: Int, _ tile: Int) {
        for split in 0..<parts[tile] {
          items.append(
            WorkItem(
              itemClass: classes[first[tile] + split], sequence: firstSequence + sequence,
              tile: tile,
              split: split))
        }
      }
      switch kernel.policy.order {
      case .tilesFastest, .headsSlowest:
        for sequence in 0..<group.count { for tile in 0..<tiles { append(sequence, tile) } }
      case .tilesDescending:
        for sequence in 0..<group.count { for tile in (0..<tiles).reversed() { append(sequence, tile) } }
      case .sequencesFastest:
        for tile in 0..<tiles { for sequence in 0..<group.count { append(sequence, tile) } }
      case .rowTilesSlowest:
        for tile in 0..<tiles { for sequence in 0..<group.count { append(sequence, tile) } }
      case .longestFirst(let perSection), .firstTilesFirst(let perSection):
        let isAscending = kernel.policy.order == .firstTilesFirst(sequencesPerSection: perSection)
        let order = isAscending ? Array(0..<tiles) : (0..<tiles).reversed()
        var first = 0
        while first < group.count {
          let last = min(first + max(perSection, 1), group.count)
          for tile in order { for sequence in first..<last { append(sequence, tile) } }
          first = last
        }
      }
      firstSequence += group.count
    }
    if case .headsSlowest(let heads) = kernel.policy.order {
      return (0..<heads).flatMap { head in items.filter { $0.sequence % heads == head } }
    }
    guard kernel.policy.order == .rowTilesSlowest else { return items }
    // Row tiles outrank the groups too; within one, sequences and parts keep their order.
    let tiles = (items.map(\.tile).max() ?? -1) + 1
    var byTile = [[WorkItem]](repeating: [], count: tiles)
    for item in items { byTile[item.tile].append(item) }
    return byTile.flatMap { $0 }
  }
}

extension Kernel {
  /// How often each operation of the kernel runs, by actor and operation name, from trip counts alone.
  ///
  /// - Complexity: O(classes x operations).
  package func operationCounts() -> [OperationName: Int] {
    var counts: [OperationName: Int] = [:]
    for (itemClass, items) in zip(items.classes, items.counts) {
      for actor in actors {
        for block in actor.blocks {
          let trips = block.trips.count(itemClass.values) * items
          guard trips > 0 else { continue }
          for operation in block.operations {
            counts[OperationName(actor: actor.name, operation: operation.name), default: 0] += trips
          }
        }
      }
    }
    return counts
  }
}

/// An operation as reports name it.
package struct OperationName: Hashable, Sendable {
  package var actor: String
  package var operation: String
  package init(actor: String, operation: String) {
    self.actor = actor
    self.operation = operation
  }
}
