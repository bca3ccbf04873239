/// A fixed block of plain values for the event loop: no bounds checks, no reference counting per access.
///
/// The owner keeps the object alive while it uses `base`. Indices come from lowering, which makes them valid once.
package final class FlatArray<Element: BitwiseCopyable>: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Element>
  package let count: Int

  package init(repeating value: Element, count: Int) {
    base = .allocate(capacity: max(count, 1))
    base.initialize(repeating: value, count: count)
    self.count = count
  }

  package init(_ elements: [Element]) {
    base = .allocate(capacity: max(elements.count, 1))
    for (index, element) in elements.enumerated() { (base + index).initialize(to: element) }
    count = elements.count
  }

  /// Storage whose elements are written before they are read.
  package init(uninitialized count: Int) {
    base = .allocate(capacity: max(count, 1))
    self.count = count
  }

  /// Takes the values of an array of the same length.
  package func copy(_ other: FlatArray) { base.update(from: other.base, count: min(count, other.count)) }

  deinit { base.deallocate() }
}
