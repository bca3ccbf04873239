import Attention
import AttnsimTestSupport
import HWModels
import InputFiles
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// The period jump, and the times derived from it, against playing every operation.
@Suite struct PeriodTests {
  /// Every class of the kernel, timed with jumps and derivation, and played whole.
  private func compare(_ schedule: String, _ parameters: ScheduleParameters, _ shape: AttentionShape) throws {
    let device = try Devices.named("h100-sxm5")
    let request = SimulationRequest(schedule: schedule, parameters: parameters, shape: shape, device: device)
    let program = try Simulation.program(request)
    for kernel in program.kernels {
      let simulation = KernelSimulation(kernel, shape, on: device, cacheBefore: .sameCall)
      let lowered = LoweredKernel(
        kernel, on: device, conditions: simulation.conditions(at: device.clock.nominal))
      var timer = ItemTimer(
        lowered: lowered, kernel: kernel, resident: simulation.resident,
        repeated: kernel.items.total > simulation.slots)
      // The longest and some in between: playing all of them whole would take minutes.
      let classes = kernel.items.classes
      try timer.prepare(classes)
      let chosen = Set([0, classes.count / 3, classes.count / 2, classes.count - 1])
      for (index, itemClass) in classes.enumerated() {
        let timing = try timer.timing(of: itemClass)
        guard chosen.contains(index) else { continue }
        let trips = lowered.trips.map { $0.count(itemClass.values) }
        let rounds = timer.rounds
        var whole = CoreSimulation(
          lowered,
          queues: Array(repeating: Array(repeating: trips, count: rounds), count: simulation.resident),
          detectsPeriods: false)
        let outcome = whole.run()
        let first = outcome.items.reduce(0) { max($0, $1[0].end) }
        #expect(timing.duration.first == first, "\(schedule) \(shape) class \(index)")
        if rounds > 1 {
          let ends = (0..<rounds).map { round in outcome.items.reduce(0) { max($0, $1[round].end) } }
          let later =
            kernel.policy.isPersistent
            ? (ends[rounds - 1] - ends[rounds - 3]) / 2 : ends[rounds - 1] - ends[rounds - 2]
          #expect(timing.duration.later == later, "\(schedule) \(shape) class \(index), later rounds")
        }
      }
    }
  }

  @Test(
    "The jump equals the full run to the tick", arguments: RandomShapes.forward(200, seed: 7, largest: 9000))
  func flashAttention3(shape: AttentionShape) throws {
    try compare("fa3", .init(), shape)
  }

  @Test(
    "so it does for persistent and for shared cores",
    arguments: RandomShapes.forward(40, seed: 8, largest: 6000))
  func others(shape: AttentionShape) throws {
    try compare("fa3", .init(["build": "cpp"]), shape)
    try compare("fa2", .init(), shape)
  }

  @Test(
    "Classes that differ in one trip count are timed together, each to the tick",
    arguments: [(26, 12_345), (13, 9001), (40, 3000)])
  func families(batch: Int, keys: Int) throws {
    let device = try Devices.named("h200-sxm")
    let shape = try AttentionShape(
      batch: batch, headsQ: 8, headsKV: 2, seqQ: 1, seqKV: keys, headDim: 128)
    let program = try Simulation.program(
      .init(schedule: "lean", parameters: .init(["kernel": "triton"]), shape: shape, device: device))
    let kernel = program.kernels[0]
    let simulation = KernelSimulation(kernel, shape, on: device, cacheBefore: .nothing)
    for clock in [1.98, 1.7, 1.33] {
      let lowered = LoweredKernel(
        kernel, on: device, conditions: simulation.conditions(at: Frequency(clock * 1e9)))
      var timer = ItemTimer(
        lowered: lowered, kernel: kernel, resident: simulation.resident, repeated: false)
      try timer.prepare(kernel.items.classes)
      let played = timer.events
      var total = 0
      for itemClass in kernel.items.classes {
        let trips = lowered.trips.map { $0.count(itemClass.values) }
        var whole = CoreSimulation(
          lowered, queues: Array(repeating: [trips], count: simulation.resident), detectsPeriods: false)
        let outcome = whole.run()
        total += outcome.events
        let first = outcome.items.reduce(0) { max($0, $1[0].end) }
        #expect(try timer.timing(of: itemClass).duration.first == first, "\(itemClass.values)")
      }
      #expect(played > 0 && played < total / 4)
    }
  }

  @Test("A long loop is jumped, not played")
  func cost() throws {
    func events(_ length: Int) throws -> Int {
      let shape = try AttentionShape(batch: 1, headsQ: 16, seqQ: length, headDim: 128)
      return try Simulation.run(
        .init(schedule: "fa3", shape: shape, device: Devices.named("h100-sxm5"))
      ).statistics.events
    }
    #expect(try events(1 << 20) == events(1 << 12))
  }
}
