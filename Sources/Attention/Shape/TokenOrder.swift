/// The order in which rows of a permuted tensor take the tokens of a grid: dilation group, then tile, then place in the
/// tile, each row-major, every group padded to whole tiles.
///
/// - Source: SHI-Labs/NATTEN src/natten/token_permute/frontend.py.
public struct TokenOrder: Sendable, Hashable {
  public let shape: [Int]
  public let tile: [Int]
  public let dilation: [Int]
  /// Tiles of each axis in a dilation group.
  public let tiles: [Int]

  public init(shape: [Int], tile: [Int], dilation: [Int]) {
    self.shape = shape
    self.tile = tile
    self.dilation = dilation
    tiles = shape.indices.map { (shape[$0] + tile[$0] * dilation[$0] - 1) / (tile[$0] * dilation[$0]) }
  }

  /// Rows, padding included.
  public var rows: Int { zip(tiles, zip(tile, dilation)).reduce(1) { $0 * $1.0 * $1.1.0 * $1.1.1 } }
  /// Whether rows are the tokens themselves.
  public var isIdentity: Bool { shape.count == 1 && dilation == [1] && shape[0] % tile[0] == 0 }

  /// The token of a row, or nil for padding.
  public func token(ofRow row: Int) -> Int? {
    let tokens = tile.reduce(1, *)
    let perGroup = tiles.reduce(1, *)
    var place = row % tokens
    var index = row / tokens % perGroup
    var group = row / tokens / perGroup
    var token = 0
    var size = 1
    for axis in shape.indices.reversed() {
      let inside = index % tiles[axis] * tile[axis] + place % tile[axis]
      let coordinate = inside * dilation[axis] + group % dilation[axis]
      guard coordinate < shape[axis] else { return nil }
      token += coordinate * size
      size *= shape[axis]
      place /= tile[axis]
      index /= tiles[axis]
      group /= dilation[axis]
    }
    return group == 0 ? token : nil
  }

  /// Runs of neighbouring tokens in a range of rows, each with its first row counted from the range's start; rows of
  /// padding are left out.
  public func runs(of range: Range<Int>) -> [(offset: Int, tokens: Range<Int>)] {
    var runs: [(offset: Int, tokens: Range<Int>)] = []
    for row in range {
      guard let token = token(ofRow: row) else { continue }
      let offset = row - range.lowerBound
      if let last = runs.last, last.tokens.upperBound == token, last.offset + last.tokens.count == offset {
        runs[runs.count - 1].tokens = last.tokens.lowerBound..<token + 1
      } else {
        runs.append((offset, token..<token + 1))
      }
    }
    return runs
  }
}
