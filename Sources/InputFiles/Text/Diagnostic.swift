/// Something wrong with a file or argument, where it is, and what would be right.
///
/// Prints as
/// ```
/// hardware/h100-sxm5.yaml:12:23: error: unknown unit 'GBs' in '3350 GBs'
///    12 |   bandwidth: { value: 3350 GBs, kind: quoted }
///       |                       ^ did you mean 'GB/s'?
/// ```
public struct Diagnostic: Sendable, Hashable {
  /// Whether the file can still be used.
  public enum Severity: String, Sendable { case error, warning }

  public var severity: Severity
  /// nil where the whole file is to blame (missing, unreadable).
  public var location: FileLocation?
  /// The file to blame where there is no place in it.
  public var file: String?
  public var message: String
  /// The line that the location points into.
  public var sourceLine: String?
  public var hint: String?

  public init(
    _ severity: Severity = .error, at location: FileLocation, message: String, sourceLine: String? = nil,
    hint: String? = nil
  ) {
    self.severity = severity
    self.location = location
    self.message = Diagnostic.printable(message)
    self.sourceLine = sourceLine
    self.hint = hint.map { Diagnostic.printable($0) }
  }

  public init(_ severity: Severity = .error, file: String?, message: String, hint: String? = nil) {
    self.severity = severity
    self.file = file
    self.message = Diagnostic.printable(message)
    self.hint = hint.map { Diagnostic.printable($0) }
  }
}

extension Diagnostic: CustomStringConvertible {
  /// Longest piece of a source line that is shown.
  private static let shownColumns = 160

  public var description: String {
    let place = location.map { "\($0): " } ?? file.map { "\(Diagnostic.printable($0)): " } ?? ""
    let head = "\(place)\(severity.rawValue): \(message)"
    guard let location, let sourceLine else { return hint.map { "\(head)\n  \($0)" } ?? head }
    let (shown, caret) = Diagnostic.window(sourceLine, column: location.column)
    let number = String(location.line)
    let gutter = String(repeating: " ", count: max(5 - number.count, 0)) + number
    let blank = String(repeating: " ", count: gutter.count)
    let tail = hint.map { " \($0)" } ?? ""
    return "\(head)\n\(gutter) | \(shown)\n\(blank) | \(caret)^\(tail)"
  }

  /// The part of the line around `column`, and the blanks that bring a caret under it.
  private static func window(_ line: String, column: Int) -> (shown: String, caret: String) {
    let scalars = Array(line.unicodeScalars)
    let position = min(max(column - 1, 0), scalars.count)
    let first = position < shownColumns - 20 ? 0 : position - shownColumns / 2
    let last = min(scalars.count, first + shownColumns)
    var shown = first > 0 ? "…" : ""
    var caret = first > 0 ? " " : ""
    for index in first..<last {
      let piece = printable(scalars[index])
      shown += piece
      if index < position { caret += piece == "\t" ? "\t" : String(repeating: " ", count: piece.count) }
    }
    return (last < scalars.count ? shown + "…" : shown, caret)
  }

  /// Text from a file, safe to print on a terminal and of bounded length.
  static func printable(_ text: String) -> String {
    let longest = 2000
    var result = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == longest { return result + "…" }
      if scalar == "\n" { result += "\n" } else { result += printable(scalar) }
    }
    return result
  }

  private static func printable(_ scalar: Unicode.Scalar) -> String {
    switch scalar.properties.generalCategory {
    case .control where scalar != "\t", .format, .lineSeparator, .paragraphSeparator, .privateUse,
      .unassigned:
      "\\u{\(String(scalar.value, radix: 16))}"
    default: String(scalar)
    }
  }
}

extension Diagnostic {
  /// How many of each severity are printed: a table can have as many as it has rows.
  public static let mostListed = 20

  /// The first errors and the first warnings as text, in the order given, and how many more there are.
  public static func list(_ diagnostics: [Diagnostic]) -> [String] {
    var seen: [Severity: Int] = [:]
    var lines: [String] = []
    for diagnostic in diagnostics {
      seen[diagnostic.severity, default: 0] += 1
      if seen[diagnostic.severity, default: 0] <= mostListed { lines.append(diagnostic.description) }
    }
    for severity in [Severity.error, .warning] {
      let more = seen[severity, default: 0] - mostListed
      if more > 0 { lines.append("and \(more) more \(severity.rawValue)\(more == 1 ? "" : "s")") }
    }
    return lines
  }
}

/// Everything wrong with an input, in file order.
public struct InputError: Error, Sendable, CustomStringConvertible {
  public var diagnostics: [Diagnostic]
  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
  public init(_ diagnostic: Diagnostic) { self.diagnostics = [diagnostic] }
  /// The first of `diagnostics`, and how many more there are.
  public var description: String { Diagnostic.list(diagnostics).joined(separator: "\n") }
}
