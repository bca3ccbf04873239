extension GraphMachine {
  /// A queue of elements, each `width` numbers, in raw memory.
  final class Queue {
    let width: Int
    let depth: Int
    @exclusivity(unchecked) private var numbers: UnsafeMutablePointer<Float>
    @exclusivity(unchecked) private var capacity: Int
    /// First number of the oldest element, and the end of the newest.
    @exclusivity(unchecked) private var head = 0
    @exclusivity(unchecked) private var tail = 0
    @exclusivity(unchecked) private(set) var count = 0

    init(width: Int, depth: Int?) {
      self.width = width
      self.depth = depth ?? Int.max
      capacity = max(64, 4 * width)
      numbers = .allocate(capacity: capacity)
    }

    deinit { numbers.deallocate() }

    /// Adds an element; a row of another length than the queue's is poison.
    func append(_ element: [Float]) {
      if tail + width > capacity { makeRoom() }
      let target = numbers + tail
      element.withUnsafeBufferPointer { source in
        if let start = source.baseAddress, source.count == width {
          target.update(from: start, count: width)
        } else {
          target.update(repeating: .nan, count: width)
        }
      }
      tail &+= width
      count &+= 1
    }

    /// The oldest element, of which there is one.
    func removeFirst() -> [Float] {
      let start = numbers + head
      head &+= width
      count &-= 1
      if count == 0 { (head, tail) = (0, 0) }
      if width == 1 { return [start.pointee] }
      return Array(UnsafeBufferPointer(start: start, count: width))
    }

    private func makeRoom() {
      let used = tail - head
      if used + width > capacity / 2 {
        let more = UnsafeMutablePointer<Float>.allocate(capacity: 2 * capacity)
        more.update(from: numbers + head, count: used)
        numbers.deallocate()
        numbers = more
        capacity *= 2
      } else {
        numbers.update(from: numbers + head, count: used)
      }
      (head, tail) = (0, used)
    }
  }
}
