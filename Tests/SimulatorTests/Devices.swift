import HWModels
import InputFiles

/// The device files of the project.
enum Devices {
  static let library = DeviceLibrary.standard()
  static func named(_ id: String) throws -> Device { try library.device(id) }
  static let ids = ["h100-sxm5", "a100-sxm4-80"]
}
