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

/// Latent attention against what was measured and printed, and against bounds of its own.
@Suite struct FlashMLATests {
  private func run(
    _ batch: Int, _ heads: Int, _ seqKV: Int, seqQ: Int = 1, mask: Mask = .none,
    _ values: [String: String] = [:],
    device: String = "h100-sxm5", mode: ClockMode = .sustained
  ) throws -> SimulationResult {
    let shape = try AttentionShape(
      batch: batch, headsQ: heads, headsKV: 1, seqQ: seqQ, seqKV: seqKV, headDim: 576, headDimV: 512,
      mask: mask)
    return try Simulation.run(
      .init(
        schedule: "flashmla", parameters: ScheduleParameters(values), shape: shape,
        device: Devices.named(device), mode: mode))
  }

  /// Calls of TensorRT-LLM on an H100. One of the 80 (batch 1, 2 heads, 8192 keys) was measured at 1517 us, sixty times its
  /// neighbours; it counts like the others.
  @Test("The measured rows within 10 % on average")
  func measured() throws {
    let folder = try #require(CheckoutFolder.find("validation"))
    let table = try MeasuredTable(SourceText.load(folder + "/h100_serving.csv"))
    let map = try KernelMap(SourceText.load(folder + "/map.yaml"))
    let device = try Devices.named("h100-sxm5")
    var errors: [Double] = []
    for row in table.rows where row.kernel == "trtllm_mla" {
      guard case .schedule(let name, let values) = map.target(of: row) else { continue }
      let result = try Simulation.run(
        .init(
          schedule: name, parameters: ScheduleParameters(values), shape: try row.shape(), device: device))
      let measured = try #require(row.microseconds[.sustained])
      errors.append(abs(result.time.value * 1e6 / measured - 1))
    }
    errors.sort()
    #expect(errors.count == 80)
    let mean = errors.reduce(0, +) / Double(errors.count)
    print("latent attention: mean \(mean), median \(errors[40]), p90 \(errors[72])")
    #expect(mean <= 0.10)
    #expect(errors[72] <= 0.18)
  }

  /// What the authors print for an H800, whose cores are the H100's, where arithmetic is the limit: TFLOP/s at the 1600 MHz
  /// to which it throttles. 6 %: their clock is rounded.
  @Test("The printed rates", arguments: [("seesaw", 660.0), ("first", 580.0)])
  func printed(kernel: String, rate: Double) throws {
    let result = try run(128, 128, 8192, ["kernel": kernel], mode: .locked(Frequency(1.6e9)))
    print("\(kernel): \(result.usefulFlopsPerSecond / 1e12) TFLOP/s")
    #expect(abs(result.usefulFlopsPerSecond / 1e12 / rate - 1) < 0.06)
  }

  /// No call is faster than its latent over the bandwidth that reads reach, nor than its products.
  @Test(arguments: ["seesaw", "first"], [(1, 131_072), (4, 4096), (64, 65_536), (512, 8)])
  func bounds(kernel: String, size: (batch: Int, seqKV: Int)) throws {
    for device in ["h100-sxm5", "h20"] {
      for (heads, seqQ, mask) in [(1, 1, Mask.none), (128, 1, .none), (100, 2, .causal)] {
        for mode in [ClockMode.burst, .locked(Frequency(1e9))] {
          let result = try run(
            size.batch, heads, size.seqKV, seqQ: seqQ, mask: mask, ["kernel": kernel], device: device,
            mode: mode)
          let name = "\(device) \(heads) heads, \(seqQ) queries, \(mode.name)"
          let chip = result.request.device
          if mode == .burst {
            let bytes = Double(size.batch * size.seqKV * 576 * 2)
            #expect(
              result.time.value >= bytes / (chip.dram.bandwidth.value * chip.dram.efficiency.value), "\(name)"
            )
            let read = try #require(result.traffic.first { $0.level == "dram" }).readBytes
            #expect(read >= bytes * 0.999, "\(name)")
          }
          for bound in result.bounds {
            #expect(result.time.value >= bound.time.value, "\(bound.resource.name): \(name)")
          }
          for use in result.resources {
            #expect(use.utilisation <= 1 + 1e-9, "\(use.resource.name): \(name)")
          }
          #expect(result.executedFlops >= result.usefulFlops, "\(name)")
        }
      }
    }
  }

  @Test("Full tiles of rows and pages waste nothing")
  func exactWork() throws {
    let result = try run(6, 128, 4096)
    #expect(result.executedFlops == result.usefulFlops)
    // Keys and values are one tensor: all of it once from memory, twice over the shared cache for two tiles of rows.
    #expect(result.work.globalRead == 2 * 6 * 4096 * 576 * 2)
  }

  @Test("A work item more for each request changes nothing but the division", arguments: ["seesaw", "first"])
  func wholeRequests(kernel: String) throws {
    let values = ["kernel": kernel, "programs": "66"]
    // As many requests as work items: none is cut, and nothing is merged.
    let whole = try run(66, 128, 4096, values)
    let automatic = try run(66, 128, 4096, ["kernel": kernel])
    #expect(whole.cycles == automatic.cycles)
    #expect(whole.kernels[0].workItems == 132)
  }

  @Test(
    "What it does not take is refused with the field",
    arguments: ["head-dim", "head-dim-v", "kv-heads", "seq"])
  func refusals(field: String) throws {
    var shape = try AttentionShape(
      batch: 1, headsQ: 16, headsKV: 1, seqQ: 1, seqKV: 128, headDim: 576, headDimV: 512)
    switch field {
    case "head-dim": shape.headDim = 128
    case "head-dim-v": shape.headDimV = 576
    case "kv-heads": shape.headsKV = 2
    default: shape.seqQ = 4096
    }
    let device = try Devices.named("h100-sxm5")
    do {
      _ = try Simulation.run(.init(schedule: "flashmla", shape: shape, device: device))
      Issue.record("\(field) was taken")
    } catch SimulationError.schedule(.unsupported(_, let named, _)) {
      #expect(named == field)
    }
  }

  @Test("Zeros take less energy and change nothing else")
  func zeros() throws {
    let clock = ClockMode.locked(Frequency(1.6e9))
    let values = try run(64, 128, 8192, mode: clock)
    let zeros = try run(64, 128, 8192, ["cache": "zeros"], mode: clock)
    #expect(values.cycles == zeros.cycles)
    #expect(try #require(zeros.clock.power) < #require(values.clock.power))
  }

  @Test("A grid's launcher gives out one work item after another")
  func launcher() throws {
    // 131,072 rows that have nothing to merge.
    let result = try run(1024, 128, 4, ["kernel": "first"])
    let combine = try #require(result.kernels.last)
    let rate = result.request.device.sync.workItemRate.value
    #expect(combine.workItems == 131_072)
    #expect(combine.cycles.value >= 131_072 / rate)
  }
}
