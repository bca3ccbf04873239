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
  func forEachRun(_ body: (Range<Int>) -> Void) {
    if !isEmpty { visitRuns(axis: 0, base: 0, body) }
  }

  private func visitRuns(axis: Int, base: Int, _ body: (Range<Int>) -> Void) {
    let size = sizes[axis]
    for part in axes[axis] {
      if axis == lastAxis, part.step == 1 {
        let start = base + part.first * size
        body(start..<start + part.count * size)
        continue
      }
      for index in 0..<part.count {
        let start = base + (part.first + index * part.step) * size
        if axis == lastAxis {
          body(start..<start + size)
        } else {
          visitRuns(axis: axis + 1, base: start, body)
        }
      }
    }
  }

  /// Marks every tile of `tile` places that holds a place of the set, the grid starting at place `base`.
  ///
  /// Complexity: O(tiles marked): rows that lie inside one tile are passed over together.
  func mark(tile: Int, base: Int, into marks: inout TileMarks) {
    if !isEmpty { mark(axis: 0, base: base, tile: tile, into: &marks) }
  }

  private func mark(axis: Int, base: Int, tile: Int, into marks: inout TileMarks) {
    let size = sizes[axis]
    for part in axes[axis] {
      // Gaps shorter than a tile leave no tile out.
      if axis == lastAxis, (part.step - 1) * size < tile {
        marks.insert((base + part.first * size) / tile...(base + (part.last + 1) * size - 1) / tile)
        continue
      }
      var index = 0
      while index < part.count {
        let start = base + (part.first + index * part.step) * size
        let owner = start / tile
        if axis == lastAxis {
          marks.insert(owner...(start + size - 1) / tile)
        } else if start + size <= (owner + 1) * tile {
          marks.insert(owner...owner)
          // Members whose rows end in the same tile add nothing.
          index += ((owner + 1) * tile - start - size) / (part.step * size)
        } else {
          mark(axis: axis + 1, base: start, tile: tile, into: &marks)
        }
        index += 1
      }
    }
  }
}

/// A set of tiles as bits, to be filled out of order and read as runs.
struct TileMarks: Sendable {
  private var words: [UInt64]
  private var touched: Range<Int>?

  init(tiles: Int) { words = [UInt64](repeating: 0, count: (tiles + 63) / 64) }

  mutating func insert(_ tiles: ClosedRange<Int>) {
    let (first, last) = (tiles.lowerBound >> 6, tiles.upperBound >> 6)
    let low = ~UInt64(0) << UInt64(tiles.lowerBound & 63)
    let high = ~UInt64(0) >> UInt64(63 - tiles.upperBound & 63)
    if first == last {
      words[first] |= low & high
    } else {
      words[first] |= low
      for word in first + 1..<last { words[word] = ~0 }
      words[last] |= high
    }
    if let old = touched {
      touched = min(old.lowerBound, first)..<max(old.upperBound, last + 1)
    } else {
      touched = first..<last + 1
    }
  }

  /// The runs of marked tiles, ascending; leaves the set empty.
  mutating func take() -> KeyRuns {
    var runs = KeyRuns()
    guard let touched else { return runs }
    for index in touched {
      var word = words[index]
      words[index] = 0
      var base = index << 6
      while word != 0 {
        let gap = word.trailingZeroBitCount
        word >>= UInt64(gap)
        let length = (~word).trailingZeroBitCount
        runs.append(base + gap..<base + gap + length)
        if gap + length >= 64 - (base & 63) { break }
        word >>= UInt64(length)
        base += gap + length
      }
    }
    self.touched = nil
    return runs
  }
}
