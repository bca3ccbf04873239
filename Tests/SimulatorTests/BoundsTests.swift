import Attention
import AttnsimTestSupport
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// What no prediction may break, for every schedule and device and sampled shapes.
@Suite struct BoundsTests {
  /// Requests of every schedule on every device that has what it needs, in every mode.
  private static func requests(_ shape: AttentionShape) throws -> [SimulationRequest] {
    var requests: [SimulationRequest] = []
    for id in Devices.ids {
      let device = try Devices.named(id)
      // Playing the words of a long row takes seconds where the compiler does not optimise.
      if device.kind == .fpga, Double(shape.headsQ * shape.headDim) * Double(shape.seqKV) > 1e6 { continue }
      for schedule in ScheduleRegistry.standard.all {
        let locked = Frequency(min(1e9, device.clock.maximum.value))
        for mode in [ClockMode.sustained, .burst, .locked(locked)] {
          let request = SimulationRequest(schedule: schedule.name, shape: shape, device: device, mode: mode)
          if (try? Simulation.program(request)) != nil { requests.append(request) }
        }
      }
    }
    return requests
  }

  @Test(
    "No prediction beats a bound",
    arguments: RandomShapes.forward(60, seed: 11) + RandomShapes.backward(20, seed: 13))
  func bounds(shape: AttentionShape) throws {
    for request in try Self.requests(shape) {
      let result = try Simulation.run(request)
      let name = "\(request.schedule) on \(request.device.id), \(request.mode.name), \(shape)"
      for bound in result.bounds {
        #expect(result.time.value >= bound.time.value, "\(bound.resource.name): \(name)")
      }
      for use in result.resources { #expect(use.utilisation <= 1 + 1e-9, "\(use.resource.name): \(name)") }
      #expect(result.executedFlops >= result.usefulFlops, "\(name)")
      let idle = request.device.power.idle.value * result.kernelTime.value
      #expect(result.clock.energy.map { $0.value >= idle * 0.999 } ?? (idle == 0), "\(name)")
      #expect(result.clock.frequency <= request.device.clock.maximum, "\(name)")
      let sum = result.phases.reduce(0) { $0 + $1.time.value }
      #expect(abs(sum - result.time.value) <= 1e-9 * sum, "phases: \(name)")
      #expect(result.phases.allSatisfy { $0.time.value >= 0 }, "\(name)")
    }
  }

  @Test(
    "A cold call moves the compulsory bytes",
    arguments: RandomShapes.forward(40, seed: 12) + RandomShapes.backward(20, seed: 14))
  func compulsoryTraffic(shape: AttentionShape) throws {
    // Under a mask some keys may be seen by nobody, so only full calls must read everything.
    guard shape.mask == .none else { return }
    for request in try Self.requests(shape) where request.mode == .burst {
      let result = try Simulation.run(request)
      let dram = try #require(result.traffic.first { $0.level == "dram" })
      #expect(dram.readBytes >= shape.compulsoryBytes.read * 0.999, "\(request.schedule) \(shape)")
      #expect(dram.writeBytes >= shape.compulsoryBytes.write * 0.999, "\(request.schedule) \(shape)")
    }
  }

  @Test(
    "Executed work equals useful work backward too",
    arguments: [("fa2", 64), ("fa2", 128), ("fa3", 64), ("fa3", 128), ("cudnn", 64), ("cudnn", 128)])
  func exactWorkBackward(schedule: String, headDim: Int) throws {
    // 3840 is a multiple of the tiles of queries (64, 80, 128) and of keys (128).
    let shape = try AttentionShape(batch: 2, headsQ: 40, seqQ: 3840, headDim: headDim, pass: .backward)
    let result = try Simulation.run(
      .init(schedule: schedule, shape: shape, device: Devices.named("h100-sxm5")))
    #expect(result.executedFlops == result.usefulFlops)
    // Every score adds to its row of dQ once for each tile of keys.
    #expect(result.work.atomics == Double(2 * 40 * 3840 * headDim * 30))
  }

  @Test(
    "Executed work equals useful work where tiles divide the call", arguments: ["fa2", "fa3"], [64, 128, 256])
  func exactWork(schedule: String, headDim: Int) throws {
    // 3840 is a multiple of every tile used here: 64, 80, 128, 192.
    let shape = try AttentionShape(batch: 2, headsQ: 40, seqQ: 3840, headDim: headDim)
    let result = try Simulation.run(
      .init(schedule: schedule, shape: shape, device: Devices.named("h100-sxm5")))
    #expect(result.executedFlops == result.usefulFlops)
  }
}
