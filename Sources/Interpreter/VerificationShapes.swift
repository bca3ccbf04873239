public import Attention
public import HWModels

extension Verification {
  /// Families of masks that random shapes come with.
  public enum MaskFamily: String, Sendable, CaseIterable {
    case none, causal
    case causalTopLeft = "causal-tl"
    case slidingWindow = "swa"
    case prefix, sink
    case documents = "doc"
    case neighborhood = "gna"
    case blockSparse = "block_sparse"
    /// Unions and intersections.
    case combined
    /// Heads with masks of their own.
    case perHead = "heads"
  }

  /// Multiplications that a shape may take in one product, all heads together.
  private static let largestProduct = 3_000_000

  /// Endless small shapes: ragged lengths around tile boundaries, single queries, grouped heads, more queries than
  /// keys, head dimensions on and off the tiles of kernels. The same seed gives the same shapes for every schedule.
  ///
  /// - Parameter geometry: the only head dimensions that a schedule takes.
  public static func shapes(
    _ family: MaskFamily, pass: AttentionShape.Pass = .forward, dataType: DataType = .bf16, seed: UInt64,
    geometry: HeadGeometry? = nil
  ) -> some Sequence<AttentionShape> {
    var generator = SplitMix(seed: seed)
    return AnyIterator {
      while true {
        let shape = draw(family, pass, dataType, &generator)?.fitted(to: geometry)
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
    var seqQ = length(&generator)
    var seqKV = generator.below(3) == 0 ? seqQ : length(&generator)
    let mask: Mask?
    switch family {
    case .none: mask = Mask.none
    case .causal: mask = .causal
    case .causalTopLeft: mask = .causalTopLeft
    case .slidingWindow:
      mask = .slidingWindow(
        left: generator.below(8) == 0 ? nil : generator.below(200),
        right: generator.below(4) == 0 ? nil : generator.below(2) * generator.below(100))
    case .prefix: mask = .prefix(length: 1 + generator.below(seqKV), .bottomRight)
    case .sink: mask = .sink(tokens: 1 + generator.below(8), window: 1 + generator.below(200), .bottomRight)
    case .documents:
      let first = generator.below(seqQ + 1)
      mask = try? Mask(parsing: "doc\(generator.below(2) == 0 ? "" : "-causal"):\(first),\(seqQ - first)")
      seqKV = seqQ
    case .neighborhood:
      let (rows, columns) = (2 + generator.below(20), 2 + generator.below(24))
      let window = (1 + generator.below(rows), 1 + generator.below(columns))
      mask = try? Mask(parsing: "gna:\(rows)x\(columns):w\(window.0)x\(window.1)")
      (seqQ, seqKV) = (rows * columns, rows * columns)
    case .blockSparse:
      mask = try? Mask(parsing: "block_sparse:64x64:density=0.4:seed=\(generator.below(1000))")
    case .combined:
      let blocks = "block_sparse:64x128:density=0.5:seed=\(generator.below(1000))"
      let window = 1 + generator.below(150)
      let forms = [
        "\(blocks) & causal", "\(blocks) | swa:\(window)",
        "(prefix:\(window) | \(blocks)) & sink:5+\(window)",
      ]
      mask = try? Mask(parsing: forms[generator.below(3)])
    case .perHead:
      let first = 1 + generator.below(heads.0)
      let streaming = "0-\(first - 1)=sink:\(1 + generator.below(70))+\(1 + generator.below(150))"
      mask = try? Mask(
        parsing: "heads(\(streaming)\(first < heads.0 ? ";\(first)-\(heads.0 - 1)=causal" : ""))")
    }
    guard let mask else { return nil }
    return try? AttentionShape(
      batch: 1 + generator.below(3) / 2, headsQ: heads.0, headsKV: heads.1, seqQ: seqQ, seqKV: seqKV,
      headDim: headDim, headDimV: headDim == 192 && generator.below(2) == 0 ? 128 : headDim,
      dataType: dataType,
      mask: mask, pass: pass)
  }
}
