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

/// Prefill beside decode in one batch.
@Suite struct MixedBatchTests {
  static let mixed = ScheduleRegistry.standard.all.filter { $0.support.takesQueryLengths }.map { $0.name }

  private func run(
    _ schedule: String, _ lengths: String, _ parameters: [String: String] = [:], mask: Mask = .causal
  ) throws -> SimulationResult {
    let lengths = try BatchLengths(parsing: lengths)
    let shape = try AttentionShape(
      batch: lengths.keys.count, headsQ: 32, headsKV: 8, seqQ: lengths.mostQueries ?? 1, headDim: 128,
      mask: mask,
      lengths: lengths)
    return try Simulation.run(
      .init(
        schedule: schedule, parameters: .init(parameters), shape: shape, device: Devices.named("h100-sxm5"),
        mode: .burst))
  }

  @Test(
    "A mixed batch does the work of its sequences, and takes no longer than they do one kind after the other",
    arguments: mixed)
  func sum(schedule: String) throws {
    let parameters =
      schedule == "flash-decoding" ? ["splits": "4"] : schedule == "fa2" ? ["splits": "1"] : [:]
    let both = try run(schedule, "48x1/4k,2x1024/2k", parameters)
    let decode = try run(schedule, "48x1/4k", parameters)
    let prefill = try run(schedule, "2x1024/2k", parameters)
    #expect(both.work.matrixFlops == decode.work.matrixFlops + prefill.work.matrixFlops)
    #expect(both.work.globalRead == decode.work.globalRead + prefill.work.globalRead)
    #expect(both.usefulFlops == decode.usefulFlops + prefill.usefulFlops)
    // FlashAttention-2 launches 7 of 8 tiles of 48 sequences and 32 heads for nothing, two at a time on each of 132 cores.
    let returning = schedule == "fa2" ? Double(7 * 48 * 32) * 2000 / 264 : 0
    #expect(both.cycles.value < decode.cycles.value + prefill.cycles.value + returning)
    #expect(both.time.value > max(decode.time.value, prefill.time.value))
    let device = try Devices.named("h100-sxm5")
    #expect(
      both.kernelTime.value >= both.request.shape.compulsoryBytes.read / device.dram.bandwidth.value)
  }

  @Test("FlashAttention-2 launches the tiles of the longest sequence for each, and most return at once")
  func beyond() throws {
    // Tiles of 128 rows: 8 for the longest, 33 sequences of 32 heads.
    let result = try run("fa2", "32x1/4k,1024/1024", ["splits": "1"])
    #expect(result.kernels[0].workItems == 8 * 33 * 32)
    // Without a key: an item's launch, its lengths, and nothing of the 32 first steps.
    let empty = result.kernels[0].classes.filter { $0.trips == 0 }
    #expect(empty.map(\.count) == [7 * 32 * 32])
    #expect(empty.allSatisfy { $0.cycles.value < 2000 })
  }

  @Test(
    "The CuTe build launches as many work items as there could be tiles, the C++ build those that there are")
  func launches() throws {
    // Four heads a group: 128 rows a tile. 4 rows of each of 32 sequences and 4096 of one: 32 + 32 tiles a KV head;
    // (4224 + 33 x 127) / 128 = 65 could be.
    let cute = try run("fa3", "32x1/4k,1024/1024")
    #expect(cute.kernels[0].workItems == 65 * 8)
    let cpp = try run("fa3", "32x1/4k,1024/1024", ["build": "cpp"])
    #expect(cpp.kernels.first { $0.name == "fa3_fwd" }?.workItems == 64 * 8)
  }

  @Test("The C++ build takes the longest sequences first, whatever their place in the batch")
  func sorting() throws {
    let first = try run("fa3", "1/64k,300x1/2k", ["build": "cpp"])
    let last = try run("fa3", "300x1/2k,1/64k", ["build": "cpp"])
    #expect(first.cycles == last.cycles)
    // One launch for each tile in the order of the batch ends with the long one alone.
    let early = try run("fa3", "1/64k,300x1/2k")
    let late = try run("fa3", "300x1/2k,1/64k")
    #expect(early.cycles.value < late.cycles.value)
  }

  @Test("A few long sequences among many are cut into parts, and the short ones are written at once")
  func parts() throws {
    let shape = try AttentionShape(
      batch: 9, headsQ: 32, headsKV: 8, seqQ: 1, headDim: 128,
      lengths: BatchLengths(parsing: "8x1k,128k"))
    let schedule = try #require(ScheduleRegistry.standard["fa3"]).init(
      parameters: .init(["build": "cpp", "splits": "rule"]))
    let program = try schedule.program(for: shape, on: Devices.named("h100-sxm5"))
    let main = try #require(program.kernels.first { $0.name == "fa3_fwd" })
    // Tiles of 176 keys: 745 and 8 x 6 of 8 heads; a tenth more over 132 cores is 52.9: parts of 53 tiles, 15 of them.
    #expect(main.items.groups.map { $0.tileSplits ?? [] } == [[15], [1]])
    #expect(main.items.total == 8 * (15 + 8))
    let combine = try #require(program.kernels.last)
    // Rows of sequences in one part are merged from none, those of the long one from 15.
    #expect(combine.items.classes.map(\.walk.count).sorted() == [0, 15])
  }

  @Test(
    "Kernels with one number of queries say who takes several",
    arguments: ScheduleRegistry.standard.names)
  func refusal(schedule: String) throws {
    guard !Self.mixed.contains(schedule) else { return }
    #expect(throws: SimulationError.self) { try run(schedule, "1/64,2/128") }
  }
}
