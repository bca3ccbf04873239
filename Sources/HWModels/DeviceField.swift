/// One number of a device file: its path, its unit, its rule and its place in `Device`.
///
/// The table `DeviceField.all` is the only list of what a device file may hold.
public struct DeviceField: Sendable {
  /// Dotted path in the file, e.g. `dram.bandwidth`.
  public let path: String
  public let unit: Unit
  /// What the number means, for the schema and for editors.
  public let summary: String
  /// The optional part it belongs to (`copyEngine`), or nil where every device has it.
  public let optionalPart: String?
  public let rule: Rule
  private let read: @Sendable (Device) -> Double?
  private let write: @Sendable (inout Device, Double) -> Void

  /// What values are possible.
  public enum Rule: Sendable, Hashable {
    case positive
    case nonNegative
    case fraction
    case positiveInteger
    case wholeNumber
    /// 0 or 1.
    case flag

    /// Whether only whole numbers are possible, so that there is no such thing as one per cent more.
    public var isWhole: Bool { self == .positiveInteger || self == .wholeNumber || self == .flag }

    /// Why `value` is impossible, or nil.
    public func problem(_ value: Double) -> String? {
      guard value.isFinite else { return "must be a finite number" }
      switch self {
      case .positive: return value > 0 ? nil : "must be greater than zero"
      case .nonNegative: return value >= 0 ? nil : "must not be negative"
      case .fraction: return (0...1).contains(value) ? nil : "must lie between 0 and 1"
      case .positiveInteger:
        return value >= 1 && value == value.rounded() && value < 1e12
          ? nil : "must be a whole number of at least 1"
      case .wholeNumber:
        return value >= 0 && value == value.rounded() && value < 1e12
          ? nil : "must be a whole number of at least 0"
      case .flag: return value == 0 || value == 1 ? nil : "must be 0 or 1"
      }
    }
  }

  /// Whether schedules may read the number: kernels are built for it. Of all others a program only knows whether their part
  /// is there, so that it is the same whatever they are.
  public var isBuiltFor: Bool {
    Self.builtFor.contains(path) || Self.builtFor.contains(String(path.prefix { $0 != "." }))
  }

  /// Parts and single numbers.
  private static let builtFor: Set = [
    "clock", "cores", "streaming", "fpga", "spatial", "shared.capacity", "shared.perWorkItem",
    "shared.reservedPerWorkItem",
  ]

  /// The value on `device`, or nil where the device lacks the optional part.
  public func value(on device: Device) -> Double? { read(device) }

  /// Sets the value; creates the optional part it belongs to.
  public func set(_ value: Double, on device: inout Device) { write(&device, value) }

  init<Kind: QuantityKind>(
    _ path: String, _ keyPath: any WritableKeyPath<Device, Quantity<Kind>> & Sendable, _ rule: Rule,
    _ summary: String
  ) {
    self.path = path
    self.unit = Kind.unit
    self.summary = summary
    self.optionalPart = nil
    self.rule = rule
    self.read = { $0[keyPath: keyPath].value }
    self.write = { $0[keyPath: keyPath].value = $1 }
  }

  init<Part: OptionalDevicePart, Kind: QuantityKind>(
    _ path: String, _ part: any WritableKeyPath<Device, Part?> & Sendable,
    _ keyPath: any WritableKeyPath<Part, Quantity<Kind>> & Sendable, _ rule: Rule, _ summary: String
  ) {
    self.path = path
    self.unit = Kind.unit
    self.summary = summary
    self.optionalPart = path.split(separator: ".").first.map(String.init)
    self.rule = rule
    self.read = { $0[keyPath: part]?[keyPath: keyPath].value }
    self.write = { device, value in
      if device[keyPath: part] == nil { device[keyPath: part] = Part() }
      device[keyPath: part]?[keyPath: keyPath].value = value
    }
  }

  /// The field at a dotted path.
  public static func at(_ path: String) -> DeviceField? { byPath[path] }

  private static let byPath = Dictionary(uniqueKeysWithValues: all.map { ($0.path, $0) })
}
