import Attention
import HWModels
public import Programs
public import Schedules

/// Scenario files: one question, or the product of the axes it writes down.
public enum ScenarioFile {
  /// Reads a scenario and the device files it names.
  ///
  /// - Throws: `InputError` with everything wrong in the scenario, in file order; where the scenario is right and a
  ///   device file is not, with everything wrong in that.
  public static func load(
    _ path: String, devices library: DeviceLibrary, schedules: ScheduleRegistry = .standard
  ) throws(InputError) -> Scenario {
    try read(SourceText.load(path), devices: library, schedules: schedules)
  }

  /// Reads the text of a scenario.
  ///
  /// - Throws: as `load(_:devices:)`.
  public static func read(
    _ source: SourceText, devices library: DeviceLibrary, schedules: ScheduleRegistry = .standard
  ) throws(InputError) -> Scenario {
    let file = FileReader(source)
    var reading = ScenarioReading(file: file, library: library, registry: schedules)
    let scenario = reading.scenario()
    guard let scenario, !file.hasErrors, reading.deviceErrors.isEmpty else {
      throw InputError(file.diagnostics + reading.deviceErrors)
    }
    return scenario
  }

  /// Whether a mapping with these keys is a scenario and not a device.
  static let keys = ["name", "description", "device", "schedule", "shape", "mode", "set", "axes"]
}

/// One pass over a scenario file.
struct ScenarioReading {
  let file: FileReader
  let library: DeviceLibrary
  let registry: ScheduleRegistry
  /// What is wrong in the device files themselves.
  private(set) var deviceErrors: [Diagnostic] = []
  private var devices: [Device] = []
  private var base = ScenarioChoice()
  private var overrides: [DeviceOverride] = []
  /// Where each field of the shape stands.
  private var places: [String: Position] = [:]
  private var values: ScenarioValues

  init(file: FileReader, library: DeviceLibrary, registry: ScheduleRegistry) {
    self.file = file
    self.library = library
    self.registry = registry
    values = ScenarioValues(file: file, registry: registry)
  }

  mutating func scenario() -> Scenario? {
    guard var root = file.rootMapping(expecting: "a scenario") else { return nil }
    let name = root.optional("name")?.text(expecting: "a name") ?? stem(file.source.name)
    let description = root.optional("description")?.text(expecting: "a sentence")
    let axesValue = root.optional("axes")
    let varied = ScenarioAxes.names(axesValue)
    var axes = readDevices(root.optional("device"), varied: varied, root: root)
    readSchedule(root.optional("schedule"), varied: varied, root: root)
    readShape(root.optional("shape"), varied: varied, root: root)
    if let mode = root.optional("mode") { base.mode = values.mode(mode) ?? base.mode }
    readOverrides(root.optional("set"))
    if let axesValue { axes += readAxes(axesValue) }
    root.finish(known: ScenarioFile.keys)
    applyOverrides()
    checkCount(axes, at: axesValue)
    let scenario = Scenario(
      name: name, description: description, base: base, axes: file.hasErrors ? [] : axes, devices: devices,
      overrides: overrides, registry: registry)
    checkPoints(scenario, varied: varied)
    return scenario
  }

  private func stem(_ path: String) -> String {
    let last = path.split(separator: "/").last.map(String.init) ?? path
    return last.hasSuffix(".yaml") ? String(last.dropLast(5)) : last
  }

  // MARK: Devices

  /// Reads `device:`; a list of several is an axis of its own, the slowest one.
  private mutating func readDevices(_ value: ValueReader?, varied: Set<String>, root: MapReader) -> [Scenario
    .Axis]
  {
    guard let value else {
      if !varied.contains("device") {
        file.report(at: root.mark, "missing key 'device'", hint: "for example device: h100-sxm5")
      }
      return []
    }
    if varied.contains("device") {
      file.report(at: value.keyMark, "'device' is set here and is an axis too", hint: "remove one of them")
    }
    let indices = value.items().compactMap { item in readDevice(item) }
    guard value.isList else { return [] }
    if value.items().isEmpty { value.report("the list of devices is empty") }
    return [
      Scenario.Axis(
        name: "device",
        values: indices.map { .init(text: devices[$0].id, settings: [.device($0)]) })
    ]
  }

  /// Loads a device once; its number, or nil with diagnostics.
  private mutating func readDevice(_ item: ValueReader) -> Int? {
    guard let id = item.text(expecting: "the id of a device") else { return nil }
    if let known = devices.firstIndex(where: { $0.id == id }) { return known }
    guard let path = library.path(of: id) else {
      item.report("unknown device '\(id)'", hint: library.unknownHint(id))
      return nil
    }
    do {
      devices.append(try DeviceFile.load(path))
      return devices.count - 1
    } catch {
      deviceErrors += error.diagnostics
      return nil
    }
  }

  // MARK: Schedule

  private mutating func readSchedule(_ value: ValueReader?, varied: Set<String>, root: MapReader) {
    guard let value else {
      if !varied.contains("schedule") {
        let names = registry.names.joined(separator: ", ")
        file.report(at: root.mark, "missing key 'schedule'", hint: "one of \(names)")
      }
      return
    }
    if varied.contains("schedule") {
      file.report(at: value.keyMark, "'schedule' is set here and is an axis too", hint: "remove one of them")
    }
    if let (name, parameters) = values.schedule(value) { base.set(.schedule(name, parameters)) }
  }

  // MARK: Shape

  private mutating func readShape(_ value: ValueReader?, varied: Set<String>, root: MapReader) {
    var needed = ShapeField.allCases.filter { !$0.hasDefault && !varied.contains($0.rawValue) }.map(
      \.rawValue)
    if varied.contains("lengths") { needed.removeAll { $0 == "batch" || $0 == "seq" } }
    guard let value else {
      if !needed.isEmpty {
        file.report(at: root.mark, "missing key 'shape'", hint: "it holds \(needed.joined(separator: ", "))")
      }
      return
    }
    guard var map = value.map(expecting: "the shape of an attention call") else { return }
    // Lengths say how many sequences there are, and perhaps their queries.
    if let lengths = map.entries.first(where: { $0.key == "lengths" })?.value {
      let saysQueries = ScenarioValues(file: FileReader(file.source), registry: registry).saysQueries(lengths)
      needed.removeAll { $0 == "batch" || ($0 == "seq" && saysQueries) }
    }
    for name in ScenarioValues.shapeNames {
      let isNeeded = needed.contains(name)
      let hint = ShapeField(rawValue: name)?.summary
      guard let field = isNeeded ? map.required(name, hint: hint) : map.optional(name) else { continue }
      places[name] = field.mark
      if varied.contains(name) {
        file.report(at: field.keyMark, "'\(name)' is set here and is an axis too", hint: "remove one of them")
      }
      if let setting = values.shape(name, field) { base.set(setting) }
    }
    map.finish(known: ScenarioValues.shapeNames)
  }

  // MARK: Changes of the device

  private mutating func readOverrides(_ value: ValueReader?) {
    guard let value, let map = value.map(expecting: "device numbers, such as 'dram.bandwidth: 4.8 TB/s'")
    else { return }
    for entry in map.entries {
      guard let change = values.override(path: entry.key, at: entry.mark, entry.value) else { continue }
      overrides.append(change)
    }
  }

  private mutating func applyOverrides() {
    guard !overrides.isEmpty else { return }
    for index in devices.indices {
      do {
        try DeviceOverride.apply(overrides, to: &devices[index])
      } catch {
        for diagnostic in error.diagnostics { values.report(diagnostic) }
      }
    }
  }

  // MARK: Axes

  private mutating func readAxes(_ value: ValueReader) -> [Scenario.Axis] {
    guard let map = value.map(expecting: "axes, such as 'seq: [1k, 2k, 4k]'") else { return [] }
    if map.entries.isEmpty { value.report("there is no axis here") }
    var axes: [Scenario.Axis] = []
    for entry in map.entries {
      if entry.key == "device" {
        let indices = entry.value.items().compactMap { item in readDevice(item) }
        axes.append(
          .init(name: "device", values: indices.map { .init(text: devices[$0].id, settings: [.device($0)]) }))
      } else if let axis = ScenarioAxes(values: values).axis(entry) {
        axes.append(axis)
      }
    }
    return axes
  }

  private func checkCount(_ axes: [Scenario.Axis], at value: ValueReader?) {
    let most = 1_000_000_000
    var count = 1
    for axis in axes where !axis.values.isEmpty {
      let (product, overflow) = count.multipliedReportingOverflow(by: axis.values.count)
      guard !overflow, product <= most else {
        file.report(
          at: value?.keyMark ?? .start, "the axes make more than \(most) points", hint: "split the scenario")
        return
      }
      count = product
    }
  }

  /// Judges the base point, so that what is wrong with it has a place. Points of axes are judged when they are asked.
  private func checkPoints(_ scenario: Scenario, varied: Set<String>) {
    guard !file.hasErrors, deviceErrors.isEmpty, !devices.isEmpty else { return }
    for problem in Scenario.foreignChanges(on: scenario.axes, of: devices) { values.report(problem) }
    guard !file.hasErrors else { return }
    let shapeIsVaried = ScenarioValues.shapeNames.contains { varied.contains($0) }
    do {
      _ = try Scenario.request(base, devices: devices, overrides: overrides, registry: registry)
    } catch {
      if shapeIsVaried, !error.others.isEmpty { return }
      for problem in error.others {
        file.report(at: places[problem.field] ?? places["seq"] ?? .start, problem.message)
      }
      if error.others.isEmpty { file.report(at: .start, error.message) }
    }
  }
}
