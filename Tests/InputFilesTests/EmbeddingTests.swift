import Attention
import HWModels
import InputFiles
import Results
import Simulator
import Testing

/// What README.md and docs/guide/embedding.md show; tools/check-docs.py compares the lines.
@Suite("Embedding")
struct EmbeddingTests {
  @Test("The example of the pages answers")
  func example() throws {
    let device = try DeviceLibrary.standard().device("h100-sxm5")
    let shape = try AttentionShape(batch: 1, headsQ: 32, headsKV: 8, seqQ: 8192, headDim: 128, mask: .causal)
    let result = try Simulation.run(SimulationRequest(schedule: "fa3", shape: shape, device: device))
    print(result.time.value, "s")
    let bound = try #require(result.tightestBound)
    #expect(bound.resource == .tensor && result.time > bound.time)
  }

  @Test("A changed device is another answer")
  func whatIf() throws {
    let device = try DeviceLibrary.standard().device("h100-sxm5")
    let shape = try AttentionShape(batch: 1, headsQ: 32, headsKV: 8, seqQ: 1, seqKV: 32_768, headDim: 128)
    var wider = device
    DeviceField.at("dram.bandwidth")?.set(4.8e12, on: &wider)
    let before = try Simulation.run(
      SimulationRequest(schedule: "flash-decoding", shape: shape, device: device))
    let after = try Simulation.run(SimulationRequest(schedule: "flash-decoding", shape: shape, device: wider))
    #expect(after.time < before.time)
  }
}
