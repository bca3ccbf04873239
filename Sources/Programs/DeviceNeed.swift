public import HWModels

/// What a kernel needs of a device.
public struct DeviceNeed: Sendable, CustomStringConvertible {
  /// As in `asyncTensor`: the part or number of a device file.
  public let part: String
  public let description: String
  /// Parameters with which it is needed; nil for all.
  public private(set) var when: Condition?
  private let find: @Sendable (Device) -> Problem?

  /// What a device has in place of what is needed.
  public struct Problem: Sendable {
    /// The part or number that is missing or another.
    var part: String
    /// What is there; nil where nothing is.
    var found: String?
  }

  public init(_ part: String, _ description: String, _ find: @escaping @Sendable (Device) -> Problem?) {
    self.part = part
    self.description = description
    self.find = find
  }

  /// Needed with some parameters only.
  public func when(_ condition: Condition) -> DeviceNeed {
    var need = self
    need.when = condition
    return need
  }

  public func isMet(by device: Device) -> Bool { find(device) == nil }
  func problem(on device: Device) -> Problem? { find(device) }
}

extension DeviceNeed {
  /// A part that is there or not.
  public static func part(
    _ name: String, _ description: String, _ isThere: @escaping @Sendable (Device) -> Bool
  )
    -> DeviceNeed
  {
    DeviceNeed(name, description) { isThere($0) ? nil : Problem(part: name) }
  }

  public static let copyEngine = part("copyEngine", "a copy engine") { $0.copyEngine != nil }

  /// Lanes of a warp: instruction counts are per warp of so many.
  public static func lanes(_ count: Int) -> DeviceNeed {
    DeviceNeed("cores.lanes", "warps of \(count) lanes") { device in
      let lanes = device.cores.lanes.value
      guard lanes != Double(count) else { return nil }
      return lanes > 0
        ? Problem(part: "cores.lanes: \(count)", found: "\(Int(lanes))") : Problem(part: "cores")
    }
  }

  /// Matrix instructions that block their warp.
  public static func synchronousProducts(family: String) -> DeviceNeed {
    DeviceNeed("tensor", "matrix instructions \(family)") { word("tensor.family", family, $0) }
  }

  /// Matrix instructions that run beside their warps, and where they accumulate.
  public static func asynchronousProducts(family: String, accumulators: String) -> DeviceNeed {
    DeviceNeed("asyncTensor", "matrix instructions \(family) with accumulators in \(accumulators)") {
      device in
      guard device.asyncTensor != nil else { return Problem(part: "asyncTensor") }
      return word("asyncTensor.family", family, device)
        ?? word("asyncTensor.accumulators", accumulators, device)
    }
  }

  private static func word(_ path: String, _ wanted: String, _ device: Device) -> Problem? {
    let found = device.words[path]?.value
    return found == wanted ? nil : Problem(part: "\(path): \(wanted)", found: found)
  }
}
