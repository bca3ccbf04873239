/// Key tiles cut into parts of equal length; the last ones may be shorter or empty.
public struct FixedSplit: Sendable, Hashable {
  public let blocks: Int
  public let splits: Int
  /// Tiles of the longest part.
  public let longest: Int

  public init(blocks: Int, splits: Int) {
    self.blocks = blocks
    self.splits = max(splits, 1)
    longest = (blocks + self.splits - 1) / self.splits
  }

  /// As many parts of `chunk` tiles as it takes: all but the last are full.
  public init(blocks: Int, chunk: Int) {
    self.blocks = blocks
    longest = max(chunk, 1)
    splits = max((blocks + longest - 1) / longest, 1)
  }

  /// Parts that have tiles.
  public var partsWithTiles: Int { longest > 0 ? (blocks + longest - 1) / longest : 0 }
  public func range(of part: Int) -> Range<Int> {
    min(part * longest, blocks)..<min((part + 1) * longest, blocks)
  }
}
