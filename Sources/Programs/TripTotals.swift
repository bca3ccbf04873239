/// How often each loop of a kernel runs, over all work items.
///
/// Loops share a handful of different trip counts, so the classes are walked once for each of those.
public struct TripTotals: Sendable {
  private var entries: [(trips: TripCount, total: Int)] = []

  /// Complexity: O(classes x different trip counts).
  public init(_ kernel: Kernel) {
    let counts = kernel.items.counts
    for actor in kernel.actors {
      for block in actor.blocks where place(of: block.trips) == nil {
        entries.append((block.trips, Self.total(block.trips, kernel.items.classes, counts)))
      }
    }
  }

  /// Trips over all work items of a loop of this kernel.
  public subscript(trips: TripCount) -> Int { place(of: trips).map { entries[$0].total } ?? 0 }

  private func place(of trips: TripCount) -> Int? { entries.firstIndex { $0.trips == trips } }

  private static func total(_ trips: TripCount, _ classes: [ItemClass], _ counts: [Int]) -> Int {
    var total = 0
    for index in classes.indices { total += counts[index] * trips.count(classes[index].values) }
    return total
  }
}
