/// A list of integers in raw memory.
///
/// Arrays are as fast once optimised; without the optimiser, as tests run, each of their calls costs what a dozen of
/// these do. Whoever makes one frees it.
struct IntList {
  private(set) var pointer: UnsafeMutablePointer<Int>
  private(set) var count = 0
  private var capacity = 8

  init() { pointer = .allocate(capacity: 8) }

  mutating func append(_ number: Int) {
    if count == capacity {
      let more = UnsafeMutablePointer<Int>.allocate(capacity: 2 * capacity)
      more.update(from: pointer, count: count)
      pointer.deallocate()
      pointer = more
      capacity *= 2
    }
    pointer[count] = number
    count &+= 1
  }

  mutating func removeAll() { count = 0 }
  func deallocate() { pointer.deallocate() }
}

/// Issued steps of one queue, first in, first out, in raw memory.
struct StepQueue {
  private var pointer: UnsafeMutablePointer<Step>
  private var head = 0
  private var count = 0
  private var capacity = 8

  init() { pointer = .allocate(capacity: 8) }

  var isEmpty: Bool { head == count }

  mutating func append(_ step: Step) {
    if count == capacity {
      let more = UnsafeMutablePointer<Step>.allocate(capacity: 2 * capacity)
      more.update(from: pointer, count: count)
      pointer.deallocate()
      pointer = more
      capacity *= 2
    }
    (pointer + count).initialize(to: step)
    count &+= 1
  }

  /// - Precondition: not empty.
  mutating func removeFirst() -> Step {
    let step = pointer[head]
    head &+= 1
    if head == count { removeAll() }
    return step
  }

  mutating func removeAll() { (head, count) = (0, 0) }
  func deallocate() { pointer.deallocate() }
}
