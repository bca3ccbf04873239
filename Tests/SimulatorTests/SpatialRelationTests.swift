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

@Suite("What the numbers of a spatial machine change")
struct SpatialRelationTests {
  static let schedules = ["unfused", "flat", "fusemax-cascade", "fusemax-architecture", "fusemax-binding"]

  private func run(_ schedule: String, on device: Device) throws -> SimulationResult {
    let shape = try AttentionShape(batch: 2, headsQ: 12, seqQ: 4096, headDim: 64, dataType: .fp16)
    return try Simulation.run(.init(schedule: schedule, shape: shape, device: device))
  }

  @Test("Energies change no cycle", arguments: schedules, ["fusemax-cloud", "flat-cloud", "flat-edge"])
  func energies(schedule: String, id: String) throws {
    let device = try Devices.named(id)
    // Two bindings need a 2-D array whose elements take maxima: two machines have none.
    let needsVector = ["fusemax-architecture", "fusemax-binding"].contains(schedule)
    guard !needsVector || device.spatial?.gridVector.value == 1 else { return }
    let before = try run(schedule, on: device)
    let fields = DeviceField.all.filter { $0.path.hasPrefix("spatial.") && device.kind.has($0) }
      .filter { $0.path.hasSuffix("Energy") || $0.path.hasSuffix("Byte") }
    #expect(fields.count == 9)
    for field in fields {
      for value in [0, 1e-12, 1e-9] {
        var other = device
        field.set(value, on: &other)
        #expect(try run(schedule, on: other).cycles == before.cycles, "\(field.path) = \(value)")
      }
    }
  }

  /// The published machine: six multiply-accumulates and the subtraction, so 7 cycles for each row of lanes; with n of
  /// them n + 1; 1 on a pipelined unit of its own.
  @Test("Cycles of the 1-D array follow those of an exponential", arguments: ["unfused", "flat"])
  func exponential(schedule: String) throws {
    let device = try Devices.named("fusemax-cloud")
    // Heads x turns of 256 lanes x queries.
    let perCycle = 24.0 * 16 * 4096
    for (cycles, expected) in [(1.0, 1.0), (2, 3), (6, 7), (12, 13)] {
      var other = device
      other.spatial?.exponentialCycles = Cycles(cycles)
      let einsums = try #require(
        Simulation.program(
          .init(
            schedule: schedule,
            shape: try AttentionShape(batch: 2, headsQ: 12, seqQ: 4096, headDim: 64, dataType: .fp16),
            device: other)
        ).spatial
      ).einsums
      #expect(einsums.first { $0.name == "SN" }?.cycles == expected * perCycle)
    }
  }

  @Test("An exponential of multiply-accumulates takes their energy, and its own on top")
  func exponentialEnergy() throws {
    var device = try Devices.named("fusemax-cloud")
    let before = try #require(run("flat", on: device).clock.energy).value
    device.spatial?.exponentialEnergy = Energy(1e-12)
    let after = try #require(run("flat", on: device).clock.energy).value
    // One for each score.
    #expect(abs(after - before - 24 * 4096 * 4096 * 1e-12) < 1e-9 * before)
  }
}
