import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

/// FlashInfer's plan of a batch, as integers. The numbers come from a line-by-line transliteration of scheduler.cuh, run apart
/// from this program.
@Suite struct FlashInferPlanTests {
  struct Decode: Sendable {
    var pages: [Int]
    var grid: FlashInferPlan.Grid
    /// Pages of a piece, pieces, launched work items of a head, whether keys are split.
    var expected: [Int]
    init(
      _ pages: [Int], headsKV: Int, page: Int, cores: Int, perCore: Int, graph: Bool, _ expected: [Int]
    ) {
      self.pages = pages
      grid = .init(
        headsQ: headsKV, headsKV: headsKV, pageSize: page, cores: cores, workItemsPerCore: perCore,
        graphTokens: graph ? pages.count : nil)
      self.expected = expected
    }
  }

  static let decode = [
    Decode([1942, 2380], headsKV: 8, page: 64, cores: 16, perCore: 2, graph: true, [1190, 4, 4, 1]),
    Decode([8], headsKV: 4, page: 16, cores: 132, perCore: 1, graph: false, [8, 1, 1, 0]),
    Decode(
      Array(repeating: 3, count: 40), headsKV: 4, page: 16, cores: 132, perCore: 1, graph: true,
      [3, 40, 40, 0]),
    Decode(
      Array(repeating: 1, count: 40), headsKV: 4, page: 64, cores: 108, perCore: 6, graph: true,
      [2, 40, 162, 1]),
    Decode([50, 6, 115, 87, 6], headsKV: 1, page: 16, cores: 16, perCore: 6, graph: false, [8, 35, 35, 1]),
    Decode([1, 3923], headsKV: 8, page: 16, cores: 108, perCore: 1, graph: true, [327, 13, 13, 1]),
    Decode(
      Array(repeating: 6, count: 40), headsKV: 1, page: 16, cores: 108, perCore: 6, graph: false,
      [8, 40, 40, 0]),
    Decode([26, 128], headsKV: 1, page: 16, cores: 132, perCore: 6, graph: true, [8, 20, 792, 1]),
    Decode(
      Array(repeating: 1, count: 40), headsKV: 8, page: 16, cores: 16, perCore: 2, graph: true,
      [1, 40, 40, 0]),
    Decode([1], headsKV: 8, page: 16, cores: 132, perCore: 6, graph: false, [8, 1, 1, 0]),
    Decode([407, 3607], headsKV: 4, page: 1, cores: 132, perCore: 1, graph: true, [128, 33, 33, 1]),
    Decode([1974], headsKV: 4, page: 1, cores: 16, perCore: 1, graph: false, [494, 4, 4, 1]),
  ]

  @Test("Plans of decode", arguments: decode)
  func decodePlans(vector: Decode) {
    let plan = FlashInferPlan(vector.pages.map { .init(pages: $0) }, vector.grid, kind: .decode)
    #expect([plan.chunk, plan.items, plan.paddedItems, plan.isSplit ? 1 : 0] == vector.expected)
    #expect(plan.items == plan.parts.reduce(0, +))
  }

  struct Prefill: Sendable {
    var queries: [Int]
    var pages: [Int]
    var grid: FlashInferPlan.Grid
    /// Rows of a tile, pages of a piece, pieces, launched work items of a head, whether keys are split.
    var expected: [Int]
    init(
      _ queries: [Int], _ pages: [Int], headsQ: Int, headsKV: Int, headDim: Int, page: Int, cores: Int,
      graph: Int?, _ expected: [Int]
    ) {
      self.queries = queries
      self.pages = pages
      grid = .init(
        headsQ: headsQ, headsKV: headsKV, headDim: headDim, pageSize: page, cores: cores, graphTokens: graph)
      self.expected = expected
    }
  }

  static let prefill = [
    Prefill(
      [93, 1, 1], [2, 251, 1329], headsQ: 56, headsKV: 8, headDim: 64, page: 1, cores: 108, graph: nil,
      [128, 128, 19, 19, 1]),
    Prefill(
      [248, 1, 1, 1, 248, 265], [1714, 7, 964, 83, 292, 2761], headsQ: 28, headsKV: 4, headDim: 256, page: 16,
      cores: 132, graph: nil, [64, 2761, 88, 88, 0]),
    Prefill(
      [3, 1], [5, 2890], headsQ: 7, headsKV: 1, headDim: 64, page: 1, cores: 132, graph: 11,
      [128, 128, 24, 264, 1]),
    Prefill(
      [286, 1, 38, 1, 2, 1], [248, 7, 1965, 2454, 8, 3419], headsQ: 4, headsKV: 1, headDim: 256, page: 16,
      cores: 108, graph: nil, [64, 83, 200, 200, 1]),
    Prefill(
      [1, 2, 1], [2887, 3517, 5], headsQ: 4, headsKV: 1, headDim: 128, page: 1, cores: 108, graph: nil,
      [16, 128, 52, 52, 1]),
    Prefill(
      [173], [232], headsQ: 1, headsKV: 1, headDim: 128, page: 16, cores: 108, graph: 178,
      [128, 8, 58, 216, 1]),
    Prefill(
      [1, 1, 1], [2397, 3914, 201], headsQ: 32, headsKV: 4, headDim: 128, page: 1, cores: 108, graph: 11,
      [128, 128, 52, 54, 1]),
    Prefill(
      [270, 1, 181], [136, 6, 2319], headsQ: 7, headsKV: 1, headDim: 256, page: 16, cores: 132, graph: 456,
      [64, 211, 251, 264, 1]),
    Prefill(
      [4, 154], [2, 580], headsQ: 32, headsKV: 8, headDim: 64, page: 16, cores: 132, graph: nil,
      [128, 97, 31, 31, 1]),
    Prefill(
      [1, 1, 139, 1, 4, 1], [3, 2225, 3030, 184, 5, 197], headsQ: 28, headsKV: 4, headDim: 64, page: 64,
      cores: 108, graph: 148, [128, 606, 48, 54, 1]),
    Prefill(
      [201, 66], [4, 1707], headsQ: 4, headsKV: 4, headDim: 256, page: 1, cores: 108, graph: nil,
      [64, 128, 32, 32, 1]),
    Prefill(
      [3, 1], [733, 5], headsQ: 16, headsKV: 4, headDim: 256, page: 64, cores: 108, graph: nil,
      [16, 14, 54, 54, 1]),
  ]

  @Test("Plans of prefill", arguments: prefill)
  func prefillPlans(vector: Prefill) {
    let requests = zip(vector.queries, vector.pages).map {
      FlashInferPlan.Request(queries: $0.0, pages: $0.1)
    }
    let plan = FlashInferPlan(requests, vector.grid, kind: .prefill)
    #expect(
      [plan.queryTile, plan.chunk, plan.items, plan.paddedItems, plan.isSplit ? 1 : 0] == vector.expected)
  }

  @Test("The piece is the shortest that fits, by trying all", arguments: 0..<100)
  func shortest(seed: Int) {
    var generator = SplitMix(seed: UInt64(seed))
    let pages = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
      Int.random(in: 1...400, using: &generator)
    }
    let headsKV = Int.random(in: 1...8, using: &generator)
    let cores = Int.random(in: 8...132, using: &generator)
    let places = cores * 2 / headsKV
    let plan = FlashInferPlan(
      pages.map { .init(pages: $0) },
      .init(headsQ: headsKV, headsKV: headsKV, pageSize: 16, cores: cores), kind: .prefill)
    let longest = pages.max() ?? 1
    let fits = (8...max(longest, 8)).first { chunk in
      pages.reduce(0) { $0 + ($1 + chunk - 1) / chunk } <= places
    }
    #expect(plan.chunk == fits ?? longest, "seed \(seed)")
    // Requests alike, as one with a number.
    let same = FlashInferPlan(
      Array(repeating: .init(pages: pages[0]), count: 9),
      .init(headsQ: headsKV, headsKV: headsKV, pageSize: 16, cores: cores), kind: .decode)
    let counted = FlashInferPlan(
      [.init(pages: pages[0], count: 9)],
      .init(headsQ: headsKV, headsKV: headsKV, pageSize: 16, cores: cores), kind: .decode)
    #expect((same.chunk, same.items, same.isSplit) == (counted.chunk, counted.items, counted.isSplit))
  }

  @Test("As a rule of flash-decoding it cuts by length: all parts but the last are full")
  func rule() {
    // 8 heads and 132 cores: 33 pieces a head at most, so 31 tiles each of 1000.
    let cut = SplitRule.flashinfer.cut(.init(rowTiles: 8, blocks: 1000, cores: 132), keyTile: 64)
    #expect(cut.longest == 31)
    #expect(cut.splits == 33)
    #expect(cut.range(of: 32) == 992..<1000)
    // Never under 128 keys.
    #expect(SplitRule.flashinfer.cut(.init(rowTiles: 1, blocks: 9, cores: 132), keyTile: 64).longest == 2)
    // A full grid is not cut.
    #expect(SplitRule.flashinfer.splits(.init(rowTiles: 264, blocks: 1000, cores: 132)) == 1)
  }
}
