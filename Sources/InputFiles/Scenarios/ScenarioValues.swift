import Attention
import HWModels
import Programs
import Results
import Schedules

/// Reads the single values of a scenario; whatever is wrong goes to the file's diagnostics.
struct ScenarioValues {
  let file: FileReader
  /// The schedules that names refer to.
  let registry: ScheduleRegistry

  /// The keys of `shape:`.
  static let shapeNames = ShapeField.allCases.map(\.rawValue) + ["lengths", "dtype", "mask", "pass"]

  /// Adds a diagnostic that was made elsewhere for this file.
  func report(_ diagnostic: Diagnostic) {
    guard let location = diagnostic.location else { return }
    file.report(
      diagnostic.severity, at: Position(line: location.line, column: location.column), diagnostic.message,
      hint: diagnostic.hint)
  }

  /// One field of the shape.
  func shape(_ name: String, _ value: ValueReader) -> ScenarioSetting? {
    if let field = ShapeField(rawValue: name) { return extent(field, value).map { .extent(field, $0) } }
    switch name {
    case "dtype": return value.choice(DataType.self).map { .dataType($0) }
    case "lengths": return lengths(value).map { .lengths($0) }
    case "mask": return mask(value).map { .mask($0) }
    default: return value.choice(AttentionShape.Pass.self).map { .pass($0) }
    }
  }

  func extent(_ field: ShapeField, _ value: ValueReader) -> Int? {
    guard let number = value.integer() else { return nil }
    if let problem = field.problem(number) {
      value.report(problem)
      return nil
    }
    return number
  }

  /// `8k,4096,6x1024`, queries over keys, distributions, or a list of such entries.
  private func lengths(_ value: ValueReader) -> BatchLengths? {
    var words: [String] = []
    let items = value.items()
    for item in items {
      guard let text = item.text(expecting: "lengths such as '8k,4096,6x1024'") else { return nil }
      words.append(text)
    }
    do {
      return try BatchLengths(parsing: words.joined(separator: ","))
    } catch {
      // The entry of the file in which the place lies.
      var (index, offset) = (0, error.position)
      while index < words.count - 1, offset > words[index].count {
        offset -= words[index].count + 1
        index += 1
      }
      file.report(
        at: items.isEmpty ? value.mark : items[index].place(of: offset), error.description,
        hint: "for example 8k,4096,6x1024, or 32x1/4k,2048/2048, or lognormal:4k:sigma=0.8:n=64:seed=1")
      return nil
    }
  }

  /// Whether lengths, right or wrong, name queries.
  func saysQueries(_ value: ValueReader) -> Bool {
    value.items().contains { item in
      item.scalar.contains("/") || item.scalar.contains("q=")
    }
  }

  private func mask(_ value: ValueReader) -> Mask? {
    guard let text = value.text(expecting: "a mask such as 'causal'") else { return nil }
    let mask: Mask
    do throws(MaskSyntaxError) {
      mask = try Mask(parsing: text)
    } catch {
      let near = NearestName.of(text, in: ["none", "causal", "causal-tl"])
      // Marks count code points, and a mask is ASCII up to its first mistake.
      let place = value.place(of: near == nil ? error.position : 0)
      file.report(
        at: place, "'\(text)' is not a mask: \(error.reason)", hint: near.map { "did you mean '\($0)'?" })
      return nil
    }
    return readingBlockLists(of: mask, value)
  }

  /// Longest block list that is read: some ten million entries.
  private static let largestListBytes = 128 << 20

  /// Reads the block lists that the mask keeps in files. Paths in a scenario file are relative to its folder.
  private func readingBlockLists(of mask: Mask, _ value: ValueReader) -> Mask? {
    let folder = file.source.name.lastIndex(of: "/").map { String(file.source.name[...$0]) } ?? ""
    do {
      return try mask.movingBlockLists { $0.hasPrefix("/") ? $0 : folder + $0 }.readingBlockLists { path in
        try SourceText.load(path, limit: Self.largestListBytes).text
      }
    } catch let error as InputError {
      value.report("block list: \(error.diagnostics.first?.message ?? "the file cannot be read")")
    } catch let error as MaskSyntaxError {
      value.report("block list, character \(error.position + 1): \(error.reason)")
    } catch {
      value.report("block list: \(error)")
    }
    return nil
  }

  /// `sustained`, `burst`, `locked:1755 MHz` or `{ locked: 1755 MHz }`.
  func mode(_ value: ValueReader) -> ClockMode? {
    if value.isMap, var map = value.map(expecting: "a clock mode") {
      let clock = map.required("locked", hint: "for example { locked: 1755 MHz }")
      map.finish(known: ["locked"])
      guard let clock, let text = clock.text(expecting: "a clock such as 1755 MHz") else { return nil }
      do {
        return .locked(try ClockMode.lockedClock(text))
      } catch {
        file.report(at: clock.place(of: error.offset), error.message, hint: error.hint)
        return nil
      }
    }
    guard let text = value.text(expecting: "sustained, burst or locked:CLOCK") else { return nil }
    do {
      return try ClockMode.parse(text)
    } catch {
      file.report(at: value.place(of: error.offset), error.message, hint: error.hint)
      return nil
    }
  }

  /// `fa3` or `{ name: fa3, parameters: { build: cute } }`.
  func schedule(_ value: ValueReader) -> (name: String, parameters: [String: String])? {
    var nameValue: ValueReader? = value
    var parameters: [(name: String, value: String, key: Position, place: Position)] = []
    if value.isMap, var map = value.map(expecting: "a schedule") {
      nameValue = map.required("name", hint: "for example { name: fa3, parameters: { build: cute } }")
      if let list = map.optional("parameters")?.map(expecting: "parameters, such as 'build: cute'") {
        for entry in list.entries {
          guard let text = entry.value.text(expecting: "a value") else { continue }
          parameters.append((entry.key, text, entry.mark, entry.value.mark))
        }
      }
      map.finish(known: ["name", "parameters"])
    }
    guard let nameValue, let name = nameValue.text(expecting: "the name of a schedule") else { return nil }
    guard let type = registry[name] else {
      nameValue.report("unknown schedule '\(name)'", hint: NearestName.hint(name, in: registry.names))
      return nil
    }
    let byName = Dictionary(parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
    for parameter in parameters where !type.parameters.contains(where: { $0.name == parameter.name }) {
      file.report(
        at: parameter.key, "\(name) has no parameter '\(parameter.name)'",
        hint: NearestName.hint(parameter.name, in: type.parameters.map { $0.name }) ?? "it takes none")
    }
    for parameter in parameters where type.parameters.contains(where: { $0.name == parameter.name }) {
      do {
        _ = try type.init(parameters: ScheduleParameters([parameter.name: parameter.value]))
      } catch {
        file.report(at: parameter.place, "\(error)")
      }
    }
    return (name, byName)
  }

  /// A change of one number of the device, as under `set:` or on an axis.
  func override(path: String, at mark: Position, _ value: ValueReader) -> DeviceOverride? {
    let field = DeviceField.at(path)
    let example = field.map { QuantityText.example($0.unit) } ?? "an amount"
    guard let text = value.text(expecting: "\(example) or a factor such as x1.5") else { return nil }
    return override(path: path, at: mark, text: text, valueAt: value.place(of: 0))
  }

  func override(path: String, at mark: Position, text: String, valueAt: Position) -> DeviceOverride? {
    do {
      return try DeviceOverride(
        path: path, text: text, source: file.source, line: nil, pathPosition: mark, valuePosition: valueAt)
    } catch {
      for diagnostic in error.diagnostics { report(diagnostic) }
      return nil
    }
  }
}
