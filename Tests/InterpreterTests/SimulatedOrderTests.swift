import Attention
import Dataflow
import HWModels
import InputFiles
import Interpreter
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

@Suite("The simulated order computes attention")
struct SimulatedOrderTests {
  /// Schedules whose programs are kernels; graphs and arrays have no steps of warps to follow.
  static let kernels = ScheduleRegistry.standard.names.filter { name in
    // These take the shapes of one model only.
    if name.hasPrefix("ubimoe") { return false }
    let shape = try? AttentionShape(batch: 1, headsQ: 1, seqQ: 128, headDim: 64)
    guard let shape, let schedule = try? ScheduleRegistry.standard[name]?.init(parameters: .init()),
      let program = try? schedule.program(for: shape, on: .roomy)
    else { return true }
    return !program.kernels.isEmpty
  }

  @Test("step by step as the simulator timed it", arguments: kernels)
  func simulated(name: String) throws {
    var device = try DeviceLibrary.standard().device("h100-sxm5")
    // One core takes every work item, so that its trace is the whole order.
    device.cores.count = Count(1)
    let schedule = try #require(ScheduleRegistry.standard[name]).init(parameters: ScheduleParameters())
    var shapes: [AttentionShape] = []
    for pass in AttentionShape.Pass.allCases {
      for length in [256, 1000] {
        let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 128, seqKV: length, headDim: 64, pass: pass)
        if (try? schedule.program(for: shape, on: device)) != nil { shapes.append(shape) }
      }
    }
    // Some take self attention only, some few queries.
    for (queries, keys) in [(384, 384), (1, 384)] where shapes.isEmpty {
      let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: queries, seqKV: keys, headDim: 64)
        .fitted(to: type(of: schedule).geometry)
      if (try? schedule.program(for: shape, on: device)) != nil { shapes.append(shape) }
    }
    let report = Verification.run(schedule: schedule, device: device, shapes: shapes, orders: 0) { program in
      let request = SimulationRequest(schedule: name, shape: program.shape, device: device)
      let events = (try? Simulation.trace(request)) ?? []
      return events.map {
        TimedStep(slot: $0.slot, actor: $0.actor, operation: $0.operation, start: $0.start, end: $0.end)
      }
    }
    #expect(report.passed, "\(report)")
    for one in report.cases {
      #expect(one.simulatedSteps > 0)
      #expect(one.simulatedStepsFollowed == one.simulatedSteps, "\(report)")
    }
  }
}
