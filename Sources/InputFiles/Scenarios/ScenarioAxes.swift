import HWModels
import Programs
import Schedules

/// Reads `axes:`: names to lists of values or to ranges.
struct ScenarioAxes {
  let values: ScenarioValues

  private static let plainNames = ScenarioValues.shapeNames + ["schedule", "device", "mode"]
  private static let mostValues = 1_000_000

  /// The names that the axes vary, joint axes taken apart.
  static func names(_ value: ValueReader?) -> Set<String> {
    guard let value, value.isMap, let map = value.map(expecting: "axes") else { return [] }
    return Set(map.entries.flatMap { parts($0.key) })
  }

  static func parts(_ name: String) -> [String] {
    name.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed() }
  }

  /// One axis, or nil with diagnostics.
  func axis(_ entry: MapReader.Entry) -> Scenario.Axis? {
    let names = ScenarioAxes.parts(entry.key)
    for name in names where !isKnown(name, at: entry.mark) { return nil }
    if names.count > 1 { return jointAxis(entry, names: names) }
    if entry.value.isMap, names[0] != "schedule", names[0] != "mode" { return rangeAxis(entry) }
    let items = entry.value.items()
    guard check(items, at: entry.value) else { return nil }
    let settings = items.map { setting(names[0], $0, at: entry.mark) }
    guard !settings.contains(where: { $0 == nil }) else { return nil }
    return .init(
      name: entry.key,
      values: zip(items, settings).map { item, setting in
        .init(text: item.written, settings: setting.map { [$0] } ?? [])
      })
  }

  private func isKnown(_ name: String, at mark: Position) -> Bool {
    if ScenarioAxes.plainNames.contains(name) { return true }
    if let parameter = suffix(name, after: "schedule.") {
      if values.registry.all.contains(where: { $0.parameters.contains { $0.name == parameter } }) {
        return true
      }
      let known = Set(values.registry.all.flatMap { $0.parameters.map { $0.name } }).sorted()
      values.file.report(
        at: mark, "no schedule has a parameter '\(parameter)'", hint: NearestName.hint(parameter, in: known))
      return false
    }
    if let path = suffix(name, after: "device.") {
      if DeviceField.at(path) != nil { return true }
      let near = NearestName.of(path, in: DeviceField.all.map(\.path))
      values.file.report(
        at: mark, "a device has no number '\(path)'", hint: near.map { "did you mean 'device.\($0)'?" })
      return false
    }
    let known = ScenarioAxes.plainNames + DeviceField.all.map { "device.\($0.path)" }
    values.file.report(
      at: mark, "unknown axis '\(name)'",
      hint: NearestName.of(name, in: known).map { "did you mean '\($0)'?" }
        ?? "axes are \(ScenarioAxes.plainNames.joined(separator: ", ")), schedule.PARAMETER and device.PATH")
    return false
  }

  private func suffix(_ name: String, after prefix: String) -> String? {
    name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
  }

  private func setting(_ name: String, _ value: ValueReader, at mark: Position) -> ScenarioSetting? {
    if ScenarioValues.shapeNames.contains(name) { return values.shape(name, value) }
    if name == "schedule" { return values.schedule(value).map { .schedule($0.name, $0.parameters) } }
    if name == "mode" { return values.mode(value).map { .mode($0) } }
    if let parameter = suffix(name, after: "schedule.") {
      return value.text(expecting: "a value").map { .parameter(parameter, $0) }
    }
    if let path = suffix(name, after: "device.") {
      return values.override(path: path, at: mark, value).map { .override($0) }
    }
    value.report("'\(name)' cannot be varied together with others")
    return nil
  }

  private func check(_ items: [ValueReader], at value: ValueReader) -> Bool {
    if items.isEmpty { value.report("the axis has no values") }
    if items.count > ScenarioAxes.mostValues {
      value.report("the axis has more than \(ScenarioAxes.mostValues) values")
    }
    return !items.isEmpty && items.count <= ScenarioAxes.mostValues
  }

  /// `seq, batch: [[512, 32], [1024, 16]]`: several things that change together.
  private func jointAxis(_ entry: MapReader.Entry, names: [String]) -> Scenario.Axis? {
    guard entry.value.isList else {
      entry.value.report("a list of lists is due", hint: "for example [[512, 32], [1024, 16]]")
      return nil
    }
    let rows = entry.value.items()
    guard check(rows, at: entry.value) else { return nil }
    var result: [Scenario.Axis.Value] = []
    for row in rows {
      let items = row.items()
      guard row.isList, items.count == names.count else {
        row.report("\(names.count) values are due, one for each of \(names.joined(separator: ", "))")
        continue
      }
      let settings = zip(names, items).compactMap { setting($0, $1, at: entry.mark) }
      guard settings.count == names.count else { continue }
      result.append(.init(text: items.map(\.written).joined(separator: ", "), settings: settings))
    }
    return result.count == rows.count ? .init(name: entry.key, values: result) : nil
  }

  // MARK: Ranges

  /// `{ from: 1k, to: 16k, factor: 2 }` or `{ from: 1 TB/s, to: 4 TB/s, step: 0.5 TB/s }`.
  private func rangeAxis(_ entry: MapReader.Entry) -> Scenario.Axis? {
    guard var map = entry.value.map(expecting: "{ from, to, step } or { from, to, factor }") else {
      return nil
    }
    let from = map.required("from")
    let to = map.required("to")
    let step = map.optional("step")
    let factor = map.optional("factor")
    map.finish(known: ["from", "to", "step", "factor"])
    guard (step == nil) != (factor == nil) else {
      values.file.report(
        at: entry.mark, "a range has either a step or a factor", hint: "for example factor: 2")
      return nil
    }
    guard let from, let to else { return nil }
    if let field = ShapeField(rawValue: entry.key) {
      return wholeRange(entry, field, from: from, to: to, step: step, factor: factor)
    }
    if let path = suffix(entry.key, after: "device."), let field = DeviceField.at(path) {
      return amountRange(entry, field, from: from, to: to, step: step, factor: factor)
    }
    entry.value.report("'\(entry.key)' takes a list, not a range")
    return nil
  }

  private func wholeRange(
    _ entry: MapReader.Entry, _ field: ShapeField, from: ValueReader, to: ValueReader, step: ValueReader?,
    factor: ValueReader?
  ) -> Scenario.Axis? {
    guard let first = values.extent(field, from), let last = values.extent(field, to),
      let stride = (step ?? factor)?.integer()
    else { return nil }
    guard stride >= (step == nil ? 2 : 1) else {
      (step ?? factor)?.report("the range would never end", hint: step == nil ? "factor: 2" : "step: 1024")
      return nil
    }
    guard first <= last else {
      from.report("the range is empty: it begins above its end")
      return nil
    }
    if step != nil, (last - first) / stride >= ScenarioAxes.mostValues {
      entry.value.report("the axis has more than \(ScenarioAxes.mostValues) values")
      return nil
    }
    var numbers: [Int] = []
    var number = first
    while number <= last {
      numbers.append(number)
      number = step == nil ? number * stride : number + stride
    }
    return .init(
      name: entry.key, values: numbers.map { .init(text: String($0), settings: [.extent(field, $0)]) })
  }

  private func amountRange(
    _ entry: MapReader.Entry, _ field: DeviceField, from: ValueReader, to: ValueReader, step: ValueReader?,
    factor: ValueReader?
  ) -> Scenario.Axis? {
    guard let firstText = from.text(), let lastText = to.text() else { return nil }
    let isFactor = firstText.hasPrefix("x")
    let unit = isFactor ? Unit.count : field.unit
    guard isFactor == lastText.hasPrefix("x") else {
      to.report("both ends are amounts, or both are factors", hint: "for example from: x0.5, to: x2")
      return nil
    }
    func amount(_ value: ValueReader, _ text: String, as unit: Unit) -> Double? {
      do {
        return try QuantityText.parse(
          isFactor && text.hasPrefix("x") ? String(text.dropFirst()) : text, unit: unit)
      } catch {
        values.file.report(at: value.place(of: error.offset), error.message, hint: error.hint)
        return nil
      }
    }
    let strideValue = step ?? factor
    guard let first = amount(from, firstText, as: unit), let last = amount(to, lastText, as: unit),
      let strideValue, let strideText = strideValue.text(),
      let stride = amount(strideValue, strideText, as: step == nil ? .count : unit)
    else { return nil }
    guard first > 0, last >= first, step == nil ? stride > 1 : stride > 0 else {
      entry.value.report(
        "the range is empty or would never end", hint: "from is above 0, to is not below from")
      return nil
    }
    let suffix = QuantityText.suffix(of: firstText)
    // A hair of slack, so that 0.5, 0.6, ... 1.0 reaches its end in binary.
    let end = last * (1 + 1e-9)
    var settings: [Scenario.Axis.Value] = []
    var index = 0
    var value = first
    while value <= end {
      guard index < ScenarioAxes.mostValues else {
        entry.value.report("the axis has more than \(ScenarioAxes.mostValues) values")
        return nil
      }
      let written = QuantityText.write(value, unit: unit, suffix: isFactor ? "" : suffix)
      let text = isFactor ? "x\(written)" : written
      guard
        let change = values.override(path: field.path, at: entry.mark, text: text, valueAt: entry.value.mark)
      else { return nil }
      settings.append(.init(text: text, settings: [.override(change)]))
      index += 1
      value = step == nil ? value * stride : first + Double(index) * stride
    }
    return .init(name: entry.key, values: settings)
  }
}
