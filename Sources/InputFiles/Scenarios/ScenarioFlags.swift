import Attention
import HWModels
public import Programs
import Results
public import Schedules
import Yams

/// A question asked on the command line: every flag as written, alone or on top of a scenario file.
public struct ScenarioFlags: Sendable {
  /// `--device`: an id or a path.
  public var device: String?
  public var schedule: String?
  /// `--param name=value`, in order.
  public var parameters: [String] = []
  /// Fields of the shape by their names in scenario files: `heads`, `mask`.
  public var shape: [String: String] = [:]
  public var mode: String?
  /// `--clock`: the clock of a locked run.
  public var clock: String?
  /// `--set path=value`, in order.
  public var set: [String] = []

  public init() {}

  /// Whether nothing but changes of the device is asked.
  public var isEmpty: Bool {
    device == nil && schedule == nil && parameters.isEmpty && shape.isEmpty && mode == nil && clock == nil
  }

  /// The scenario that the flags ask, over `base` where there is one. A flag wins over what the file says; a flag for
  /// something that an axis varies fixes it, and the axis goes.
  ///
  /// - Throws: `InputError` with everything wrong in the flags, each pointing into its argument.
  public func scenario(
    over base: Scenario?, devices library: DeviceLibrary, schedules: ScheduleRegistry = .standard
  ) throws(InputError) -> Scenario {
    var reading = FlagReading(library: library, base: base, registry: base?.registry ?? schedules)
    return try reading.scenario(self)
  }
}

/// One pass over the flags.
private struct FlagReading {
  let library: DeviceLibrary
  let base: Scenario?
  let registry: ScheduleRegistry
  private var choice: ScenarioChoice
  private var axes: [Scenario.Axis]
  private var devices: [Device]
  private var found: [Diagnostic] = []

  init(library: DeviceLibrary, base: Scenario?, registry: ScheduleRegistry) {
    self.registry = registry
    self.library = library
    self.base = base
    choice = base?.base ?? ScenarioChoice()
    axes = base?.axes ?? []
    devices = base?.devices ?? []
  }

  mutating func scenario(_ flags: ScenarioFlags) throws(InputError) -> Scenario {
    readSchedule(flags)
    for name in ScenarioValues.shapeNames {
      guard let text = flags.shape[name] else { continue }
      drop(axis: name)
      if let setting = read("--\(name)", text, { $0.shape(name, $1) }) { choice.set(setting) }
    }
    readMode(flags)
    let overrides = readOverrides(flags)
    readDevice(flags, overrides: overrides)
    if found.isEmpty { reportMissing() }
    guard found.isEmpty else { throw InputError(found) }
    let scenario = Scenario(
      name: base?.name ?? "command line", description: base?.description, base: choice, axes: axes,
      devices: devices,
      overrides: (base?.overrides ?? []) + overrides, registry: registry)
    if scenario.count == 1 { try check(scenario) }
    return scenario
  }

  /// Reads one flag with the reader of scenario files, its value standing for a file.
  private mutating func read<Value>(
    _ flag: String, _ text: String, _ body: (ScenarioValues, ValueReader) -> Value?
  ) -> Value? {
    let file = FileReader(SourceText(name: flag, text: text))
    let name = String(flag.drop { $0 == "-" })
    let value = ValueReader(
      node: .scalar(.init(text)), mark: .start, file: file, name: name, keyMark: .start)
    let result = body(ScenarioValues(file: file, registry: registry), value)
    found += file.diagnostics
    return result
  }

  private mutating func drop(axis name: String) {
    axes.removeAll { $0.name == name }
  }

  private mutating func readSchedule(_ flags: ScenarioFlags) {
    if let text = flags.schedule {
      drop(axis: "schedule")
      if let (name, parameters) = read("--schedule", text, { $0.schedule($1) }) {
        choice.set(.schedule(name, name == choice.schedule ? choice.parameters : parameters))
      }
    }
    guard let type = registry[choice.schedule] else { return }
    for text in flags.parameters {
      let source = SourceText(name: "--param", text: text)
      guard let equals = text.firstIndex(of: "=") else {
        found.append(
          source.diagnostic(line: 1, column: 1, "'\(text)' has no '='", hint: "for example build=cute"))
        continue
      }
      let name = String(text[..<equals]).trimmed()
      let value = String(text[text.index(after: equals)...]).trimmed()
      drop(axis: "schedule.\(name)")
      guard type.parameters.contains(where: { $0.name == name }) else {
        let hint = NearestName.hint(name, in: type.parameters.map { $0.name }) ?? "it takes none"
        found.append(
          source.diagnostic(line: 1, column: 1, "\(choice.schedule) has no parameter '\(name)'", hint: hint))
        continue
      }
      do {
        _ = try type.init(parameters: ScheduleParameters([name: value]))
        choice.set(.parameter(name, value))
      } catch {
        let column = text.unicodeScalars.distance(from: text.startIndex, to: equals) + 2
        found.append(source.diagnostic(line: 1, column: column, "\(error)"))
      }
    }
  }

  private mutating func readMode(_ flags: ScenarioFlags) {
    if let text = flags.mode {
      drop(axis: "mode")
      if let mode = read("--mode", text, { $0.mode($1) }) { choice.mode = mode }
    }
    guard let text = flags.clock else { return }
    drop(axis: "mode")
    if let mode = flags.mode, !mode.hasPrefix("locked") {
      found.append(Diagnostic(file: "--clock", message: "a given clock goes with --mode locked, not \(mode)"))
    }
    let clock = read("--clock", text) { values, value -> Frequency? in
      do throws(QuantityText.Problem) {
        return try ClockMode.lockedClock(text)
      } catch {
        values.file.report(at: value.place(of: error.offset), error.message, hint: error.hint)
        return nil
      }
    }
    if let clock { choice.mode = .locked(clock) }
  }

  private mutating func readOverrides(_ flags: ScenarioFlags) -> [DeviceOverride] {
    var overrides: [DeviceOverride] = []
    for text in flags.set {
      do { overrides.append(try DeviceOverride(argument: text)) } catch { found += error.diagnostics }
    }
    return overrides
  }

  /// Loads the device where one is named, and makes the changes on every device that the points use.
  private mutating func readDevice(_ flags: ScenarioFlags, overrides: [DeviceOverride]) {
    if let id = flags.device {
      drop(axis: "device")
      do {
        var device = try library.device(id)
        if let base { try DeviceOverride.apply(base.overrides, to: &device) }
        devices = [device]
        choice.device = 0
        found += Scenario.foreignChanges(on: axes, of: devices)
      } catch {
        found += error.diagnostics
      }
    }
    for index in devices.indices {
      do { try DeviceOverride.apply(overrides, to: &devices[index]) } catch { found += error.diagnostics }
    }
  }

  private mutating func reportMissing() {
    func varies(_ name: String) -> Bool { axes.contains { ScenarioAxes.parts($0.name).contains(name) } }
    var missing: [String] = []
    if devices.isEmpty { missing.append("--device") }
    if choice.schedule.isEmpty, !varies("schedule") { missing.append("--schedule") }
    for field in ShapeField.allCases
    where !field.hasDefault && choice.extents[field] == nil && !varies(field.rawValue) {
      // Lengths say how many sequences there are, and perhaps their queries.
      if field == .batch, choice.lengths != nil || varies("lengths") { continue }
      if field == .seq, choice.lengths?.queries != nil || varies("lengths") { continue }
      missing.append("--\(field.rawValue)")
    }
    if !missing.isEmpty {
      let hint = "or name a scenario file, such as scenarios/fa3-h100.yaml"
      found.append(Diagnostic(file: nil, message: "missing \(missing.joined(separator: ", "))", hint: hint))
    }
  }

  private func check(_ scenario: Scenario) throws(InputError) {
    do {
      _ = try scenario.request(0)
    } catch {
      throw InputError(Diagnostic(file: error.field.map { "--\($0)" }, message: error.message))
    }
  }
}
