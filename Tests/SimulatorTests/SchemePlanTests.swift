import Attention
import Dataflow
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Which scheme a roofline prefers, and where the preference changes.
@Suite struct SchemePlanTests {
  private let model = AttentionModel["deepseek-v3"]!

  /// Recompute overtakes reuse where the composite's arithmetic fits into the time that its weights would take: 13.71e9
  /// multiply-adds against 256.6e6 elements, 53 operations a byte at 16 bits and 107 at 8.
  @Test(arguments: [(16.0, 53.0), (8.0, 107.0)])
  func crossover(bits: Double, expected: Double) throws {
    let plan = SchemePlan(macRate: 1, byteRate: 1e12, weightBits: bits, cacheBits: bits)
    let ridge = try #require(
      plan.crossover(from: .mlaReuse, to: .mlaRecompute, model, .init(context: 4096)))
    #expect(ridge.rounded() == expected)
    // On either side of it the other one wins.
    for (factor, winner) in [(0.99, AttentionScheme.mlaReuse), (1.01, .mlaRecompute)] {
      var near = plan
      near.macRate = ridge * factor * plan.byteRate / 2
      #expect(near.best(of: [.mlaReuse, .mlaRecompute], model, .init(context: 4096)) == winner)
    }
  }

  /// Fewer multiply-adds than both and no more weights than recompute: two steps win at every ridge and length.
  @Test(arguments: [10.0, 53, 107, 295, 1000], [1, 64, 4096])
  func twoStepDominates(ridge: Double, tokens: Int) {
    let plan = SchemePlan(macRate: ridge * 5e11, byteRate: 1e12)
    for context in [1024, 65536] {
      let step = AttentionScheme.Step(tokens: tokens, context: context)
      #expect(
        plan.best(of: [.mlaTwoStep, .mlaRecompute, .mlaReuse, .mlaReuseValue], model, step) == .mlaTwoStep)
    }
  }

  /// A sweep over machines with one memory and more and more arithmetic, and over real ones: reuse wins where there is little.
  @Test(arguments: [(16.0, 53.4), (8.0, 106.9)])
  func sweep(bits: Double, border: Double) throws {
    let step = AttentionScheme.Step(context: 4096)
    for ridge in stride(from: 10.0, through: 400, by: 1) where abs(ridge - border) > 0.5 {
      let plan = SchemePlan(macRate: ridge * 5e11, byteRate: 1e12, weightBits: bits, cacheBits: bits)
      #expect(
        plan.best(of: [.mlaReuse, .mlaRecompute], model, step) == (ridge < border ? .mlaReuse : .mlaRecompute)
      )
    }
    for (id, best) in [
      ("h100-sxm5", AttentionScheme.mlaRecompute), ("h200-sxm", .mlaRecompute),
      ("a100-sxm4-80", .mlaRecompute),
      ("jetson-agx-orin", .mlaRecompute), ("h20", .mlaReuse),
    ] where bits == 16 {
      #expect(
        SchemePlan(try Devices.named(id)).best(of: [.mlaReuse, .mlaRecompute], model, step) == best, "\(id)")
    }
  }

  @Test func ridges() throws {
    // 989 TFLOP/s over 3.1 TB/s; 312 TFLOP/s over what reads reach on an A100.
    let h100 = SchemePlan(try Devices.named("h100-sxm5")).ridge
    #expect(h100 > 313 && h100 < 325)
    let a100 = SchemePlan(try Devices.named("a100-sxm4-80")).ridge
    #expect(a100 > 140 && a100 < 200)
  }

  @Test func map() {
    let map = CrossoverMap(title: "t", candidates: ["a", "b"], batches: [1, 2], contexts: [10, 20]) {
      candidate, batch, context -> Double? in
      if candidate == 0 { return Double(batch * context) }
      return context > 10 ? 15 : nil
    }
    #expect(map.winner(batch: 0, context: 0) == 0)
    #expect(map.winner(batch: 0, context: 1) == 1)
    #expect(map.lead(batch: 0, context: 0) == nil)
    #expect(map.wins == [2, 2])
    let lead: Double = 40.0 / 15.0 - 1
    #expect(map.lead(batch: 1, context: 1) == lead)
  }
}
