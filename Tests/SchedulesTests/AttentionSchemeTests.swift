import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Multiply-adds, weights and cache of attention schemes, against counts made from the dimensions of DeepSeek-V3 by hand.
@Suite struct AttentionSchemeTests {
  private let model = AttentionModel["deepseek-v3"]!

  /// Multiply-adds over elements read: one sequence, one new token, at 1k, 4k, 16k and 64k cached tokens.
  /// Source: the equations of DeepSeek-V2 (arXiv 2405.04434) with DeepSeek-V3's dimensions, worked out apart from this code
  /// and rounded to the digits shown.
  static let intensity: [(AttentionScheme, [Double])] = [
    (.mha, [1.00, 1.00, 1.00, 1.00]),
    (.mlaTwoStep, [1.76, 4.00, 12.56, 41.42]),
    (.mlaRecompute, [70.8, 72.4, 78.5, 99.0]),
    (.mlaReuse, [1.56, 3.21, 9.62, 32.13]),
    (.mlaReuseValue, [1.24, 1.95, 4.74, 15.29]),
    (.mlaExpanded, [92.7, 364, 1403, 4903]),
  ]

  @Test("Multiply-adds for each element read", arguments: intensity)
  func macsPerElement(scheme: AttentionScheme, expected: [Double]) {
    for (context, value) in zip([1024, 4096, 16384, 65536], expected) {
      let found = scheme.counts(model, .init(context: context)).macsPerElement
      // Half of the last digit written.
      let digit = value >= 364 ? 0.5 : value >= 70 ? 0.05 : 0.005
      #expect(abs(found - value) <= digit * 1.0001, "\(scheme.rawValue) at \(context): \(found)")
    }
  }

  /// Weight elements in millions, to the digits of the source.
  @Test(
    arguments: [
      (AttentionScheme.mlaTwoStep, 187.11), (.mlaRecompute, 187.11), (.mlaExpanded, 187.11),
      (.mlaReuse, 254.21),
      (.mlaReuseValue, 598.15), (.mha, 469.76),
    ])
  func weights(scheme: AttentionScheme, millions: Double) {
    #expect(abs(scheme.counts(model, .init(context: 1)).weights / 1e6 - millions) <= 0.005)
  }

  @Test func cache() {
    // 512 + 64 elements against 2 x 128 x 128: 56.9 times fewer.
    #expect(AttentionScheme.mlaTwoStep.cachePerToken(model) == 576)
    #expect(AttentionScheme.mha.cachePerToken(model) == 32768)
    #expect(AttentionScheme.mha.counts(model, .init(batch: 3, context: 100)).cache == 3 * 100 * 32768)
  }

  /// Prefill of 4096 tokens in 10^9 multiply-adds: the latent form is a choice for decode.
  @Test func prefill() {
    let step = AttentionScheme.Step(tokens: 4096, context: 4096)
    #expect((AttentionScheme.mlaExpanded.counts(model, step).macs / 1e9).rounded() == 1454)
    #expect((AttentionScheme.mlaTwoStep.counts(model, step).macs / 1e9).rounded() == 3103)
  }

  @Test func batch() {
    let step = AttentionScheme.Step(batch: 32, context: 4096)
    #expect(AttentionScheme.mlaTwoStep.counts(model, step).macsPerElement.rounded() == 92)
    #expect(abs(AttentionScheme.mha.counts(model, step).macsPerElement - 4.1) < 0.05)
  }

  /// The composite costs heads x 1536 x 128 x 512 multiply-adds a step and nothing a token beyond reuse.
  @Test func composite() {
    let step = AttentionScheme.Step(context: 4096)
    let more =
      AttentionScheme.mlaRecompute.counts(model, step).macs
      - AttentionScheme.mlaReuse.counts(model, step).macs
    let composite: Double = 128.0 * 1536.0 * 128.0 * 512.0
    #expect(more == composite)
    #expect(
      AttentionScheme.mlaRecomputeOrdered.counts(model, step)
        == AttentionScheme.mlaTwoStep.counts(model, step))
  }

  /// Half of the heads halve what belongs to heads and leave what they share.
  @Test func tensorParallel() {
    let one = AttentionScheme.mlaTwoStep.counts(model, .init(context: 4096))
    let two = AttentionScheme.mlaTwoStep.counts(model, .init(context: 4096, tensorParallel: 2))
    #expect(two.cache == one.cache)
    let shared = Double(7168 * (1536 + 512 + 64))
    let (ofTwo, ofOne) = (two.weights - shared, one.weights - shared)
    #expect(2 * ofTwo == ofOne)
  }

  /// Grouped heads lie between one KV head and as many as query heads.
  @Test func grouped() throws {
    let model = try #require(AttentionModel["llama-3-70b"])
    let step = AttentionScheme.Step(batch: 4, context: 8192)
    let caches = [AttentionScheme.mqa, .gqa, .mha].map { $0.counts(model, step).cache }
    let oneHead: Double = 256.0 * 4.0 * 8192.0
    #expect(caches == [oneHead, 8 * oneHead, 64 * oneHead])
    #expect(!AttentionScheme.mlaReuse.applies(to: model))
  }
}
