public import HWModels
public import Schedules

extension Verification {
  /// Families of masks that random shapes come with.
  public enum MaskFamily: String, Sendable, CaseIterable {
    case none, causal
    case causalTopLeft = "causal-tl"
    case slidingWindow = "swa"

    fileprivate func mask(_ generator: inout SplitMix) -> Mask {
      switch self {
      case .none: .none
      case .causal: .causal
      case .causalTopLeft: .causalTopLeft
      case .slidingWindow:
        .slidingWindow(
          left: generator.below(8) == 0 ? nil : generator.below(200),
          right: generator.below(4) == 0 ? nil : generator.below(2) * generator.below(100))
      }
    }
  }

  /// Multiplications that a shape may take in one product, all heads together.
  private static let largestProduct = 5_000_000

  /// Endless small shapes: ragged lengths around tile boundaries, single queries, grouped heads, more queries than
  /// keys, head dimensions on and off the tiles of kernels. The same seed gives the same shapes for every schedule.
  public static func shapes(
    _ family: MaskFamily, pass: AttentionShape.Pass = .forward, dataType: DataType = .bf16, seed: UInt64
  ) -> some Sequence<AttentionShape> {
    var generator = SplitMix(seed: seed)
    return AnyIterator {
      while true {
        let shape = draw(family, pass, dataType, &generator)
        if let shape, shape.batch * shape.headsQ * shape.seqQ * shape.seqKV * shape.headDim <= largestProduct
        {
          return shape
        }
      }
    }
  }

  private static func draw(
    _ family: MaskFamily, _ pass: AttentionShape.Pass, _ dataType: DataType, _ generator: inout SplitMix
  ) -> AttentionShape? {
    func length(_ generator: inout SplitMix) -> Int {
      switch generator.below(5) {
      case 0: 1 + generator.below(16)
      case 1: 64 * (1 + generator.below(7))
      case 2: 128 * (1 + generator.below(4)) - 1 + generator.below(3)
      default: 1 + generator.below(600)
      }
    }
    let heads = [(1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (3, 3), (3, 1)][generator.below(7)]
    let headDim = [16, 32, 64, 64, 40, 96, 128, 192, 256][generator.below(9)]
    let seqQ = length(&generator)
    return try? AttentionShape(
      batch: 1 + generator.below(3) / 2, headsQ: heads.0, headsKV: heads.1, seqQ: seqQ,
      seqKV: generator.below(3) == 0 ? seqQ : length(&generator), headDim: headDim,
      headDimV: headDim == 192 && generator.below(2) == 0 ? 128 : headDim, dataType: dataType,
      mask: family.mask(&generator), pass: pass)
  }
}
