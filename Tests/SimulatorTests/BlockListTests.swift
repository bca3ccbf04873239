import Attention
import Dataflow
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Masks that are no band, in the schedules whose kernels walk lists of blocks.
@Suite("Lists of blocks")
struct BlockListTests {
  private func run(
    _ schedule: String, _ mask: String, _ parameters: [String: String] = [:], headDim: Int = 128,
    headsKV: Int = 8, pass: AttentionShape.Pass = .forward, device: String = "h100-sxm5"
  ) throws -> SimulationResult {
    let shape = try AttentionShape(
      batch: 1, headsQ: 8, headsKV: headsKV, seqQ: 8192, headDim: headDim, mask: Mask(parsing: mask),
      pass: pass)
    return try Simulation.run(
      .init(schedule: schedule, parameters: .init(parameters), shape: shape, device: Devices.named(device)))
  }

  static let masks = [
    "block_sparse:128x128:density=0.3:seed=1", "block_sparse:128x128:density=0.3:seed=1:diagonal & causal",
    "sink:64+256", "prefix:1000", "doc-causal:4000,4192", "gna:64x128:w16x16",
    "gna:64x128:w16x16 | sink:4+64",
    "heads(0-3=sink:64+256;4-7=causal)",
  ]

  /// The CuTe package has one kernel for both: `flex-flash` is how PyTorch calls it.
  @Test("fa3 under a list is flex-flash", arguments: masks)
  func cuteKernel(mask: String) throws {
    #expect(try run("fa3", mask).time == run("flex-flash", mask).time)
    #expect(try run("fa3", mask, headsKV: 2).cycles == run("flex-flash", mask, headsKV: 2).cycles)
  }

  @Test(
    "Every such schedule takes every mask", arguments: ["fa2", "fa3", "flex", "flex-flash", "sparse"], masks)
  func taken(schedule: String, mask: String) throws {
    let result = try run(schedule, mask)
    // Work items cannot do less than the mask asks for.
    #expect(result.executedFlops >= result.usefulFlops)
    #expect(result.time.value > 0)
  }

  /// A list of all blocks costs what a step costs without a list, and reading the list: within a few in a hundred.
  @Test(
    "A list of every block is dense attention", arguments: ["fa2", "fa3"], ["h100-sxm5", "a100-sxm4-80"])
  func wholeList(schedule: String, device: String) throws {
    guard schedule == "fa2" || device == "h100-sxm5" else { return }
    let dense = try run(schedule, "none", device: device)
    let whole = try run(schedule, "block_sparse:128x128:density=1:seed=1", device: device)
    #expect(whole.executedFlops == dense.executedFlops)
    #expect(whole.cycles.value >= 0.99 * dense.cycles.value)
    #expect(whole.cycles.value <= 1.05 * dense.cycles.value)
  }

  /// Block-Sparse-Attention has blocks, causal edges, sinks and windows; other rules are no kernel's.
  @Test(
    "A rule that no such kernel evaluates is named in the result",
    arguments: [
      ("block_sparse:128x128:density=0.3:seed=1 & causal", false), ("sink:64+256", false),
      ("heads(0-3=sink:64+256;4-7=swa:100)", false), ("block_sparse:64x64:density=0.3:seed=1", true),
      ("doc-causal:4000,4192", true), ("gna:64x128:w16x16", true), ("sink:4+64 | prefix:10", true),
    ])
  func outsideKernel(mask: String, isOutside: Bool) throws {
    #expect(try run("fa2", mask).warnings.contains { $0.code == "rule-outside-kernel" } == isOutside)
    #expect(try run("fa3", mask).warnings.map(\.code) == ["block-lists"])
  }

  static let refusals:
    [(schedule: String, parameters: [String: String], headDim: Int, pass: AttentionShape.Pass)] = [
      ("fa2", ["splits": "4"], 128, .forward), ("fa2", ["pack-gqa": "on"], 128, .forward),
      ("fa2", ["layout": "paged"], 128, .forward), ("fa2", [:], 192, .forward), ("fa2", [:], 128, .backward),
      ("fa3", ["build": "cpp"], 128, .forward), ("fa3", [:], 128, .backward), ("fa3", [:], 256, .forward),
      ("cudnn", [:], 128, .forward),
    ]

  @Test("What a kernel with lists lacks is refused", arguments: refusals)
  func refused(
    schedule: String, parameters: [String: String], headDim: Int, pass: AttentionShape.Pass
  ) throws {
    #expect(throws: SimulationError.self) {
      try run(schedule, "sink:64+256", parameters, headDim: headDim, pass: pass)
    }
  }
}
