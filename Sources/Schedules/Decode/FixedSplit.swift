/// Key tiles cut into parts of equal length; the last ones may be shorter or empty.
public struct FixedSplit: Sendable, Hashable {
  public let blocks: Int
  public let splits: Int
  public init(blocks: Int, splits: Int) {
    self.blocks = blocks
    self.splits = max(splits, 1)
  }
  /// Tiles of the longest part.
  public var longest: Int { (blocks + splits - 1) / splits }
  /// Parts that have tiles.
  public var partsWithTiles: Int { longest > 0 ? (blocks + longest - 1) / longest : 0 }
  public func range(of part: Int) -> Range<Int> {
    min(part * longest, blocks)..<min((part + 1) * longest, blocks)
  }
}
