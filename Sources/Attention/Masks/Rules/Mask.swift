/// Which keys a query may attend to.
///
/// A mask is a rule and holds no lengths except where the rule itself names them (documents, token grids). Text forms
/// are those of the command line, see `init(parsing:)`. `rows(seqQ:seqKV:)` lays a mask over lengths and answers which
/// keys each query sees; `tiles(seqQ:seqKV:tiling:)` which tiles.
///
/// - Leaves out: masks that depend on values. A selection made at run time enters as the block list it produced.
public indirect enum Mask: Sendable, Hashable {
  case none
  /// Bottom-right aligned: the last query sees every key.
  case causal
  /// Top-left aligned: query and key positions are compared directly.
  case causalTopLeft
  /// Keys from `left` before to `right` after the query's own position, bottom-right aligned. nil is unbounded.
  case slidingWindow(left: Int?, right: Int?)
  case slidingWindowTopLeft(left: Int?, right: Int?)
  /// The first `length` keys, and every key up to the query's own position.
  case prefix(length: Int, Alignment)
  /// Of the keys up to the query's own position: the first `tokens`, and the last `window`, the own one included.
  case sink(tokens: Int, window: Int, Alignment)
  case documents(Documents)
  case neighborhood(Neighborhood)
  case blockSparse(BlockSparse)
  /// Pairs that every mask allows.
  case intersection([Mask])
  /// Pairs that some mask allows.
  case union([Mask])
  /// A mask for each head; only as the outermost mask.
  case perHead([HeadMask])

  /// Which key position a query's own position is.
  public enum Alignment: Sendable, Hashable {
    /// The last query stands at the last key: `seqKV - seqQ` is added to query positions.
    case bottomRight
    case topLeft
  }
}

/// The mask of some heads, such as streaming heads beside retrieval heads.
public struct HeadMask: Sendable, Hashable {
  public var heads: Range<Int>
  public var mask: Mask
  public init(heads: Range<Int>, mask: Mask) {
    self.heads = heads
    self.mask = mask
  }
}

extension Mask {
  /// The mask of each range of heads; one range for a mask that all `headCount` heads share.
  public func headMasks(headCount: Int) -> [HeadMask] {
    if case .perHead(let entries) = self { entries } else { [HeadMask(heads: 0..<headCount, mask: self)] }
  }

  /// The band of key positions around each query that is the whole mask, or nil where the mask is no band.
  public func band(seqQ: Int, seqKV: Int) -> Band? {
    let offset = seqKV - seqQ
    switch self {
    case .none: return Band(lower: nil, upper: nil)
    case .causal: return Band(lower: nil, upper: offset)
    case .causalTopLeft: return Band(lower: nil, upper: 0)
    case .slidingWindow(let left, let right):
      return Band(lower: left.map { offset - $0 }, upper: right.map { offset + $0 })
    case .slidingWindowTopLeft(let left, let right): return Band(lower: left.map { -$0 }, upper: right)
    default: return nil
    }
  }
}

extension Mask.Alignment {
  package func offset(seqQ: Int, seqKV: Int) -> Int { self == .bottomRight ? seqKV - seqQ : 0 }
}
