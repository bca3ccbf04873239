public import HWModels

/// One what-if change of a device: `dram.bandwidth=4.8 TB/s` or `vector.exp=x2`.
public struct DeviceOverride: Sendable {
  /// How the number changes.
  public enum Change: Sendable, Hashable {
    /// To an amount in the base unit.
    case amount(Double)
    /// To a multiple of what the file says.
    case factor(Double)
  }

  public let path: String
  /// The value as the user wrote it, for the record.
  public let text: String
  public let change: Change
  private let place: Place

  /// Where to point when the change does not fit a device.
  private struct Place: Sendable {
    var path: FileLocation
    var location: FileLocation
    var line: String?
  }

  /// Reads `path=value`.
  ///
  /// - Parameter option: what to call the argument in diagnostics.
  /// - Throws: `InputError` that points into the argument.
  public init(argument: String, option: String = "--set") throws(InputError) {
    let source = SourceText(name: option, text: argument)
    guard let equals = argument.firstIndex(of: "=") else {
      throw InputError(
        source.diagnostic(
          line: 1, column: 1, "'\(argument)' has no '='",
          hint: "for example dram.bandwidth=4.8 TB/s or vector.exp=x2"))
    }
    let path = String(argument[..<equals])
    let value = argument[argument.index(after: equals)...].drop { $0 == " " }
    let column =
      argument.unicodeScalars.distance(from: argument.unicodeScalars.startIndex, to: value.startIndex) + 1
    self = try DeviceOverride(
      path: path.trimmed(), text: String(value).trimmed(), source: source, line: argument,
      pathPosition: .start, valuePosition: Position(line: 1, column: column))
  }

  /// - Parameter line: the text that the positions point into, where there is no file to read it from later.
  init(
    path: String, text: String, source: SourceText, line: String?, pathPosition: Position,
    valuePosition: Position
  ) throws(InputError) {
    guard let field = DeviceField.at(path) else {
      throw InputError(
        source.diagnostic(
          line: pathPosition.line, column: pathPosition.column, "a device has no number '\(path)'",
          hint: DeviceOverride.hint(path)))
    }
    self.path = path
    self.text = text
    place = Place(
      path: FileLocation(file: source.name, line: pathPosition.line, column: pathPosition.column),
      location: FileLocation(file: source.name, line: valuePosition.line, column: valuePosition.column),
      line: line)
    do {
      change = try DeviceOverride.change(text, field: field)
    } catch {
      throw InputError(
        source.diagnostic(
          line: valuePosition.line, column: valuePosition.column + error.offset, error.message,
          hint: error.hint))
    }
  }

  private static func change(_ text: String, field: DeviceField) throws(QuantityText.Problem) -> Change {
    if let first = text.first, first == "x" || first == "X" {
      guard let factor = try? QuantityText.parse(String(text.dropFirst()), unit: .count), factor > 0,
        factor <= 1e6
      else {
        throw QuantityText.Problem(message: "'\(text)' is not a factor", hint: "for example x1.5")
      }
      return .factor(factor)
    }
    let amount = try QuantityText.parse(text, unit: field.unit)
    if let problem = field.problem(amount) {
      throw QuantityText.Problem(message: "'\(field.path)' cannot be \(text); it \(problem)")
    }
    return .amount(amount)
  }

  private static func hint(_ path: String) -> String? {
    let ending = DeviceField.all.map(\.path).filter { $0.hasSuffix(".\(path)") }
    if !ending.isEmpty { return "did you mean \(ending.joined(separator: " or "))?" }
    return NearestName.of(path, in: DeviceField.all.map(\.path)).map { "did you mean '\($0)'?" }
      ?? pathsBelow(path)
  }

  private static func pathsBelow(_ path: String) -> String? {
    let section = path.split(separator: ".").first.map(String.init) ?? path
    let below = DeviceField.all.map(\.path).filter { $0.hasPrefix("\(section).") }
    if !below.isEmpty { return "there are: \(below.joined(separator: ", "))" }
    return sections(of: DeviceField.all.map(\.path))
  }

  private static func sections(of paths: [String]) -> String {
    var sections: [String] = []
    for path in paths {
      let name = path.split(separator: ".").first.map(String.init) ?? path
      if !sections.contains(name) { sections.append(name) }
    }
    return "a path begins with \(sections.joined(separator: ", "))"
  }

  /// Changes `device`, and says so in its provenance. Combinations are judged after all changes, by `apply(_:to:)`.
  private func apply(to device: inout Device) throws(InputError) {
    if let field = DeviceField.at(path), !device.kind.has(field) {
      throw InputError(unknownKey(device))
    }
    guard let field = DeviceField.at(path), let old = field.value(on: device) else {
      let part = DeviceField.at(path)?.optionalPart ?? path
      throw InputError(diagnostic("\(device.id) has no \(part)"))
    }
    let value =
      switch change {
      case .amount(let amount): amount
      case .factor(let factor): old * factor
      }
    if let problem = field.problem(value) {
      let was = QuantityText.write(value, unit: field.unit, suffix: nil)
      throw InputError(diagnostic("'\(path)' would be \(was); it \(problem)"))
    }
    field.set(value, on: &device)
    device.provenance[path] = Provenance(kind: .assumed, source: "what-if", note: "set to \(text)")
  }

  /// Why no device among `devices` takes the change, or nil where the kind of one of them has the number.
  func problem(onAll devices: [Device]) -> Diagnostic? {
    guard let field = DeviceField.at(path), !devices.contains(where: { $0.kind.has(field) }) else {
      return nil
    }
    return devices.first.map(unknownKey)
  }

  /// A number that machines of another kind have, in the words for a device file that holds it.
  private func unknownKey(_ device: Device) -> Diagnostic {
    let known = DeviceField.all.filter { device.kind.has($0) }.map(\.path)
    return Diagnostic(
      at: place.path,
      message: "unknown key '\(path)': \(device.id) is a device of kind '\(device.kind.rawValue)'",
      sourceLine: place.line,
      hint: NearestName.of(path, in: known).map { "did you mean '\($0)'?" }
        ?? (known.count > 32 ? Self.sections(of: known) : "there are: \(known.joined(separator: ", "))"))
  }

  private func diagnostic(_ message: String, hint: String? = nil) -> Diagnostic {
    Diagnostic(at: place.location, message: message, sourceLine: place.line, hint: hint)
  }

  /// Makes the changes in order and judges the device that results.
  ///
  /// - Throws: `InputError` with every change that does not fit, or that makes the device impossible.
  public static func apply(_ overrides: [DeviceOverride], to device: inout Device) throws(InputError) {
    var found: [Diagnostic] = []
    for override in overrides {
      do { try override.apply(to: &device) } catch { found += error.diagnostics }
    }
    if found.isEmpty, let last = overrides.last {
      for problem in device.problems() {
        let blamed = overrides.last { $0.path == problem.path } ?? last
        found.append(blamed.diagnostic("\(problem.path): \(problem.message)", hint: problem.hint))
      }
    }
    if !found.isEmpty { throw InputError(found) }
  }
}

extension String {
  /// Without blanks at both ends.
  func trimmed() -> String {
    let start = drop { $0 == " " || $0 == "\t" }
    guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return String(start[...last])
  }
}
