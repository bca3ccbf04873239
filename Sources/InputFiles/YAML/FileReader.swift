import Yams

/// Reads one YAML file and gathers everything that is wrong with it.
///
/// Not `Sendable`: one file, one reader, one thread.
final class FileReader {
  let source: SourceText
  private var found: [(line: Int, column: Int, order: Int, diagnostic: Diagnostic)] = []
  /// Where a device or scenario has too many mistakes to be one, the rest is not worth reading.
  private static let mostReported = 100

  init(_ source: SourceText) { self.source = source }

  /// Everything reported so far, in file order.
  var diagnostics: [Diagnostic] {
    let sorted = found.sorted { ($0.line, $0.column, $0.order) < ($1.line, $1.column, $1.order) }
    guard sorted.count > FileReader.mostReported else { return sorted.map(\.diagnostic) }
    let rest = Diagnostic(file: source.name, message: "\(sorted.count - FileReader.mostReported) more errors")
    return sorted.prefix(FileReader.mostReported).map(\.diagnostic) + [rest]
  }

  var hasErrors: Bool { found.contains { $0.diagnostic.severity == .error } }

  private lazy var lines: [String] = FileReader.split(source.text)

  func report(
    _ severity: Diagnostic.Severity = .error, at mark: Position, _ message: String, hint: String? = nil
  ) {
    let line = lines.indices.contains(mark.line - 1) ? lines[mark.line - 1] : nil
    let location = FileLocation(file: source.name, line: mark.line, column: mark.column)
    found.append(
      (
        mark.line, mark.column, found.count,
        Diagnostic(severity, at: location, message: message, sourceLine: line, hint: hint)
      ))
  }

  /// Whether an error was reported at this place.
  func hasError(at mark: Position) -> Bool {
    found.contains { $0.line == mark.line && $0.column == mark.column }
  }

  /// The file's top-level mapping, or nil with a diagnostic.
  func rootMapping(expecting what: String) -> MapReader? {
    if let problem = YAMLGuard.problem(in: source) {
      found.append((0, 0, found.count, problem))
      return nil
    }
    guard let node = compose(source.text, attempt: 0) else { return nil }
    guard case .mapping(let mapping) = node else {
      if case .scalar(let scalar) = node, scalar.string.isEmpty, scalar.style == .plain {
        report(at: Position(scalar.mark) ?? .start, "the file is empty; \(what) is due")
      } else {
        report(at: Position(node.mark) ?? .start, "\(what) is due, written as 'key: value' lines")
      }
      return nil
    }
    return MapReader(mapping, file: self, name: nil)
  }

  private func compose(_ text: String, attempt: Int) -> Node? {
    do {
      // The basic resolver matches no patterns: all scalars stay text, and nothing compiles regular expressions.
      guard let node = try Yams.Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot() else {
        report(at: Position.start, "the file is empty")
        return nil
      }
      return node
    } catch let error as YamlError {
      return recover(from: error, text: text, attempt: attempt)
    } catch {
      report(at: Position.start, "not YAML: \(error)")
      return nil
    }
  }

  private func recover(from error: YamlError, text: String, attempt: Int) -> Node? {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let tabs = problem.contains("cannot start any token") && lineHasTabIndent(mark.line)
      let hint = tabs ? "indent with spaces, not tabs" : context.map { "\($0.text) at line \($0.mark.line)" }
      report(at: Position(mark) ?? .start, "not YAML: \(problem)", hint: hint)
    case .reader(let problem, _, _, _):
      report(at: .start, "not YAML: \(problem)")
    case .duplicatedKeysInMapping(let names, let context):
      return retryWithoutDuplicate(
        names, first: Position(context.mark) ?? .start, text: text, attempt: attempt)
    case .memory: report(at: .start, "not YAML: nested too deep or too large")
    default: report(at: .start, "not YAML")
    }
    return nil
  }

  private func lineHasTabIndent(_ number: Int) -> Bool {
    guard lines.indices.contains(number - 1) else { return false }
    return lines[number - 1].unicodeScalars.prefix { $0 == " " || $0 == "\t" }.contains("\t")
  }

  /// Reports the second of two equal keys and reads on with it masked, so that the rest of the file is judged too.
  private func retryWithoutDuplicate(_ names: [String], first: Position, text: String, attempt: Int) -> Node?
  {
    let name = names.first ?? ""
    let mostRetries = 20
    guard let second = DuplicateKey.second(of: name, first: first, text: text) else {
      report(at: first, "the key '\(name)' appears twice in one mapping")
      return nil
    }
    report(at: second.mark, "the key '\(name)' is already set", hint: "first set at line \(first.line)")
    guard attempt < mostRetries else { return nil }
    return compose(second.masked, attempt: attempt + 1)
  }

  private static func split(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar = " "
    for scalar in text.unicodeScalars {
      if SourceText.endsLine(scalar) {
        if !(scalar == "\n" && previous == "\r") {
          lines.append(String(line))
          line = String.UnicodeScalarView()
        }
      } else {
        line.append(scalar)
      }
      previous = scalar
    }
    lines.append(String(line))
    return lines
  }
}

/// Finds where a key comes again: Yams refuses the file and names only the first place.
enum DuplicateKey {
  /// Stands for the letters of a masked key: private-use, so that no file of ours has it.
  static let maskBase: UInt32 = 0xE000

  static func isMasked(_ key: String) -> Bool {
    key.unicodeScalars.first.map { (maskBase...0xF8FF).contains($0.value) } ?? false
  }

  /// The place of the second key called `name` in the mapping that has the first at `first`, and the text with that
  /// key masked, every column kept. nil where the keys are not written plainly.
  static func second(of name: String, first: Position, text: String) -> (mark: Position, masked: String)? {
    var scalars = Array(text.unicodeScalars)
    guard let start = offset(of: first, in: scalars) else { return nil }
    let key = Array(name.unicodeScalars)
    guard !key.isEmpty, start + key.count <= scalars.count, Array(scalars[start..<start + key.count]) == key
    else { return nil }
    let found = isFlow(scalars, start) ? inFlow(scalars, start, key) : inBlock(scalars, start, key, first)
    guard let place = found else { return nil }
    // Masks must differ from each other, or they would be duplicates in turn.
    let letter = Unicode.Scalar(maskBase + UInt32(place % 6000)) ?? "\u{E000}"
    for index in place..<place + key.count { scalars[index] = letter }
    var masked = String.UnicodeScalarView()
    masked.append(contentsOf: scalars)
    return (mark(of: place, in: scalars), String(masked))
  }

  private static func isFlow(_ scalars: [Unicode.Scalar], _ start: Int) -> Bool {
    var index = start - 1
    while index >= 0, scalars[index] == " " { index -= 1 }
    return index >= 0 && (scalars[index] == "{" || scalars[index] == ",")
  }

  private static func matches(_ scalars: [Unicode.Scalar], _ at: Int, _ key: [Unicode.Scalar]) -> Bool {
    guard at + key.count < scalars.count, Array(scalars[at..<at + key.count]) == key else { return false }
    let rest = scalars[(at + key.count)...].drop { $0 == " " }
    return rest.first == ":"
  }

  private static func inBlock(
    _ scalars: [Unicode.Scalar], _ start: Int, _ key: [Unicode.Scalar], _ first: Position
  ) -> Int? {
    var index = start
    while true {
      guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
      index = end + 1
      let indent = scalars[index...].prefix { $0 == " " }.count
      let letter = index + indent
      guard letter < scalars.count else { return nil }
      if scalars[letter] == "\n" || scalars[letter] == "\r" || scalars[letter] == "#" { continue }
      if indent < first.column - 1 { return nil }
      if indent == first.column - 1, matches(scalars, letter, key) { return letter }
    }
  }

  private static func inFlow(_ scalars: [Unicode.Scalar], _ start: Int, _ key: [Unicode.Scalar]) -> Int? {
    var depth = 0
    var quote: Unicode.Scalar?
    var index = start + key.count
    while index < scalars.count {
      let scalar = scalars[index]
      if let open = quote {
        if scalar == open { quote = nil }
      } else {
        switch scalar {
        case "\"", "'": quote = scalar
        case "{", "[": depth += 1
        case "}", "]":
          depth -= 1
          if depth < 0 { return nil }
        case "," where depth == 0:
          let next =
            index + 1 + scalars[(index + 1)...].prefix { $0 == " " || $0 == "\n" || $0 == "\r" }.count
          if matches(scalars, next, key) { return next }
        default: break
        }
      }
      index += 1
    }
    return nil
  }

  private static func offset(of mark: Position, in scalars: [Unicode.Scalar]) -> Int? {
    var line = 1
    var index = 0
    while line < mark.line {
      guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
      index = end + 1
      line += 1
    }
    let offset = index + mark.column - 1
    return offset <= scalars.count ? offset : nil
  }

  private static func mark(of offset: Int, in scalars: [Unicode.Scalar]) -> Position {
    let before = scalars[..<offset]
    let line = before.reduce(1) { $0 + ($1 == "\n" ? 1 : 0) }
    let lineStart = before.lastIndex(of: "\n").map { $0 + 1 } ?? 0
    return Position(line: line, column: offset - lineStart + 1)
  }
}
