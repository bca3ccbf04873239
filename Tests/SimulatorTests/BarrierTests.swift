import Attention
import HWModels
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// Barriers whose arrivals come from several actors, in equal shares or from whoever comes.
@Suite struct BarrierTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var arrivals: Int
    /// Arrivals of each actor in each of its trips.
    var signallers: [Int]
    var trips: Int
    /// Phases that the waiting actor asks for.
    var waits: Int
    var ends = true
    var testDescription: String { "\(arrivals) arrivals from \(signallers) x \(trips), \(waits) waits" }
  }

  static let cases = [
    // One arrival of each actor in each phase.
    Case(arrivals: 2, signallers: [1, 1], trips: 200, waits: 200),
    Case(arrivals: 2, signallers: [1, 1], trips: 5, waits: 6, ends: false),
    // Equal shares of more than one.
    Case(arrivals: 4, signallers: [2, 2], trips: 200, waits: 200),
    Case(arrivals: 4, signallers: [1, 1], trips: 200, waits: 100),
    Case(arrivals: 2, signallers: [1], trips: 200, waits: 100),
    // Whoever arrives: three arrivals of two actors, one of two.
    Case(arrivals: 3, signallers: [1, 1], trips: 3, waits: 2),
    Case(arrivals: 1, signallers: [1, 1], trips: 200, waits: 400),
    Case(arrivals: 1, signallers: [1, 1], trips: 3, waits: 7, ends: false),
  ]

  /// Actors of which each takes twice the instructions of the one before, and one that waits.
  private func outcome(_ test: Case, detectsPeriods: Bool) throws -> CoreSimulation.Outcome {
    let device = try Devices.named("h100-sxm5")
    var builder = KernelBuilder(schedule: "test", kernel: "barrier")
    let barrier = builder.barrier("met", .completion, arrivals: test.arrivals)
    for (index, arrivals) in test.signallers.enumerated() {
      let step = Operation(
        "work", .vector, work: .of { $0.alu = 64 * Double(1 << index) },
        signals: Array(repeating: barrier, count: arrivals))
      builder.actor(
        "actor \(index)", warps: 1,
        blocks: [Block(trips: .fixed(test.trips), stepsPerTrip: 1, operations: [step])])
    }
    builder.actor(
      "waiter", warps: 1,
      blocks: [
        Block(
          trips: .fixed(test.waits), stepsPerTrip: 1, operations: [Operation("wait", .sync, waits: [barrier])]
        )
      ])
    let kernel = try builder.build(
      items: ItemSpace(
        classes: [ItemClass(walk: .ascending(0..<1))],
        groups: [.init(count: 1, runs: [.init(itemClass: 0, count: 1)])]),
      policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 128, registersPerThread: 32, sharedBytes: 0), on: device)
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 1, headDim: 64)
    let simulation = KernelSimulation(kernel, shape, on: device, cacheBefore: .nothing)
    let lowered = LoweredKernel(
      kernel, on: device, conditions: simulation.conditions(at: device.clock.nominal))
    var core = CoreSimulation(
      lowered, queues: [[lowered.trips.map { $0.count([]) }]], detectsPeriods: detectsPeriods)
    return core.run()
  }

  @Test("Every phase is waited for and comes, or the simulation says who waits", arguments: cases)
  func phases(test: Case) throws {
    let outcome = try outcome(test, detectsPeriods: false)
    #expect(outcome.stuck.isEmpty == test.ends)
    let jumped = try self.outcome(test, detectsPeriods: true)
    #expect(jumped.stuck.isEmpty == test.ends)
    #expect(jumped.end == outcome.end)
  }

  @Test("A phase of equal shares is as late as the latest actor")
  func latest() throws {
    let both = try outcome(Self.cases[0], detectsPeriods: true)
    let slow = try outcome(
      Case(arrivals: 1, signallers: [0, 1], trips: 200, waits: 200), detectsPeriods: true)
    #expect(both.end == slow.end)
  }
}
