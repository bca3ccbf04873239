import Programs

/// What of a kernel's grid no rate of the device changes: its work, and the order in which cores take its items.
struct KernelGrid: Sendable {
  /// Items of each class.
  let counts: [Int]
  /// How often each loop runs, over all items.
  let totals: TripTotals
  /// Work of all items.
  let work: Work
  /// Above 1, a part of the sequences, one of so many, stands for all.
  let repeats: Int
  /// All items; nil where a part of them is played.
  let runs: [ItemRuns.Run]?

  /// Runs of work items above which a part of the sequences stands for all.
  private static let largestRuns = 1 << 13

  /// - Parameter slots: work items that the device holds.
  /// - Complexity: O(classes + runs).
  init(_ kernel: Kernel, slots: Int) {
    counts = kernel.items.counts
    totals = TripTotals(kernel)
    work = kernel.totalWork(totals)
    // The lengths of ranges are those of all items.
    repeats =
      kernel.policy.isRanges
      ? 1
      : (ItemRuns.count(kernel.items, order: kernel.policy.order, slots: slots) - 1) / Self.largestRuns + 1
    runs = repeats > 1 ? nil : Self.runs(kernel, kernel.items)
  }

  static func runs(_ kernel: Kernel, _ items: ItemSpace) -> [ItemRuns.Run] {
    ItemRuns.make(items, order: kernel.policy.order).sameTimes(items.classes)
  }
}
