/// Tiles of one row of a map, gathered from runs of keys in any order and read as ascending runs.
struct TileMarks: Sendable {
  /// Keys of a tile.
  let tile: Int
  private let reciprocal: UInt64
  /// A bit for each marked tile; words outside `touched` are zero.
  private var words: [UInt64]
  private var touched = Int.max..<Int.max
  /// Keys covered of each tile, zero outside `partial`.
  private var covered: [Int32]
  private var partial: [Int] = []

  init(tiles: Int, of tile: Int) {
    self.tile = tile
    reciprocal = (1 << TileMarks.fraction + UInt64(tile) - 1) / UInt64(tile)
    words = [UInt64](repeating: 0, count: (tiles + 63) / 64)
    covered = [Int32](repeating: 0, count: tiles)
  }

  /// Fraction bits of `reciprocal`: with places and tiles below 2^29 the product's error stays below one.
  private static let fraction: UInt64 = 60

  /// `place / tile`, by a multiplication, since rows ask for it all the time.
  @inline(__always)
  private func owner(of place: Int) -> Int {
    let product = reciprocal.multipliedFullWidth(by: UInt64(truncatingIfNeeded: place))
    return Int(truncatingIfNeeded: product.high << 4 | product.low >> 60)
  }

  /// Where the tile that holds `place` ends.
  @inline(__always)
  func endOfTile(holding place: Int) -> Int { (owner(of: place) + 1) * tile }

  /// Marks the tiles that hold a key of the run (not empty).
  @inline(__always)
  mutating func mark(_ keys: Range<Int>) { mark(owner(of: keys.lowerBound), owner(of: keys.upperBound - 1)) }

  @inline(__always)
  private mutating func mark(_ firstTile: Int, _ lastTile: Int) {
    let (first, last) = (firstTile >> 6, lastTile >> 6)
    let low = ~UInt64(0) &<< UInt64(truncatingIfNeeded: firstTile & 63)
    let high = ~UInt64(0) &>> UInt64(truncatingIfNeeded: 63 - lastTile & 63)
    if first == last {
      words[first] |= low & high
    } else {
      words[first] |= low
      for word in first + 1..<last { words[word] = ~0 }
      words[last] |= high
    }
    if first < touched.lowerBound || last >= touched.upperBound || touched.isEmpty {
      touched = min(touched.lowerBound, first)..<max(touched.isEmpty ? 0 : touched.upperBound, last + 1)
    }
  }

  /// Counts the keys of the run (not empty) as covered; runs must not overlap. Tiles inside the run are marked.
  mutating func cover(_ keys: Range<Int>) {
    let (first, last) = (owner(of: keys.lowerBound), owner(of: keys.upperBound - 1))
    if first == last {
      cover(first, keys: keys.count)
    } else {
      cover(first, keys: (first + 1) * tile - keys.lowerBound)
      cover(last, keys: keys.upperBound - last * tile)
      if last > first + 1 { mark(first + 1, last - 1) }
    }
  }

  private mutating func cover(_ index: Int, keys: Int) {
    if covered[index] == 0 { partial.append(index) }
    covered[index] += Int32(keys)
  }

  /// The tiles of which every key was covered; leaves nothing covered.
  mutating func takeCovered() -> KeyRuns {
    for index in partial {
      if covered[index] == tile { mark(index, index) }
      covered[index] = 0
    }
    partial.removeAll(keepingCapacity: true)
    return takeMarked()
  }

  /// The marked tiles; leaves none marked.
  mutating func takeMarked() -> KeyRuns {
    var runs = KeyRuns()
    for index in touched {
      var word = words[index]
      words[index] = 0
      var base = index << 6
      while word != 0 {
        let gap = word.trailingZeroBitCount
        word >>= UInt64(gap)
        let length = (~word).trailingZeroBitCount
        runs.append(base + gap..<base + gap + length)
        word >>= UInt64(length)
        base += gap + length
      }
    }
    touched = Int.max..<Int.max
    return runs
  }
}
