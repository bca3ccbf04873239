import Attention
import Programs

/// Instructions that evaluate a mask rule inside a kernel, for pairs of a score tile.
///
/// What a row needs is computed once per work item and costs nothing per step; what a column needs is computed by every
/// lane for each of its columns; comparisons are made for every score.
///
/// - Source: loops that Triton 3.6 compiles for FlexAttention on sm_90 (validation/flex_sass_h100.csv), masked less
///   unmasked loop: causal 144 logic instructions a warp and step of 64 x 64 scores (32 a lane in 16 columns), window
///   225, 2-D neighborhood row-major 491, permuted tile by tile 884, 3-D 1507. They are two a comparison and score, five
///   a column, and about eleven for each quotient and remainder that a column needs, with three multiplications.
struct MaskCode: Sendable, Hashable {
  /// Compare and select, for each score.
  var comparisons = 0
  /// Quotient and remainder of the key's position, for each column.
  var divisions = 0
  /// Values looked up for each column (document numbers) and for each score (block tables).
  var columnLookups = 0
  var scoreLookups = 0

  static let logicPerComparison = 2.0
  static let logicPerColumn = 5.0
  static let logicPerDivision = 11.0
  static let multipliesPerDivision = 3.0

  init(_ mask: Mask) {
    switch mask {
    case .none: break
    case .causal, .causalTopLeft: comparisons = 1
    case .slidingWindow(let left, let right), .slidingWindowTopLeft(let left, let right):
      comparisons = (left == nil ? 0 : 1) + (right == nil ? 0 : 1)
    case .prefix: comparisons = 2
    case .sink: comparisons = 3
    case .documents(let documents): (comparisons, columnLookups) = (documents.isCausal ? 2 : 1, 1)
    case .neighborhood(let neighborhood):
      let axes = neighborhood.axes.count
      let dilated = neighborhood.axes.count { $0.dilation > 1 }
      comparisons = 2 * axes + dilated
      divisions = (neighborhood.order == nil ? axes - 1 : 1 + 2 * (axes - 1)) + dilated
    case .blockSparse: (comparisons, divisions, scoreLookups) = (1, 1, 1)
    case .intersection(let masks), .union(let masks): self = MaskCode(masks)
    case .perHead(let entries): self = MaskCode(entries.map(\.mask))
    }
  }

  /// What a kernel evaluates beside its lists of blocks: rules that a block can be cut by, and not the lists themselves.
  init(_ mask: Mask, besideListsOf block: (queries: Int, keys: Int)) {
    func isListed(_ mask: Mask) -> Bool {
      guard case .blockSparse(let blocks) = mask else { return false }
      return blocks.queryBlock % block.queries == 0 && blocks.keyBlock % block.keys == 0
    }
    switch mask {
    case .blockSparse where isListed(mask): self = MaskCode(Mask.none)
    case .intersection(let masks): self = MaskCode(masks.filter { !isListed($0) })
    default: self = MaskCode(mask)
    }
  }

  /// A kernel for several rules evaluates all of them.
  private init(_ masks: [Mask]) {
    for code in masks.map({ MaskCode($0) }) {
      comparisons += code.comparisons
      divisions += code.divisions
      columnLookups += code.columnLookups
      scoreLookups += code.scoreLookups
    }
  }

  /// Work of masking `scores` scores, each lane of which shares a column among `rowsPerLane` rows.
  func work(scores: Double, rowsPerLane: Double) -> Work {
    guard comparisons + divisions > 0 else { return Work() }
    let columns = scores / rowsPerLane
    let (comparisons, divisions) = (Double(comparisons), Double(divisions))
    return .of {
      $0.alu =
        Self.logicPerComparison * comparisons * scores
        + (Self.logicPerColumn + Self.logicPerDivision * divisions) * columns
      $0.fma = Self.multipliesPerDivision * divisions * columns
      $0.otherInstructions = Double(columnLookups) * columns + Double(scoreLookups) * scores
    }
  }
}
