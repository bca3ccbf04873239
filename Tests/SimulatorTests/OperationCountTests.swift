import Attention
import AttnsimTestSupport
import HWModels
import InputFiles
import Interpreter
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// The event loop plays exactly the operations that the interpreter executes: one program, read twice.
@Suite struct OperationCountTests {
  @Test(
    "Timed and executed operations are the same multiset", arguments: ["fa2", "fa3", "cudnn"],
    RandomShapes.forward(12, seed: 31, largest: 700) + RandomShapes.backward(8, seed: 32, largest: 700))
  func sameOperations(schedule: String, shape: AttentionShape) throws {
    let device = try Devices.named("h100-sxm5")
    let request = SimulationRequest(schedule: schedule, shape: shape, device: device)
    // cuDNN's backward pass is modelled up to head dimension 128.
    guard schedule != "cudnn" || shape.pass == .forward || shape.headDim <= 128 else { return }
    let program = try Simulation.program(request)
    for kernel in program.kernels {
      let conditions = KernelSimulation(
        kernel, shape, on: device, cacheBefore: .sameCall
      ).conditions(at: device.clock.nominal)
      let lowered = LoweredKernel(kernel, on: device, conditions: conditions)
      let names = kernel.actors.flatMap { actor in
        actor.blocks.flatMap { $0.operations.map { OperationName(actor: actor.name, operation: $0.name) } }
      }
      var timed: [OperationName: Int] = [:]
      for (itemClass, count) in zip(kernel.items.classes, kernel.items.counts) where count > 0 {
        let trips = lowered.trips.map { $0.count(itemClass.values) }
        var core = CoreSimulation(
          lowered, queues: [[trips]], detectsPeriods: false, recorder: TraceRecorder(limit: .max))
        #expect(core.run().stuck.isEmpty)
        for entry in try #require(core.recorder).entries {
          timed[names[Int(lowered.sources[entry.operation])], default: 0] += count
        }
      }
      #expect(timed == kernel.operationCounts(), "\(schedule) \(shape)")
    }
  }
}
