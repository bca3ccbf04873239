/// Blocks of the score matrix, each attended to as a whole or not at all.
public struct BlockSparse: Sendable, Hashable {
  public let queryBlock: Int
  public let keyBlock: Int
  public let pattern: Pattern

  /// Which blocks are kept.
  public enum Pattern: Sendable, Hashable {
    /// Each block with probability `density`; block (i, i) always, where `keepsDiagonal`.
    ///
    /// Drawn in row-major order as `torch.rand(rows, columns) < density` draws it on a CPU generator seeded with `seed`,
    /// so that a measured mask can be made again.
    case random(density: Double, seed: UInt32, keepsDiagonal: Bool)
    case list(BlockList)
    /// A block list kept in a file; nil until its text has been read, see `Mask.readingBlockLists`.
    case file(path: String, BlockList?)
  }

  /// - Throws: `MaskProblem` for a block without tokens or of too many, or a density outside 0...1.
  public init(queryBlock: Int, keyBlock: Int, pattern: Pattern) throws(MaskProblem) {
    for size in [queryBlock, keyBlock] where size < 1 {
      throw MaskProblem(field: "block", limit: 1, message: "a block of \(size) tokens is less than 1")
    }
    let largest = AttentionShape.largestExtent
    for size in [queryBlock, keyBlock] where size > largest {
      throw MaskProblem(
        field: "block", limit: largest, message: "a block of \(size) tokens is more than \(largest)")
    }
    if case .random(let density, _, _) = pattern, !(0...1).contains(density) {
      throw MaskProblem(field: "density", limit: 1, message: "density \(density) must lie between 0 and 1")
    }
    self.queryBlock = queryBlock
    self.keyBlock = keyBlock
    self.pattern = pattern
  }

  /// The listed blocks; nil for drawn ones and for a file that has not been read.
  package var list: BlockList? {
    switch pattern {
    case .list(let list), .file(_, let list?): list
    case .random, .file: nil
    }
  }
}

/// Blocks by row and column, sorted, each once.
public struct BlockList: Sendable, Hashable {
  /// One kept block.
  public struct Entry: Sendable, Hashable, Comparable {
    public var row: Int32
    public var column: Int32
    public init(row: Int32, column: Int32) {
      self.row = row
      self.column = column
    }
    public static func < (a: Self, b: Self) -> Bool { (a.row, a.column) < (b.row, b.column) }
  }
  public let entries: [Entry]

  public init(_ entries: [Entry]) {
    var sorted = entries
    if !zip(sorted, sorted.dropFirst()).allSatisfy(<) {
      sorted.sort()
      var unique: [Entry] = []
      unique.reserveCapacity(sorted.count)
      for entry in sorted where entry != unique.last { unique.append(entry) }
      sorted = unique
    }
    self.entries = sorted
  }

  /// Reads `row:column` entries between commas, semicolons, blanks or line ends; `#` starts a comment to the line's end.
  ///
  /// - Throws: `MaskSyntaxError` with the position of the first character that does not fit.
  public init(parsing text: String) throws(MaskSyntaxError) {
    var entries: [Entry] = []
    var reader = TextReader(text)
    while true {
      reader.skipListSeparators()
      if reader.isAtEnd { break }
      let row = try reader.number("block list", of: Int32.self)
      try reader.expect(":", "block list", "an entry is written ROW:COLUMN")
      entries.append(Entry(row: row, column: try reader.number("block list", of: Int32.self)))
    }
    self.init(entries)
  }

  public var text: String { entries.map { "\($0.row):\($0.column)" }.joined(separator: ",") }
}

extension Mask {
  /// The mask with the block lists of its files read by `read`.
  ///
  /// - Parameter read: the text of the file at a path.
  public func readingBlockLists(_ read: (_ path: String) throws -> String) throws -> Mask {
    try replacingBlocks { blocks in
      guard case .file(let path, nil) = blocks.pattern else { return blocks }
      let list = try BlockList(parsing: try read(path))
      return try BlockSparse(
        queryBlock: blocks.queryBlock, keyBlock: blocks.keyBlock, pattern: .file(path: path, list))
    }
  }

  /// The mask with other paths of the block lists that have not been read.
  public func movingBlockLists(_ moved: (_ path: String) -> String) throws -> Mask {
    try replacingBlocks { blocks in
      guard case .file(let path, nil) = blocks.pattern else { return blocks }
      return try BlockSparse(
        queryBlock: blocks.queryBlock, keyBlock: blocks.keyBlock, pattern: .file(path: moved(path), nil))
    }
  }

  private func replacingBlocks(_ replace: (BlockSparse) throws -> BlockSparse) throws -> Mask {
    switch self {
    case .blockSparse(let blocks): return .blockSparse(try replace(blocks))
    case .intersection(let masks): return .intersection(try masks.map { try $0.replacingBlocks(replace) })
    case .union(let masks): return .union(try masks.map { try $0.replacingBlocks(replace) })
    case .perHead(let entries):
      return .perHead(
        try entries.map { HeadMask(heads: $0.heads, mask: try $0.mask.replacingBlocks(replace)) })
    default: return self
    }
  }
}
