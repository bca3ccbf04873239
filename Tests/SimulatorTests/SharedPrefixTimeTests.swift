import Attention
import HWModels
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// What a shared prefix and pages cost and save.
@Suite struct SharedPrefixTimeTests {
  private func run(
    _ parameters: [String: String], batch: Int, prefix: Int, own: Int = 256, headsKV: Int = 8,
    schedule: String = "flash-decoding", mode: ClockMode = .burst
  ) throws -> SimulationResult {
    let shape = try AttentionShape(
      batch: batch, headsQ: 32, headsKV: headsKV, seqQ: 1, seqKV: prefix + own, headDim: 128,
      sharedPrefix: prefix)
    return try Simulation.run(
      .init(
        schedule: schedule, parameters: .init(parameters), shape: shape,
        device: Devices.named("h100-sxm5"), mode: mode))
  }

  private func read(_ result: SimulationResult, _ level: String) -> Double {
    result.traffic.first { $0.level == level }?.readBytes ?? 0
  }

  @Test("Without a prefix there are no phases")
  func noPrefix() throws {
    #expect(throws: SimulationError.self) {
      try run(["page-size": "16", "phases": "2"], batch: 7, prefix: 0, own: 3000)
    }
  }

  /// 32 sequences of 4 heads a group: 128 rows, one tile of phase one.
  @Test("Two phases ask the shared cache for the prefix once, one phase once a sequence")
  func readOnce() throws {
    let (batch, prefix, own) = (32, 8192, 256)
    let perKey = Double(2 * 128 * 2 * 8)
    let queries = Double(batch * 32 * 128 * 2)
    let once = try run(["phases": "2"], batch: batch, prefix: prefix, own: own)
    let keys = Double(prefix + batch * own) * perKey
    // Queries twice, and partial results.
    #expect(read(once, "l2") >= keys + 2 * queries)
    // What is left is partial results.
    #expect(read(once, "l2") < 1.5 * keys)
    let often = try run(["page-size": "16"], batch: batch, prefix: prefix, own: own)
    #expect(read(often, "l2") >= Double(batch * (prefix + own)) * perKey)
  }

  @Test(
    "Device memory gives shared keys at least once, and no more than if they were not shared",
    arguments: ["flash-decoding", "lean"], [1, 4, 33, 200])
  func sharedInCache(schedule: String, batch: Int) throws {
    let parameters = ["kernel": "triton", "page-size": "16"]
    for prefix in [512, 8192, 65_536] {
      let shared = try run(parameters, batch: batch, prefix: prefix, schedule: schedule)
      let bytes = shared.request.shape.compulsoryBytes.read
      #expect(read(shared, "dram") >= bytes * (1 - 1e-9))
      let apart = try run(parameters, batch: batch, prefix: 0, own: prefix + 256, schedule: schedule)
      #expect(read(shared, "dram") <= read(apart, "dram") * (1 + 1e-9))
      #expect(shared.kernelTime.value <= apart.kernelTime.value * 1.001)
      #expect(shared.kernelTime.value >= bytes / 3.35e12)
    }
  }

  /// What the authors of FlashInfer's cascade saw: the gain grows with prefix and batch and falls with keys of their own; there
  /// is none for a batch of one.
  @Test("The gain of two phases grows with batch and prefix, and falls with keys of their own")
  func gain() throws {
    func gain(_ batch: Int, _ prefix: Int, _ own: Int = 256) throws -> Double {
      let one = try run(["page-size": "16"], batch: batch, prefix: prefix, own: own, headsKV: 32)
      let two = try run(
        ["page-size": "16", "phases": "2"], batch: batch, prefix: prefix, own: own, headsKV: 32)
      return one.kernelTime.value / two.kernelTime.value
    }
    #expect(try gain(1, 1024) < 1)
    #expect(try gain(8, 32_768) > 1.5)
    #expect(try gain(32, 32_768) > gain(8, 32_768))
    #expect(try gain(128, 32_768) > gain(32, 32_768))
    #expect(try gain(128, 32_768) > gain(128, 8192))
    #expect(try gain(128, 8192) > gain(128, 1024))
    #expect(try gain(128, 8192) > gain(128, 8192, 4096))
    // FlashInfer on an H100 at batch 128 and up, 256 keys of their own: up to 26 against its own decode kernel.
    #expect(try gain(128, 32_768) > 10 && gain(128, 32_768) < 31)
  }

  @Test("Pages cost entries of the table and never save time", arguments: ["flash-decoding", "lean"])
  func pages(schedule: String) throws {
    func run(_ page: String) throws -> SimulationResult {
      let parameters = ["kernel": "triton", "page-size": page]
      return try self.run(parameters, batch: 16, prefix: 0, own: 4096, schedule: schedule)
    }
    let flat = try run("off")
    #expect(flat.work.tableRead == 0)
    var last = flat
    for (page, entries) in [("256", 64), ("64", 64), ("16", 256), ("1", 4096)] {
      let paged = try run(page)
      // A tile of 64 keys reads an entry for each of its pages; 16 sequences of 8 heads.
      #expect(paged.work.tableRead == Double(4 * entries * 16 * 8))
      #expect(paged.kernelTime.value >= flat.kernelTime.value)
      #expect(paged.kernelTime.value <= flat.kernelTime.value * 1.09)
      #expect(paged.work.tableRead >= last.work.tableRead)
      last = paged
    }
  }

  @Test("A copy that waits for its entry is slower than one that reads it ahead")
  func oneSlot() throws {
    func cost(_ kernel: String) throws -> Double {
      let flat = try run(["kernel": kernel, "splits": "1"], batch: 1, prefix: 0, own: 8192)
      let paged = try run(
        ["kernel": kernel, "splits": "1", "page-size": "256"], batch: 1, prefix: 0, own: 8192)
      let tiles = kernel == "triton" ? 128.0 : 64
      return (paged.cycles.value - flat.cycles.value) / tiles
    }
    // The latency of a load from the shared cache or memory, for each tile.
    #expect(try cost("authors") > 300)
    #expect(try cost("triton") < 150)
  }
}
