import Programs

/// What the slots of one kernel share: the items nobody has taken yet.
final class KernelRun {
  let compiled: CompiledKernel
  @exclusivity(unchecked) private(set) var slots: [CoreSlot] = []
  private let slotCount: Int
  @exclusivity(unchecked) private var nextItem = 0

  init(_ compiled: CompiledKernel, slots count: Int) {
    self.compiled = compiled
    slotCount = count
    slots = (0..<count).map { CoreSlot(compiled, number: $0) }
    for slot in slots { slot.start(self) }
  }

  /// The next item for a slot that has taken `taken` so far; nil when there is none.
  func item(slot: Int, taken: Int) -> Int? {
    if case .staticPersistent = compiled.kernel.policy {
      let item = slot + taken * slotCount
      return item < compiled.items.count ? item : nil
    }
    guard nextItem < compiled.items.count else { return nil }
    nextItem += 1
    return nextItem - 1
  }
}
