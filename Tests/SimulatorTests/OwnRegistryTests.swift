import Attention
import HWModels
import InputFiles
import Interpreter
import Programs
import Results
import Schedules
import Simulator
import Testing

/// A schedule that only this file knows.
private struct ToySchedule: Schedule {
  static let name = "toy"
  static let summary = "FlashAttention-2 with a number of parts of its own"
  static let parts = Parameter("parts", "parts of the keys", in: 1...8, default: 2, dependsOn: .causalOnly)
  static let parameters: [any AnyParameter] = [parts]
  static let needs: [DeviceNeed] = [.lanes(32), .synchronousProducts(family: "mma.sync")]
  static let support = Support(.init(masks: .causal, heads: .equalUpTo(128)))
  let values: ParameterValues

  func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let parameters = ScheduleParameters(["splits": "\(shape.mask == .causal ? values[Self.parts] : 1)"])
    var program = try FlashAttention2(parameters: parameters).admittedProgram(for: shape, on: device)
    program.schedule = Self.name
    return program
  }
}

extension Condition {
  fileprivate static let causalOnly = Condition("a causal mask") { $0.shape.mask == .causal }
}

/// A schedule in a registry of one's own is one like any other.
@Suite struct OwnRegistryTests {
  private static let registry = ScheduleRegistry(ScheduleRegistry.standard.all + [ToySchedule.self])

  private func request(_ parameters: [String: String] = [:], mask: Mask = .causal) throws -> SimulationRequest
  {
    SimulationRequest(
      schedule: "toy", parameters: .init(parameters),
      shape: try AttentionShape(batch: 1, headsQ: 4, seqQ: 64, seqKV: 2048, headDim: 128, mask: mask),
      device: try Devices.named("a100-sxm4-80"), registry: Self.registry)
  }

  @Test("It runs, and is unknown elsewhere")
  func runs() throws {
    let result = try Simulation.run(request(["parts": "4"]))
    #expect(result.time.value > 0)
    #expect(result.time != (try Simulation.run(request(["parts": "1"])).time))
    var elsewhere = try request()
    elsewhere.registry = nil
    #expect(throws: SimulationError.self) { try Simulation.run(elsewhere) }
  }

  @Test("Its declaration refuses, and names it among those that take a call")
  func refuses() throws {
    #expect(throws: SimulationError.self) { try Simulation.run(request(["parts": "9"])) }
    #expect(throws: SimulationError.self) { try Simulation.run(request(["parts": "2"], mask: .none)) }
    #expect(try Simulation.run(request(mask: .none)).time.value > 0)
    var other = try request()
    other.schedule = "gna-hopper"
    do throws(SimulationError) {
      _ = try Simulation.run(other)
      Issue.record("was taken")
    } catch {
      #expect("\(error)".contains("toy"))
    }
  }

  @Test("It is verified")
  func verifies() throws {
    let device = try Devices.named("a100-sxm4-80")
    let shapes = Array(Verification.shapes(.causal, pass: .forward, seed: 4).prefix(4))
    let report = Verification.run(
      schedule: try ToySchedule(parameters: .init(["parts": "3"])), device: device, shapes: shapes, orders: 3)
    #expect(!report.cases.isEmpty && report.passed)
    let variants = try PagedVariants(ToySchedule.self, device: device)
    let batch = try #require(Verification.batches(.lengths, seed: 1).first { _ in true })
    #expect(variants.call(batch, family: .lengths, number: 0, seed: 1) == nil)
  }

  @Test("It is swept from a scenario file")
  func sweeps() throws {
    let text = """
      device: a100-sxm4-80
      schedule: { name: toy, parameters: { parts: 2 } }
      shape: { batch: 1, heads: 4, seq: 64, seq-kv: 2k, head-dim: 128, mask: causal }
      axes:
        schedule.parts: [1, 2, 4]
      """
    let scenario = try ScenarioFile.read(
      SourceText(name: "toy.yaml", text: text), devices: Devices.library, schedules: Self.registry)
    let times = try (0..<scenario.count).map { try Simulation.run(scenario.request($0)).time.value }
    #expect(Set(times).count == 3)
    #expect(throws: InputError.self) {
      try ScenarioFile.read(SourceText(name: "toy.yaml", text: text), devices: Devices.library)
    }
  }

  @Test("It is explained")
  func explains() throws {
    let explained = try Simulation.explain(request())
    #expect(!explained.elasticities.isEmpty)
  }
}
