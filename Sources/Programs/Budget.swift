/// On-chip needs of a work item against what a core has.
public struct Budget: Sendable, Hashable, CustomStringConvertible {
  /// One need, and how much there is of it where that is limited.
  public struct Line: Sendable, Hashable {
    public var item: String
    public var needed: Int
    /// nil for a part of a total.
    public var available: Int?
    public init(item: String, needed: Int, available: Int? = nil) {
      self.item = item
      self.needed = needed
      self.available = available
    }
  }
  public var lines: [Line]
  public init(lines: [Line]) { self.lines = lines }

  public var fits: Bool { lines.allSatisfy { line in line.available.map { line.needed <= $0 } ?? true } }

  public var description: String {
    lines.map { line in
      let mark = line.available.map { line.needed > $0 ? "  <- over by \(line.needed - $0)" : "" } ?? ""
      let limit = line.available.map { " of \($0)" } ?? ""
      return "  \(line.item): \(line.needed)\(limit)\(mark)"
    }.joined(separator: "\n")
  }
}
