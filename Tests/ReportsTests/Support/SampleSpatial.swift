import Attention
import Dataflow
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Spatial

extension Sample {
  /// A request that spatial schedules take: arrays of 8 x 8 and 8 elements, energies of one picojoule.
  static func spatial(_ schedule: String, parameters: [String: String] = [:]) throws -> SimulationRequest {
    var device = Device(id: "sample-a", name: "Sample A", kind: .spatial)
    device.clock.maximum = Frequency(1e9)
    var machine = Device.Spatial()
    machine.rows = Count(8)
    machine.columns = Count(8)
    machine.lanes = Count(8)
    machine.bufferCapacity = Bytes(16_384)
    machine.dramBandwidth = BytesPerSecond(1e10)
    machine.exponentialCycles = Cycles(6)
    machine.gridVector = Count(1)
    machine.macEnergy = Energy(1e-12)
    machine.addEnergy = Energy(1e-12)
    machine.divideEnergy = Energy(1e-12)
    machine.gridRegisterEnergy = Energy(1e-12)
    machine.lineRegisterEnergy = Energy(1e-12)
    machine.bufferByte = Energy(1e-12)
    machine.dramByte = Energy(1e-12)
    machine.areaSquareMillimetres = Count(2.5)
    device.spatial = machine
    return SimulationRequest(
      schedule: schedule, parameters: .init(parameters),
      shape: try AttentionShape(batch: 1, headsQ: 2, seqQ: 64, headDim: 8), device: device)
  }
}
