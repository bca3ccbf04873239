/// What the slots of one kernel share: the items nobody has taken yet.
final class KernelRun {
  let compiled: CompiledKernel
  let flat: FlatKernel
  let slotCount: Int
  let slots: UnsafeMutablePointer<CoreSlot>
  @exclusivity(unchecked) private var nextItem = 0

  init(_ compiled: CompiledKernel, slots count: Int) {
    self.compiled = compiled
    flat = compiled.flat
    slotCount = count
    slots = .allocate(capacity: max(count, 1))
    for number in 0..<count { (slots + number).initialize(to: CoreSlot(compiled, number: number)) }
    for number in 0..<count { slots[number].start(self) }
  }

  deinit {
    slots.deinitialize(count: slotCount)
    slots.deallocate()
  }

  /// The next item for a slot that has taken `taken` so far, or -1 when there is none.
  func item(slot: Int, taken: Int) -> Int {
    if flat.isStatic {
      let item = slot &+ taken &* slotCount
      return item < flat.itemCount ? item : -1
    }
    guard nextItem < flat.itemCount else { return -1 }
    nextItem &+= 1
    return nextItem &- 1
  }
}
