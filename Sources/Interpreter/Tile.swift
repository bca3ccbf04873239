import HWModels

/// A matrix of fp32 numbers that nobody changes once it is made.
///
/// `liveRows` and `liveColumns` bound the part that can differ from zero: copies past the end of a tensor pad with
/// zeros, and neither products nor softmax spend time on padding rows.
final class Tile: @unchecked Sendable {
  let rows: Int
  let columns: Int
  var liveRows: Int
  var liveColumns: Int
  /// Row-major, `rows * columns` numbers, zero until written.
  let elements: UnsafeMutablePointer<Float>
  /// The narrowest type known to hold every element exactly.
  var type: DataType

  init(rows: Int, columns: Int, liveRows: Int? = nil, liveColumns: Int? = nil, type: DataType = .fp32) {
    self.rows = rows
    self.columns = columns
    self.liveRows = liveRows ?? rows
    self.liveColumns = liveColumns ?? columns
    self.type = type
    elements = .allocate(capacity: max(rows * columns, 1))
    var done = 0
    let count = max(rows * columns, 1)
    while done < count {
      let some = min(count &- done, Self.zeroCount)
      (elements + done).initialize(from: Self.zeros, count: some)
      done &+= some
    }
  }

  /// Zeros to copy: to write one number many times takes a call for each where the optimiser does not run.
  private static let zeroCount = 16_384
  nonisolated(unsafe) private static let zeros: UnsafePointer<Float> = {
    let zeros = UnsafeMutablePointer<Float>.allocate(capacity: zeroCount)
    zeros.initialize(repeating: 0, count: zeroCount)
    return UnsafePointer(zeros)
  }()

  private init(copying other: Tile) {
    (rows, columns) = (other.rows, other.columns)
    (liveRows, liveColumns) = (other.liveRows, other.liveColumns)
    type = other.type
    elements = .allocate(capacity: max(rows * columns, 1))
    elements.initialize(from: other.elements, count: max(rows * columns, 1))
  }

  deinit { elements.deallocate() }

  subscript(row: Int, column: Int) -> Float { elements[row * columns + column] }

  /// A tile of the same shape and live part with the same numbers.
  func copy() -> Tile {
    Tile(copying: self)
  }
}
