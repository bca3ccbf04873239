public import Attention
import HWModels

/// Shapes for tests of relations and bounds: lengths from 1 to some thousands, ragged ones among them.
public enum RandomShapes {
  /// `count` shapes that every forward schedule takes, the same for the same seed.
  public static func forward(_ count: Int, seed: UInt64, largest: Int = 20_000) -> [AttentionShape] {
    var generator = SplitMix(seed: seed)
    var shapes: [AttentionShape] = []
    while shapes.count < count {
      let group = [1, 1, 2, 4, 7, 8].randomElement(using: &generator) ?? 1
      let headsKV = Int.random(in: 1...12, using: &generator)
      let headDim = [64, 96, 128, 192, 256].randomElement(using: &generator) ?? 128
      let seqQ = length(largest, &generator)
      let square = Bool.random(using: &generator)
      let mask: Mask =
        [
          .none, .causal, .causal,
          .slidingWindow(left: Int.random(in: 0...4000, using: &generator), right: 0),
        ].randomElement(using: &generator) ?? .none
      if let shape = try? AttentionShape(
        batch: Int.random(in: 1...6, using: &generator), headsQ: headsKV * group, headsKV: headsKV,
        seqQ: seqQ,
        seqKV: square ? seqQ : length(largest, &generator), headDim: headDim, mask: mask)
      {
        shapes.append(shape)
      }
    }
    return shapes
  }

  /// Backward calls of the same kind.
  public static func backward(_ count: Int, seed: UInt64, largest: Int = 20_000) -> [AttentionShape] {
    forward(count, seed: seed, largest: largest).map { shape in
      var shape = shape
      shape.pass = .backward
      return shape
    }
  }

  private static func length(_ largest: Int, _ generator: inout SplitMix) -> Int {
    // Spread over the orders of magnitude, one in three a multiple of 128.
    let bits = Int.random(in: 0...14, using: &generator)
    let value = min(Int.random(in: 1...max(1 << bits, 2), using: &generator), largest)
    return Int.random(in: 0..<3, using: &generator) == 0 ? max(value / 128, 1) * 128 : value
  }
}
