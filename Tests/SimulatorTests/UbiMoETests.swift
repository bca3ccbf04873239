import Attention
import Foundation
import HWModels
import InputFiles
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// UbiMoE's kernels against the counts of its source, and the search against trying everything.
@Suite struct UbiMoETests {
  static func request(
    _ schedule: String, _ device: String, heads: Int, tokens: Int, type: DataType, batch: Int = 1,
    parameters: [String: String] = [:]
  ) throws -> SimulationRequest {
    SimulationRequest(
      schedule: schedule, parameters: .init(parameters),
      shape: try AttentionShape(batch: batch, headsQ: heads, seqQ: tokens, headDim: 64, dataType: type),
      device: try Devices.named(device))
  }

  static func m3vit(_ schedule: String, _ device: String, _ parameters: [String: String] = [:]) throws
    -> SimulationRequest
  {
    try request(schedule, device, heads: 3, tokens: 129, type: .fp32, parameters: parameters)
  }

  static func demo(_ schedule: String, _ device: String, _ parameters: [String: String] = [:]) throws
    -> SimulationRequest
  {
    try request(schedule, device, heads: 6, tokens: 197, type: .fp16, parameters: parameters)
  }

  /// The loop nest of compute_q_matmul_k, walked: groups of queries, keys, words, and the early return.
  private func walked(tokens: Int, words: Int, queries: Int) -> Int {
    let limit = tokens + queries - 1
    var cycles = 0
    for base in stride(from: 0, to: limit, by: queries) {
      for key in 0..<tokens {
        let overflow = limit % queries
        if overflow > 0, base >= tokens, key >= overflow { return cycles }
        cycles += words
      }
    }
    return cycles
  }

  @Test("Attention: 102,168 and 236,400 cycles, played", arguments: ["zcu102", "alveo-u280", "alveo-u50"])
  func published(device: String) throws {
    // 33 groups x 129 keys x 24 words; 50 x 197 x 24.
    #expect(try Simulation.run(Self.m3vit("ubimoe", device)).cycles == Cycles(102_168))
    #expect(try Simulation.run(Self.demo("ubimoe", device)).cycles == Cycles(236_400))
    // One image alone: a group of keys more, and 1 cycle for each of 1 stage to fill.
    let latency = try Simulation.run(Self.m3vit("ubimoe", device)).dataflow?.pipeline?.latencyCycles
    #expect(try #require(latency) - 102_168 - 129 * 24 == 1)
  }

  @Test(
    "Attention equals the walked loop nest",
    arguments: [(9, 1), (16, 4), (17, 4), (30, 7), (64, 8), (33, 32)])
  func loopNest(tokens: Int, queries: Int) throws {
    let result = try Simulation.run(
      Self.request(
        "ubimoe", "alveo-u280", heads: 2, tokens: tokens, type: .bf16, parameters: ["queries": "\(queries)"]))
    #expect(result.cycles == Cycles(Double(walked(tokens: tokens, words: 8, queries: queries))))
  }

  @Test("Linear kernels: tokens x input tiles x output tiles")
  func linear() throws {
    func kernels(_ request: SimulationRequest) throws -> [String: Int] {
      let pipeline = try #require(try Simulation.run(request).dataflow?.pipeline)
      return Dictionary(
        uniqueKeysWithValues: pipeline.stages.flatMap(\.kernels).map { ($0.name, $0.cycles) })
    }
    let small = try kernels(Self.m3vit("ubimoe-vit", "zcu102"))
    #expect(small["attention"] == 102_168)
    #expect(small["projection"] == 18_576)  // 129 x 12 x 12
    let large = try kernels(Self.demo("ubimoe-vit", "alveo-u50"))
    #expect(large["queries"] == 113_472)  // 197 x 24 x 24
    #expect(large["feed-forward 1"] == 453_888)  // 197 x 24 x 96
    #expect(large["feed-forward 2"] == 453_888)
    // Two experts of half the width are as much work as one of the whole.
    let experts = try kernels(Self.m3vit("ubimoe-vit", "zcu102", ["hidden": "384", "experts": "2"]))
    #expect(experts["feed-forward 1"] == small["feed-forward 1"])
  }

  /// The clock of the demo on the U50 is not published. Its 26.4387 ms an image must lie between the times at both ends of
  /// what designs close at; the clock that would give it is 206 MHz.
  @Test("The U50 demo's time is one that some clock gives")
  func u50() throws {
    let result = try Simulation.run(Self.demo("ubimoe-vit", "alveo-u50"))
    #expect(result.cycles == Cycles(12 * 453_888))
    let range = try #require(result.dataflow?.pipeline?.clockRange)
    #expect(range.fastest < 26.4387e-3 && 26.4387e-3 < range.slowest)
    let clock = result.cycles.value / 26.4387e-3
    #expect((150e6...300e6).contains(clock))
    // Fewer multipliers and memories than the implementation report lists for the whole design.
    let budget = try #require(result.dataflow?.budget)
    for (line, used) in zip(budget.lines, [2175.0, 527.5, 175]) { #expect(Double(line.needed) <= used) }
  }

  @Test("Batches stream one image after another")
  func batches() throws {
    var request = try Self.m3vit("ubimoe", "alveo-u280")
    let one = try Simulation.run(request)
    request.shape.batch = 7
    let seven = try Simulation.run(request)
    #expect(seven.cycles.value == 7 * one.cycles.value)
    #expect(seven.dataflow?.pipeline?.latencyCycles == one.dataflow?.pipeline?.latencyCycles)
  }

  @Test("A FIFO of scores below a row deadlocks: the maxima come after the row")
  func deadlock() throws {
    let request = try Self.m3vit("ubimoe", "zcu102", ["scores": "N-1"])
    #expect {
      try Simulation.run(request)
    } throws: { error in
      guard case SimulationError.dataflowDeadlock(let deadlock) = error else { return false }
      return deadlock.full == ["scores"] && deadlock.ring.map(\.fifo) == ["scores", "maxima"]
    }
  }

  @Test("Memory that is too slow stalls the kernel, or keys stay on chip")
  func memory() throws {
    let streamed = try Simulation.run(Self.m3vit("ubimoe", "zcu102", ["keys": "memory"]))
    let kept = try Simulation.run(Self.m3vit("ubimoe", "zcu102", ["keys": "chip"]))
    // Two words of 32 B a cycle at 300 MHz are all of 19.2 GB/s, and queries and outputs come on top.
    #expect(streamed.cycles.value > 102_168 && kept.cycles == Cycles(102_168))
    let bytes = 2.0 * 102_168 * 32 + 2 * 129 * 192 * 4
    #expect(streamed.cycles == Cycles((bytes / 19.2e9 * 300e6).rounded(.up)))
  }

  @Test("A word that holds no element is refused by name")
  func smallWord() throws {
    let request = try Self.m3vit("ubimoe", "zcu102", ["word-bits": "7"])
    #expect { try Simulation.run(request) } throws: { "\($0)".contains("7 bits hold no element of 32 bits") }
  }

  @Test("What a board does not hold is refused with its budget")
  func tooLarge() throws {
    let request = try Self.m3vit("ubimoe-vit", "zcu102", ["linear": "64x64"])
    #expect {
      try Simulation.run(request)
    } throws: { "\($0)".contains("DSP slices: 33024 of 2520") }
  }

  @Test("The search finds what trying every design finds", arguments: ["zcu102", "alveo-u280"], [1.0, 0.5])
  func search(device: String, share: Double) throws {
    for request in [try Self.m3vit("ubimoe-vit", device), try Self.demo("ubimoe-vit", device)] {
      guard let best = try ParallelismSearch.exhaustive(request, share: share) else {
        // The demo's weights alone are more than half of the ZCU102's memories.
        #expect(device == "zcu102" && share < 1)
        #expect { try ParallelismSearch.run(request, share: share) } throws: { "\($0)".contains("over by") }
        continue
      }
      for seed in [1, 2] as [UInt64] {
        let found = try ParallelismSearch.run(request, share: share, seed: seed)
        #expect(found.final.cycles == best.cycles, "\(device), \(share), seed \(seed)")
        #expect(found.final.multipliers == best.multipliers, "\(device), \(share), seed \(seed)")
        #expect(found.playedCycles == found.final.cycles)
        #expect(found.evaluated < found.space / 2)
        for line in found.final.budget.lines {
          #expect(Double(line.needed) <= Double(line.available ?? 0) * share)
        }
      }
    }
  }
}
