/// First in, first out.
struct Queue<Element> {
  private var elements: [Element] = []
  /// Place of the oldest element.
  private var head = 0

  var isEmpty: Bool { head == elements.count }
  var count: Int { elements.count - head }

  mutating func append(_ element: Element) { elements.append(element) }

  /// - Precondition: not empty.
  mutating func removeFirst() -> Element {
    let element = elements[head]
    head += 1
    if head == elements.count {
      removeAll()
    } else if head >= 32, 2 * head >= elements.count {
      elements.removeSubrange(0..<head)
      head = 0
    }
    return element
  }

  mutating func removeAll() {
    elements.removeAll(keepingCapacity: true)
    head = 0
  }
}
