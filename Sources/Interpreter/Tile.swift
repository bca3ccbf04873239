import HWModels

/// A matrix of fp32 numbers.
///
/// `liveRows` and `liveColumns` bound the part that can differ from zero: copies past the end of a tensor pad with
/// zeros, and neither products nor softmax spend time on padding rows.
struct Tile: Sendable {
  let rows: Int
  let columns: Int
  var liveRows: Int
  var liveColumns: Int
  /// Row-major, `rows * columns` numbers.
  var elements: [Float]
  /// The narrowest type known to hold every element exactly.
  var type: DataType

  init(
    rows: Int, columns: Int, liveRows: Int? = nil, liveColumns: Int? = nil, type: DataType = .fp32,
    repeating number: Float = 0
  ) {
    self.rows = rows
    self.columns = columns
    self.liveRows = liveRows ?? rows
    self.liveColumns = liveColumns ?? columns
    self.type = type
    elements = Array(repeating: number, count: rows * columns)
  }

  /// One number a row, zero past the live rows.
  init(rows: Int, liveRows: Int, entry: (Int) -> Float) {
    self.init(rows: rows, columns: 1, liveRows: liveRows)
    for row in 0..<liveRows { elements[row] = entry(row) }
  }

  subscript(row: Int, column: Int) -> Float { elements[row * columns + column] }

  /// Places of a row's numbers.
  func places(ofRow row: Int) -> Range<Int> { row * columns..<(row + 1) * columns }

  /// Copies `rows` runs of `count` numbers of another tile: runs begin `stride` numbers apart.
  mutating func copy(
    rows: Int, count: Int, from source: Tile, at first: Int, stride: Int, to place: Int, stride step: Int
  ) {
    guard rows > 0, count > 0 else { return }
    elements.withUnsafeMutableBufferPointer { target in
      source.elements.withUnsafeBufferPointer { source in
        for row in 0..<rows {
          let (from, to) = (first + row * stride, place + row * step)
          _ = target[to..<to + count].update(fromContentsOf: source[from..<from + count])
        }
      }
    }
  }

  /// Writes one row, rounded to the tile's type.
  mutating func write(_ numbers: some Sequence<Float>, row: Int) {
    for (place, number) in zip(places(ofRow: row), numbers) {
      elements[place] = Rounding.round(number, to: type)
    }
  }
}
