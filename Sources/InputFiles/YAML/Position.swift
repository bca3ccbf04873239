import Yams

/// A place in a text: line and column from 1, columns counted in code points.
struct Position: Hashable, Comparable {
  var line: Int
  var column: Int

  static let start = Position(line: 1, column: 1)

  init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  init?(_ mark: Mark?) {
    guard let mark else { return nil }
    self.init(line: mark.line, column: mark.column)
  }

  static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }

  /// The same line, `columns` further.
  func advanced(by columns: Int) -> Position { Position(line: line, column: column + columns) }
}
