/// Places of a row-major grid whose coordinate on each axis lies in a set: a product of sets, never listed.
struct ProductSet: Sendable {
  /// Coordinates `first, first + step, ...`, `count` of them.
  struct Progression: Sendable, Hashable {
    var first: Int
    var step: Int
    var count: Int
    var last: Int { first + (count - 1) * step }
    init(_ range: Range<Int>) { (first, step, count) = (range.lowerBound, 1, range.count) }
    init(first: Int, step: Int, count: Int) { (self.first, self.step, self.count) = (first, step, count) }
  }

  /// For each axis, progressions that do not share a coordinate.
  let axes: [[Progression]]
  /// Places of the grid per step of each axis.
  private let sizes: [Int]
  /// The last axis that is not full; axes behind it are runs of `sizes[lastAxis]` places.
  private let lastAxis: Int
  let isEmpty: Bool
  let count: Int

  init(axes: [[Progression]], shape: [Int]) {
    self.axes = axes
    var sizes = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { sizes[axis] = sizes[axis + 1] * shape[axis + 1] }
    self.sizes = sizes
    let counts = axes.map { $0.reduce(0) { $0 + $1.count } }
    isEmpty = counts.contains(0)
    count = counts.reduce(1, *)
    lastAxis = shape.indices.last { counts[$0] < shape[$0] } ?? 0
  }

  /// Calls `body` with runs of places that make up the set, in no particular order where an axis has several
  /// progressions. Complexity: O(runs).
  @inline(__always)
  func forEachRun(_ body: (Range<Int>) -> Void) { forEachRun(in: 0..<Int.max, body) }

  /// As `forEachRun`, without runs that hold no place of `window`. Complexity: about O(runs in the window).
  @inline(__always)
  func forEachRun(in window: Range<Int>, _ body: (Range<Int>) -> Void) {
    if !isEmpty { visitRuns(axis: 0, base: 0, window: window, body) }
  }

  private func visitRuns(axis: Int, base: Int, window: Range<Int>, _ body: (Range<Int>) -> Void) {
    let size = sizes[axis]
    for part in axes[axis] {
      let origin = base + part.first * size
      if axis == lastAxis, part.step == 1 {
        body(origin..<origin + part.count * size)
        continue
      }
      let step = part.step * size
      guard origin < window.upperBound else { continue }
      let from = window.lowerBound < origin + size ? 0 : (window.lowerBound - origin - size) / step + 1
      let end = min(part.count, (window.upperBound - origin - 1) / step + 1)
      guard from < end else { continue }
      for index in from..<end {
        let start = origin + index * step
        if axis == lastAxis {
          body(start..<start + size)
        } else {
          visitRuns(axis: axis + 1, base: start, window: window, body)
        }
      }
    }
  }

  /// Marks every tile that holds a place of the set, the grid starting at place `base`.
  ///
  /// Complexity: O(tiles marked): rows that lie inside one tile are passed over together.
  func mark(base: Int, into marks: inout TileMarks) {
    if !isEmpty { mark(axis: 0, base: base, into: &marks) }
  }

  /// From the first place to the last of what axes from `axis` on make, and the longest gap in it; nil where an axis has
  /// several progressions.
  private func extent(from axis: Int) -> (places: Range<Int>, gap: Int)? {
    guard axes[axis].count == 1, let part = axes[axis].first else { return nil }
    let size = sizes[axis]
    let (inner, innerGap) = axis == lastAxis ? (0..<size, 0) : extent(from: axis + 1) ?? (0..<0, Int.max)
    if inner.isEmpty { return nil }
    let gap = part.count == 1 ? 0 : part.step * size - inner.count
    return (
      part.first * size + inner.lowerBound..<part.last * size + inner.upperBound, max(gap, innerGap)
    )
  }

  private func mark(axis: Int, base: Int, into marks: inout TileMarks) {
    // Gaps shorter than a tile leave no tile out.
    if let (places, gap) = extent(from: axis), gap < marks.tile {
      marks.mark(places.shifted(by: base))
      return
    }
    let size = sizes[axis]
    for part in axes[axis] {
      if axis == lastAxis {
        markRuns(part, size: size, base: base, into: &marks)
        continue
      }
      // The last but one axis holds most of the rows: its loop takes the last axis's only progression along.
      let inner = axis + 1 == lastAxis && axes[lastAxis].count == 1 ? axes[lastAxis][0] : nil
      var index = 0
      while index < part.count {
        let start = base + (part.first + index * part.step) * size
        let end = marks.endOfTile(holding: start)
        if start + size <= end {
          marks.mark(start..<start + size)
          // Members whose rows end in the same tile add nothing.
          index += (end - start - size) / (part.step * size)
        } else if let inner {
          markRuns(inner, size: sizes[lastAxis], base: start, into: &marks)
        } else {
          mark(axis: axis + 1, base: start, into: &marks)
        }
        index += 1
      }
    }
  }

  /// Marks the runs of the last axis's `part`.
  private func markRuns(_ part: Progression, size: Int, base: Int, into marks: inout TileMarks) {
    // Gaps shorter than a tile leave no tile out.
    if (part.step - 1) * size < marks.tile {
      marks.mark(base + part.first * size..<base + (part.last + 1) * size)
      return
    }
    for index in 0..<part.count {
      let start = base + (part.first + index * part.step) * size
      marks.mark(start..<start + size)
    }
  }
}
