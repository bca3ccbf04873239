public import HWModels

/// Device files: `hardware/<id>.yaml` into a `Device`.
///
/// `DeviceField.all` says which numbers there are, so the reader knows no field by name. Each number stands at its
/// dotted path as `{ value: 3.35 TB/s, kind: quoted, source: "...", note: "..." }`.
public enum DeviceFile {
  /// Reads and checks a device file.
  ///
  /// - Throws: `InputError` with everything wrong in the file, in file order.
  public static func load(_ path: String) throws(InputError) -> Device {
    try read(SourceText.load(path))
  }

  /// What a device is read for.
  public enum Purpose: Sendable {
    case prediction
    /// Fitted numbers need no fit yet, and are above zero to start from: a fit moves them by factors.
    case fitting
  }

  /// Reads and checks the text of a device file.
  ///
  /// - Throws: `InputError` with everything wrong in it, in file order.
  public static func read(
    _ source: SourceText, purpose: Purpose = .prediction
  ) throws(InputError) -> Device {
    let file = FileReader(source)
    var reading = DeviceReading(file: file, purpose: purpose)
    let device = reading.device()
    guard let device, !file.hasErrors else { throw InputError(file.diagnostics) }
    return device
  }
}

/// One pass over a device file.
struct DeviceReading {
  let file: FileReader
  /// Where each number stands.
  private(set) var leaves: [String: DeviceLeaf] = [:]
  /// Fields whose number could not be read.
  private var unreadable: [DeviceField] = []

  private let purpose: DeviceFile.Purpose

  init(file: FileReader, purpose: DeviceFile.Purpose = .prediction) {
    self.file = file
    self.purpose = purpose
  }

  /// The device, or nil where it has no identity. Anything wrong is in `file.diagnostics`.
  mutating func device() -> Device? {
    guard var root = file.rootMapping(expecting: "a device") else { return nil }
    let id = root.required("id", hint: "the name of the file without .yaml")
    let idText = id?.text(expecting: "the device's id")
    if let id, let idText { checkID(idText, at: id) }
    let name = root.required("name", hint: "the name people use")?.text(expecting: "the device's name")
    let kind = root.required(
      "kind", hint: "one of \(DeviceKind.allCases.map(\.rawValue).joined(separator: ", "))")?
      .choice(DeviceKind.self)
    var device = Device(id: idText ?? "unknown", name: name ?? "unknown", kind: kind ?? .gpu)
    let tree = DeviceFieldTree.all
    read(tree, in: &root, into: &device)
    let sections = tree.children.filter { $0.fields.contains { device.kind.has($0) } }
    root.finish(known: ["id", "name", "kind"] + sections.map(\.name))
    reportCombinations(device)
    return device
  }

  private func checkID(_ id: String, at value: ValueReader) {
    let allowed = id.unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("0"..."9").contains($0) || "-._".unicodeScalars.contains($0)
    }
    if !allowed { value.report("the id '\(id)' has letters other than a-z, 0-9, '-', '.' and '_'") }
    let path = file.source.name
    guard path.hasSuffix(".yaml") else { return }
    let stem = String((path.split(separator: "/").last ?? "").dropLast(5))
    if stem != id {
      value.report(
        "the id '\(id)' differs from the name of its file, '\(stem).yaml'", hint: "both are the same")
    }
  }

  private mutating func read(_ tree: DeviceFieldTree, in map: inout MapReader, into device: inout Device) {
    for child in tree.children where child.fields.contains(where: { device.kind.has($0) }) {
      if let field = child.field {
        let hint =
          "\(field.summary), for example { value: \(QuantityText.example(field.unit)), kind: ..., source: ... }"
        guard let value = map.required(child.name, hint: hint) else {
          unreadable.append(field)
          continue
        }
        readLeaf(field, value, into: &device)
      } else if let part = child.optionalPart, device.kind.isOptional(child.fields[0]) {
        if let value = map.optional(child.name) {
          readSection(child, value, into: &device, what: "the part '\(part)'")
        }
      } else if let value = map.required(
        child.name,
        hint: "it holds "
          + child.children.filter { $0.fields.contains { device.kind.has($0) } }.map(\.name).joined(
            separator: ", "))
      {
        readSection(child, value, into: &device, what: "the section '\(child.name)'")
      } else {
        unreadable += child.fields
      }
    }
  }

  private mutating func readSection(
    _ tree: DeviceFieldTree, _ value: ValueReader, into device: inout Device, what: String
  ) {
    guard var map = value.map(expecting: what) else {
      unreadable += tree.fields
      return
    }
    read(tree, in: &map, into: &device)
    let words = DeviceWord.fields.filter { $0.section == tree.name }
    for word in words { readWord(word, in: &map, into: &device) }
    let kind = device.kind
    map.finish(
      known: tree.children.filter { $0.fields.contains { kind.has($0) } }.map(\.name) + words.map(\.name))
  }

  private func readWord(_ word: DeviceWord.Field, in map: inout MapReader, into device: inout Device) {
    let example = "{ value: \(word.example), kind: quoted, source: \"...\" }"
    guard let reader = map.required(word.name, hint: "\(word.summary), for example \(example)"),
      var entry = reader.map(expecting: "a name with its source")
    else { return }
    let text = entry.required("value", hint: "\(word.summary), for example \(word.example)")?.text(
      expecting: "a name such as \(word.example)")
    let provenance = DeviceLeaf.provenance(&entry, purpose)
    entry.finish(known: ["value", "kind", "source", "note", "fit"])
    if let text, let provenance { device.words[word.path] = DeviceWord(text, provenance: provenance) }
  }

  private mutating func readLeaf(_ field: DeviceField, _ value: ValueReader, into device: inout Device) {
    let leaf = DeviceLeaf(field: field, value: value, purpose: purpose)
    leaves[field.path] = leaf
    if purpose == .fitting, leaf.provenance?.kind == .fitted, let number = leaf.number, number <= 0 {
      file.report(
        at: leaf.place, "'\(field.path)' is fitted and starts at 0, which no factor moves",
        hint: "give the value that it may have, for example \(QuantityText.example(field.unit))")
    }
    if let number = leaf.number { field.set(number, on: &device) } else { unreadable.append(field) }
    if let provenance = leaf.provenance { device.provenance[field.path] = provenance }
  }

  /// Judges the numbers together. A number that could not be read is tried at both ends of what is possible: what is
  /// wrong either way is wrong whatever it will be.
  private func reportCombinations(_ device: Device) {
    var low = device
    var high = device
    for field in unreadable where field.optionalPart == nil {
      field.set(0, on: &low)
      field.set(1e15, on: &high)
    }
    let alsoHigh = Set(high.problems().map(\.path))
    let unread = Set(unreadable.map(\.path))
    for problem in low.problems() where alsoHigh.contains(problem.path) && !unread.contains(problem.path) {
      guard let leaf = leaves[problem.path], !file.hasError(at: leaf.place) else { continue }
      file.report(at: leaf.place, problem.message, hint: problem.hint)
    }
  }
}

/// One number of a device file, as written.
struct DeviceLeaf {
  let mark: Position
  /// Where the amount itself stands, or the number as a whole where it has none.
  let place: Position
  let isMap: Bool
  let valueText: String?
  let number: Double?
  let provenance: Provenance?

  /// Reads `{ value, kind, source, note, fit }`; whatever is wrong goes to the file's diagnostics.
  init(field: DeviceField, value reader: ValueReader, purpose: DeviceFile.Purpose) {
    mark = reader.mark
    isMap = reader.isMap
    guard reader.isMap, var map = reader.map(expecting: "a number with its source") else {
      let example = "{ value: \(QuantityText.example(field.unit)), kind: quoted, source: \"...\" }"
      reader.report("'\(field.path)' needs its value, kind and source", hint: "for example \(example)")
      (place, valueText, number, provenance) = (reader.mark, nil, nil, nil)
      return
    }
    let value = map.required(
      "value", hint: "\(field.summary), for example \(QuantityText.example(field.unit))")
    place = value?.mark ?? reader.mark
    valueText = value?.text(expecting: "an amount such as \(QuantityText.example(field.unit))")
    if let value, let valueText {
      number = DeviceLeaf.amount(valueText, field: field, at: value)
    } else {
      number = nil
    }
    provenance = DeviceLeaf.provenance(&map, purpose)
    map.finish(known: ["value", "kind", "source", "note", "fit"])
  }

  /// Reads an amount in the field's unit; nil with a diagnostic where it is none, or breaks the field's rule.
  private static func amount(_ text: String, field: DeviceField, at value: ValueReader) -> Double? {
    do {
      let number = try QuantityText.parse(text, unit: field.unit)
      guard let problem = field.problem(number) else { return number }
      value.report("'\(field.path)' is \(text); it \(problem)")
      return nil
    } catch {
      value.file.report(at: value.place(of: error.offset), error.message, hint: error.hint)
      return nil
    }
  }

  fileprivate static func provenance(_ map: inout MapReader, _ purpose: DeviceFile.Purpose) -> Provenance? {
    let kinds = ProvenanceKind.allCases.map(\.rawValue).joined(separator: ", ")
    let kindValue = map.required("kind", hint: "one of \(kinds)")
    let kind = kindValue?.choice(ProvenanceKind.self)
    let source = map.required("source", hint: "who says so")?.text(expecting: "a source")
    let note = map.optional("note")?.text(expecting: "a note")
    let fit = map.optional("fit")
    guard let kind, let source else { return nil }
    if kind == .derived, note == nil {
      map.file.report(
        at: map.mark, "'\(map.name ?? "")' is derived and has no note", hint: "the note gives the formula")
    }
    var provenance = Provenance(kind: kind, source: source, note: note)
    if kind == .fitted {
      if let fit {
        provenance.fit = readFit(fit)
      } else if purpose == .prediction {
        map.file.report(
          at: kindValue?.mark ?? map.mark, "fitted, but without its fit data",
          hint: "add fit: { data: ..., residual: 0.04, date: 2026-11-21 }")
      }
    } else if let fit {
      map.file.report(
        at: fit.keyMark, "fit data on a number that is \(kind.rawValue)", hint: "only kind fitted has a fit")
    }
    return provenance
  }

  private static func readFit(_ value: ValueReader) -> Provenance.Fit? {
    guard var map = value.map(expecting: "{ data, residual, date }") else { return nil }
    let data = map.required("data", hint: "the rows it was fitted to")?.text()
    let residual = map.required("residual", hint: "relative, for example 0.04")
    let date = map.required("date", hint: "for example 2026-11-21")
    map.finish()
    var number: Double?
    if let residual, let text = residual.text(expecting: "a fraction") {
      number = try? QuantityText.parse(text, unit: .fraction)
      if number == nil || number.map({ $0 < 0 }) == true {
        residual.report("'\(text)' is not a residual", hint: "a fraction, for example 0.04")
      }
    }
    var day: String?
    if let date, let text = date.text(expecting: "a date") {
      if isDate(text) { day = text } else { date.report("'\(text)' is not a date", hint: "year-month-day") }
    }
    guard let data, let number, let day else { return nil }
    return Provenance.Fit(data: data, residual: number, date: day)
  }

  private static func isDate(_ text: String) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2],
      parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let month = Int(parts[1]), let day = Int(parts[2])
    else { return false }
    return (1...12).contains(month) && (1...31).contains(day)
  }
}
