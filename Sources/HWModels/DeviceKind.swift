/// The families of machines. A kind says which numbers a device file must have.
public enum DeviceKind: String, CaseIterable, Sendable, Codable {
  case gpu
  /// Nodes joined by FIFOs.
  case streaming
  /// Configurable logic: multipliers, memories and a clock.
  case fpga
  /// A 2-D and a 1-D array of processing elements behind a global buffer.
  case spatial

  /// Whether a file of this kind has the number at `path`.
  public func has(_ field: DeviceField) -> Bool {
    let section = field.path.prefix { $0 != "." }
    switch self {
    case .gpu: return !["streaming", "fpga", "spatial"].contains(section)
    case .streaming: return field.path == "clock.maximum" || section == "streaming"
    case .spatial: return field.path == "clock.maximum" || section == "spatial"
    case .fpga:
      return ["clock.maximum", "clock.nominal", "clock.minimum"].contains(field.path) || section == "fpga"
    }
  }

  /// Whether a file of this kind may leave out the section that `field` stands in.
  public func isOptional(_ field: DeviceField) -> Bool { self == .gpu && field.optionalPart != nil }
}
