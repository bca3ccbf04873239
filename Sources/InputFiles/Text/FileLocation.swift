/// A place in a file or argument that a person can go to.
public struct FileLocation: Sendable, Hashable, CustomStringConvertible {
  /// Path as the user gave it, or the name of an argument (`--set`).
  public var file: String
  /// From 1.
  public var line: Int
  /// From 1, counted in code points.
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}
