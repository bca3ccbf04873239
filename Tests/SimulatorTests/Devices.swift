import Attention
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial

/// The device files of the project.
enum Devices {
  static let library = DeviceLibrary.standard()
  static func named(_ id: String) throws -> Device { try library.device(id) }
  static let ids = [
    "h100-sxm5", "a100-sxm4-80", "streaming-abstract", "streaming-dam", "zcu102", "alveo-u280", "alveo-u50",
    "fusemax-cloud", "flat-cloud",
  ]

  /// The first device that has the parts a schedule needs.
  static func running(_ schedule: String) throws -> Device {
    let shape = try AttentionShape(batch: 1, headsQ: 8, seqQ: 256, headDim: 128)
    for id in ids {
      let device = try named(id)
      if (try? Simulation.program(.init(schedule: schedule, shape: shape, device: device))) != nil {
        return device
      }
    }
    return try named(ids[0])
  }
}
