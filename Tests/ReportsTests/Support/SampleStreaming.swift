import Attention
import Dataflow
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Spatial

extension Sample {
  /// A request that streaming schedules take: a machine of unit latencies, a shape without a mask.
  static func streaming(_ schedule: String, parameters: [String: String] = [:]) throws -> SimulationRequest {
    var device = Device(id: "sample-s", name: "Sample S", kind: .streaming)
    device.clock.maximum = Frequency(1e9)
    var machine = Device.Streaming()
    machine.nodes = Count(24)
    machine.bufferCapacity = Bytes(1e6)
    machine.interval = Cycles(1)
    machine.latency = Cycles(1)
    machine.exponentialLatency = Cycles(1)
    machine.channelLatency = Cycles(1)
    machine.creditLatency = Cycles(1)
    device.streaming = machine
    return SimulationRequest(
      schedule: schedule, parameters: .init(parameters),
      shape: try AttentionShape(batch: 1, headsQ: 3, seqQ: 24, headDim: 8), device: device)
  }

  /// A request that FPGA schedules take.
  static func fpga(_ schedule: String, parameters: [String: String] = [:]) throws -> SimulationRequest {
    var device = Device(id: "sample-f", name: "Sample F", kind: .fpga)
    device.clock.minimum = Frequency(1e8)
    device.clock.nominal = Frequency(2e8)
    device.clock.maximum = Frequency(3e8)
    device.provenance["clock.nominal"] = Provenance(kind: .assumed, source: "a sample")
    var board = Device.FPGA()
    board.dsp = Count(2000)
    board.dspWidthA = Count(27)
    board.dspWidthB = Count(18)
    board.bram = Count(500)
    board.uram = Count(100)
    board.ddrBandwidth = BytesPerSecond(2e10)
    device.fpga = board
    return SimulationRequest(
      schedule: schedule, parameters: .init(parameters),
      shape: try AttentionShape(batch: 2, headsQ: 2, seqQ: 21, headDim: 32), device: device)
  }
}
