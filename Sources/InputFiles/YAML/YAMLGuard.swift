/// Refuses text that a YAML parser would take badly, before it gets it: control characters, anchors and aliases
/// (a few lines of which can stand for billions of nodes), and nesting deeper than any file of ours.
///
/// Reads characters, not YAML: it follows quotes, comments and flow brackets well enough for these questions.
struct YAMLGuard {
  /// A device file nests four deep.
  static let deepest = 32

  private var line = 1
  private var column = 0
  private var depth = 0
  private var quote: Unicode.Scalar?
  private var inComment = false
  /// What comes next begins a value: the start of a line, or the place after a separator.
  private var atValue = true
  private var afterBlank = true
  /// Marks of nested block collections that open on one line: `- - - -`.
  private var dashes = 0

  /// The first thing that will not do, or nil.
  static func problem(in source: SourceText) -> Diagnostic? {
    var state = YAMLGuard()
    var previous: Unicode.Scalar = "\n"
    var scalars = source.text.unicodeScalars.makeIterator()
    var pending = scalars.next()
    while let scalar = pending {
      pending = scalars.next()
      state.column += 1
      if let message = state.take(scalar, previous: previous, next: pending ?? "\n") {
        return source.diagnostic(line: state.line, column: state.column, message.text, hint: message.hint)
      }
      if SourceText.endsLine(scalar), !(scalar == "\r" && pending == "\n") { state.newLine() }
      previous = scalar
    }
    return nil
  }

  private mutating func newLine() {
    line += 1
    column = 0
    dashes = 0
    inComment = false
    if quote == nil { (atValue, afterBlank) = (true, true) }
  }

  private mutating func take(
    _ scalar: Unicode.Scalar, previous: Unicode.Scalar, next: Unicode.Scalar
  ) -> (text: String, hint: String?)? {
    if YAMLGuard.isForbidden(scalar) {
      return ("control character U+\(String(scalar.value, radix: 16, uppercase: true)) in a text file", nil)
    }
    if inComment { return nil }
    if let open = quote {
      if scalar == open, !(open == "\"" && previous == "\\") { quote = nil }
      return nil
    }
    switch scalar {
    case " ", "\t":
      afterBlank = true
      return nil
    case "#" where afterBlank: inComment = true
    case "\"" where atValue, "'" where atValue: quote = scalar
    case "&" where atValue && !YAMLGuard.isBlank(next), "*" where atValue && !YAMLGuard.isBlank(next):
      return (
        "anchors and aliases are not part of these files", "write the value out; quote text that begins so"
      )
    case "[", "{":
      if atValue { depth += 1 }
      if depth > YAMLGuard.deepest { return ("nested more than \(YAMLGuard.deepest) deep", nil) }
    case "]", "}": depth = max(depth - 1, 0)
    case "-", "?":
      if atValue, YAMLGuard.isBlank(next) {
        dashes += 1
        if dashes > YAMLGuard.deepest { return ("nested more than \(YAMLGuard.deepest) deep", nil) }
        afterBlank = false
        return nil
      }
    default: break
    }
    atValue =
      "[{,".unicodeScalars.contains(scalar) || (scalar == ":" && (YAMLGuard.isBlank(next) || depth > 0))
    afterBlank = false
    return nil
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || scalar == "\t" || SourceText.endsLine(scalar)
  }

  /// Characters that YAML does not allow in a file.
  private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
      0x10000...0x10FFFF:
      false
    default: true
    }
  }
}
