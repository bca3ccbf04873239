import Yams

/// One mapping of a file: hands out its values by key, and reports the keys that nobody asked for.
struct MapReader {
  let file: FileReader
  /// Where a missing key is reported: at the key that holds the mapping, or at its own first key.
  let mark: Position
  /// What the mapping belongs to, for messages; nil for the file itself.
  let name: String?
  let entries: [Entry]
  private var used: Set<String> = []

  struct Entry {
    let key: String
    let mark: Position
    let value: ValueReader
  }

  init(_ mapping: Node.Mapping, file: FileReader, name: String?, mark parent: Position? = nil) {
    self.file = file
    self.name = name
    let start = Position(mapping.mark) ?? .start
    self.mark = parent ?? start
    var entries: [Entry] = []
    for (key, value) in mapping {
      let mark = Position(key.mark) ?? start
      guard case .scalar(let scalar) = key else {
        file.report(at: mark, "a key is a single word here")
        continue
      }
      if DuplicateKey.isMasked(scalar.string) { continue }
      let path = name.map { "\($0).\(scalar.string)" } ?? scalar.string
      entries.append(
        Entry(
          key: scalar.string, mark: mark,
          value: ValueReader(
            node: value, mark: Position(value.mark) ?? mark, file: file, name: path, keyMark: mark)))
    }
    self.entries = entries
  }

  /// The value of `key`, or nil where the file has none.
  mutating func optional(_ key: String) -> ValueReader? {
    used.insert(key)
    return entries.first { $0.key == key }?.value
  }

  /// The value of `key`; a diagnostic where it is missing.
  mutating func required(_ key: String, hint: String? = nil) -> ValueReader? {
    if let value = optional(key) { return value }
    file.report(at: mark, "missing key '\(key)'" + (name.map { " in '\($0)'" } ?? ""), hint: hint)
    return nil
  }

  /// Reports every key that was not asked for. `known` are the names to suggest from.
  func finish(known: [String]? = nil) {
    let names = known ?? used.sorted()
    let free = names.filter { name in !entries.contains { $0.key == name } }
    for entry in entries where !used.contains(entry.key) {
      let hint =
        NearestName.of(entry.key, in: free.isEmpty ? names : free).map { "did you mean '\($0)'?" }
        ?? NearestName.hint(entry.key, in: names)
      file.report(
        at: entry.mark, "unknown key '\(entry.key)'" + (name.map { " in '\($0)'" } ?? ""), hint: hint)
    }
  }
}

/// One value of a file, and where it stands.
struct ValueReader {
  let node: Node
  let mark: Position
  let file: FileReader
  /// Dotted path of keys, for messages.
  let name: String
  /// Where its key stands.
  let keyMark: Position

  func report(_ message: String, hint: String? = nil) { file.report(at: mark, message, hint: hint) }

  /// The scalar as written, or nil with a diagnostic.
  func text(expecting what: String = "a word or number") -> String? {
    guard case .scalar(let scalar) = node else {
      report("'\(name)' is a \(shapeName) where \(what) is due")
      return nil
    }
    if scalar.string.isEmpty || (scalar.style == .plain && ["~", "null"].contains(scalar.string)) {
      file.report(at: keyMark, "'\(name)' has no value", hint: "\(what) is due")
      return nil
    }
    return scalar.string
  }

  /// The mapping, or nil with a diagnostic.
  func map(expecting what: String) -> MapReader? {
    guard case .mapping(let mapping) = node else {
      report("'\(name)' is a \(shapeName) where \(what) is due")
      return nil
    }
    return MapReader(mapping, file: file, name: name, mark: keyMark)
  }

  /// The items of a list, a single scalar being a list of one.
  func items() -> [ValueReader] {
    guard case .sequence(let sequence) = node else { return [self] }
    return sequence.map {
      ValueReader(
        node: $0, mark: Position($0.mark) ?? mark, file: file, name: name, keyMark: Position($0.mark) ?? mark)
    }
  }

  /// The place of the code point `offset` of the scalar's text.
  func place(of offset: Int) -> Position {
    guard case .scalar(let scalar) = node else { return mark }
    let isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
    return mark.advanced(by: offset + (isQuoted ? 1 : 0))
  }

  /// The text of a scalar; empty for anything else.
  var scalar: String { if case .scalar(let scalar) = node { scalar.string } else { "" } }
  var isMap: Bool { if case .mapping = node { true } else { false } }
  var isList: Bool { if case .sequence = node { true } else { false } }

  /// A whole number, written plainly.
  func integer() -> Int? {
    guard let text = text(expecting: "a whole number") else { return nil }
    guard let value = WholeNumber.parse(text) else {
      report("'\(text)' is not a whole number", hint: WholeNumber.hint(text))
      return nil
    }
    return value
  }

  /// One of a closed set of words.
  func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> Choice?
  where Choice.RawValue == String {
    let names = Choice.allCases.map(\.rawValue)
    guard let text = text(expecting: names.joined(separator: ", ")) else { return nil }
    guard let value = Choice(rawValue: text) else {
      report(
        "'\(text)' is not one of \(names.joined(separator: ", "))",
        hint: NearestName.of(text, in: names).map { "did you mean '\($0)'?" })
      return nil
    }
    return value
  }

  /// The value on one line, for labels: `fa3`, or `name=fa3 build=cute` of a mapping.
  var written: String { ValueReader.written(node) }

  private static func written(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar): scalar.string
    case .mapping(let mapping):
      mapping.map { key, value in
        if case .mapping = value { written(value) } else { "\(written(key))=\(written(value))" }
      }.joined(separator: " ")
    default: "list"
    }
  }

  private var shapeName: String {
    switch node {
    case .mapping: "mapping"
    case .sequence: "list"
    default: "scalar"
    }
  }
}

/// Whole numbers as people write lengths: digits, `_` between them, and `k` or `M` for powers of two.
package enum WholeNumber {
  package static func parse(_ text: String) -> Int? {
    var digits = Substring(text)
    var scale = 1
    if let last = digits.last, let binary = ["k": 1 << 10, "M": 1 << 20][String(last)] {
      scale = binary
      digits.removeLast()
    }
    guard let first = digits.first,
      digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "_" || $0 == "-") }),
      first != "_", digits.last != "_", let value = Int(digits.filter { $0 != "_" })
    else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: scale)
    return overflow ? nil : product
  }

  package static func hint(_ text: String) -> String? {
    if text.allSatisfy({ $0.isASCII && $0.isNumber }) { return "it is too large" }
    return "write digits; 16k is 16384 and 1M is 1048576"
  }
}
