import Attention
import Dataflow
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Masks that say a plain thing in a long way run as the plain thing.
@Suite struct PlainMaskTests {
  private func run(_ schedule: String, _ mask: String) throws -> SimulationResult {
    try Simulation.run(
      .init(
        schedule: schedule,
        shape: try AttentionShape(
          batch: 1, headsQ: 8, seqQ: 4096, headDim: 128, mask: try Mask(parsing: mask)),
        device: try Devices.named("h100-sxm5")))
  }

  @Test("Equal masks take equal time", arguments: ["fa2", "fa3", "cudnn", "flex", "flex-flash"])
  func equal(schedule: String) throws {
    for (plain, others) in [
      ("causal", ["causal & none", "heads(0-7=causal)", "swa:-1,0", "sink:8+8 | causal"]),
      ("swa:255", ["sink:0+256", "swa:255,9 & causal", "heads(0-2=swa:255;3-7=swa:255)"]),
      ("none", ["causal | none", "swa:-1,-1", "none & none"]),
    ] {
      let expected = try run(schedule, plain)
      for mask in others {
        let result = try run(schedule, mask)
        #expect(result.time == expected.time, "\(schedule) \(mask)")
        #expect(!result.warnings.contains { $0.code == "block-lists" }, "\(schedule) \(mask)")
      }
    }
  }

  @Test("Rules that these lengths make of other masks", arguments: ["fa2", "fa3", "cudnn"])
  func builtIn(schedule: String) throws {
    for (plain, mask) in [
      ("none", "doc:4096"), ("causal", "doc-causal:4096"), ("none", "prefix:4096"), ("causal", "causal-tl"),
      ("causal", "sink:96+4000"),
    ] {
      #expect(try run(schedule, mask).time == run(schedule, plain).time, "\(schedule) \(mask)")
    }
  }

  @Test("The kernel with lists of blocks is said", arguments: ["fa2", "fa3"])
  func lists(schedule: String) throws {
    for (mask, isListed) in [
      ("doc:2048,2048", true), ("heads(0-3=causal;4-7=none)", true), ("causal", false),
    ] {
      let codes = try run(schedule, mask).warnings.map(\.code)
      #expect(codes.contains("block-lists") == isListed, "\(schedule) \(mask)")
    }
  }

  @Test("Keys that a mask names and that are not there are said")
  func past() throws {
    for (mask, isSaid) in [
      ("prefix:99999", true), ("sink:5000+16", true), ("prefix:4096", false), ("swa:99999", false),
      ("causal & prefix:4097", true),
    ] {
      let warnings = try run("fa3", mask).warnings
      #expect(warnings.contains { $0.code == "mask-past-keys" } == isSaid, "\(mask)")
    }
  }
}
