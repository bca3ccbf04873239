/// Finds how often the two operands of a matrix product have to be read where a block of one stays in the buffer while the
/// other streams past it.
///
/// Either operand can be the one that stays. A block is a whole number of its tiles that divides their number, as mappers
/// do that know no ragged blocks; beside it the buffer holds one tile of the other operand and one of the result.
/// - Complexity: O(square root of the number of tiles).
struct SpatialProductMapper {
  /// Times each operand is read.
  private(set) var residentReads = 1.0
  private(set) var streamedReads = 1.0

  init(
    resident: Double, streamed: Double, inner: Double, residentTile: Double, streamedTile: Double,
    bufferBytes: Double, element: Double
  ) {
    /// Times the other operand is read where this one stays.
    func blocks(_ extent: Double, _ tile: Double, _ other: Double) -> Double {
      let tiles = (extent / tile).rounded(.up)
      let room = (bufferBytes / element - other * (inner + tile)) / (tile * inner)
      return tiles / SpatialTiles.largestDivisor(of: tiles, atMost: max(room.rounded(.down), 1))
    }
    let first = blocks(resident, residentTile, streamedTile)
    let second = blocks(streamed, streamedTile, residentTile)
    if (first - 1) * streamed <= (second - 1) * resident {
      streamedReads = first
    } else {
      residentReads = second
    }
  }
}

enum SpatialTiles {
  /// Counts beyond this have no use and would not fit.
  private static let largest = 1e12

  /// The largest divisor of `count` that is not above `limit`; 1 where there is none other.
  static func largestDivisor(of count: Double, atMost limit: Double) -> Double {
    let whole = Int(min(count, largest))
    let limit = Int(min(max(limit, 1), largest))
    var best = 1
    var factor = 1
    while factor * factor <= whole {
      if whole % factor == 0 {
        for divisor in [factor, whole / factor] where divisor <= limit { best = max(best, divisor) }
      }
      factor += 1
    }
    return Double(best)
  }
}
