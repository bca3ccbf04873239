import Attention
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Batches of different lengths, pages and drafted tokens against what they must agree with.
@Suite struct DecodeBatchTests {
  /// Those with the head dimensions of the shapes below.
  static let ragged = ScheduleRegistry.standard.all.filter {
    $0.support.takesKeyLengths && $0.geometry == nil
  }.map { $0.name }
  static let formatted = ScheduleRegistry.standard.all.filter { schedule in
    schedule.parameters.contains { $0.name == "kv-format" }
  }.map { $0.name }
  /// Where a work item of a call with lengths waits for them, and one of other calls does not.
  static let readsLengths = ["fa2", "fa3"]

  private func run(
    _ schedule: String, _ shape: AttentionShape, _ parameters: [String: String] = [:],
    device: String = "h100-sxm5", mode: ClockMode = .burst
  ) throws -> SimulationResult {
    try Simulation.run(
      .init(
        schedule: schedule, parameters: .init(parameters), shape: shape, device: Devices.named(device),
        mode: mode))
  }

  private func shape(_ keys: [Int], seqQ: Int = 1, mask: Mask = .none) throws -> AttentionShape {
    try AttentionShape(
      batch: keys.count, headsQ: 32, headsKV: 8, seqQ: seqQ, headDim: 128, mask: mask,
      lengths: BatchLengths(keys: keys))
  }

  @Test("Equal lengths are a batch of one length", arguments: ragged, [1, 3])
  func equal(schedule: String, seqQ: Int) throws {
    let plain = try AttentionShape(
      batch: 5, headsQ: 32, headsKV: 8, seqQ: seqQ, seqKV: 3000, headDim: 128, mask: .causal)
    let listed = try run(schedule, shape(Array(repeating: 3000, count: 5), seqQ: seqQ, mask: .causal))
    let same = try run(schedule, plain)
    guard Self.readsLengths.contains(schedule) else {
      #expect(listed.time == same.time)
      #expect(listed.work == same.work)
      return
    }
    var work = listed.work
    #expect(work.otherInstructions > same.work.otherInstructions)
    work.otherInstructions = same.work.otherInstructions
    #expect(work == same.work)
    // One load from the shared cache before everything else.
    #expect(listed.time > same.time)
    #expect(listed.time.value < same.time.value + 1e-6)
  }

  @Test("A batch is bounded by its bytes, and by all of its sequences at the longest", arguments: ragged)
  func bounds(schedule: String) throws {
    let lengths = try BatchLengths(parsing: "lognormal:4k:sigma=1:n=48:max=32k:seed=5")
    // Keys once for each group of heads.
    let parameters = schedule == "fa2" ? ["pack-gqa": "on"] : [:]
    let result = try run(schedule, shape(lengths.keys), parameters)
    let device = try Devices.named("h100-sxm5")
    let bytes = result.request.shape.compulsoryBytes.read
    #expect(result.time.value >= bytes / device.dram.bandwidth.value)
    let longest = try run(schedule, shape(Array(repeating: lengths.longest, count: 48)), parameters)
    #expect(result.time.value < longest.time.value)
    // Key tiles of 64 or 128, each sequence rounded up by itself.
    let keys = lengths.keys.reduce(0) { $0 + ($1 + 127) / 128 * 128 }
    #expect(result.work.globalRead <= Double(8 * keys * 256 * 2))
  }

  @Test("Stream-K deals a batch of different lengths more evenly than fixed parts")
  func evenness() throws {
    let keys = [32_768] + Array(repeating: 2048, count: 63)
    let fixed = try run("flash-decoding", shape(keys))
    let even = try run("lean", shape(keys), ["kernel": "triton"])
    #expect(even.time.value < fixed.time.value)
  }

  @Test("A cache of fewer bytes is read as fast, and takes work to be computed with", arguments: formatted)
  func formats(schedule: String) throws {
    let shape = try AttentionShape(
      batch: 64, headsQ: 32, headsKV: 8, seqQ: 1, seqKV: 16_384, headDim: 128)
    let parameters = schedule == "lean" ? ["kernel": "triton"] : [:]
    func result(_ format: String) throws -> SimulationResult {
      try run(schedule, shape, parameters.merging(["kv-format": format]) { $1 })
    }
    let native = try result("16bit")
    let elements = Double(64 * 8 * 16_384 * 256)
    #expect(native.work.globalRead == 2 * elements)
    for (format, bytes) in [("fp8", 1.0), ("int4", 0.5 + 4.0 / 128), ("pq", 0.25)] {
      let packed = try result(format)
      // 64 KiB of centroids of keys and as much of values for each work item of 512 sequences, in some parts.
      let codebooks = packed.work.globalRead - bytes * elements
      #expect(format == "pq" ? codebooks >= 512 * 131_072 : codebooks == 0)
      #expect(packed.time.value < native.time.value)
      // Never faster than its own bytes.
      let device = try Devices.named("h100-sxm5")
      #expect(packed.time.value >= bytes * elements / device.dram.bandwidth.value)
      let work = packed.work
      #expect(work.convert + work.alu + work.fma > native.work.convert + native.work.fma)
    }
  }

  @Test("Kernels without lengths refuse them", arguments: ScheduleRegistry.standard.names)
  func refusal(schedule: String) throws {
    guard ScheduleRegistry.standard[schedule]?.support.takesKeyLengths == false else { return }
    #expect(throws: SimulationError.self) { try run(schedule, shape([64, 128])) }
  }

  @Test("Drafted tokens in the rows of a tile cost little; beyond it the keys are read once more")
  func drafts() throws {
    func time(_ queries: Int) throws -> Double {
      let shape = try AttentionShape(
        batch: 16, headsQ: 32, headsKV: 8, seqQ: queries, seqKV: 16_384, headDim: 128, mask: .causal)
      return try run("flash-decoding", shape).time.value
    }
    // Four heads a group: four queries fill sixteen rows.
    #expect(try time(4) < 1.05 * time(1))
    #expect(try time(16) > 1.5 * time(4))
  }

  @Test("Pages cost a read of the table before each tile, smaller ones more bytes of it")
  func pages() throws {
    let shape = try AttentionShape(batch: 4, headsQ: 32, headsKV: 8, seqQ: 1, seqKV: 8192, headDim: 128)
    let parameters = ["splits": "grouped", "pack-gqa": "on"]
    let plain = try run("fa2", shape, parameters, device: "a100-sxm4-80")
    let large = try run("fa2", shape, parameters.merging(["page-size": "256"]) { $1 }, device: "a100-sxm4-80")
    let small = try run("fa2", shape, parameters.merging(["page-size": "16"]) { $1 }, device: "a100-sxm4-80")
    #expect(plain.work.tableRead == 0)
    // An entry for each 16 of 8192 keys, and key-value head.
    #expect(small.work.tableRead == Double(4 * 8 * 8192 / 16 * 4))
    #expect(large.time.value > plain.time.value)
    #expect(small.time.value >= large.time.value)
  }
}
