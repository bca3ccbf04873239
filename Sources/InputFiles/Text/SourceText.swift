#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The text of one input, checked to be text, with the means to quote its lines.
///
/// Positions count code points, as YAML marks do. A byte order mark at the start is dropped.
public struct SourceText: Sendable {
  /// Path or argument name, for diagnostics.
  public let name: String
  public let text: String

  /// Files beyond this are refused before they are parsed. A device file has about 10 KB.
  public static let largestInputBytes = 4 << 20
  /// The same for tables of measurements.
  public static let largestTableBytes = 64 << 20

  public init(name: String, text: String) {
    self.name = name
    self.text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `InputError` with one diagnostic for a missing file, a directory, a file over `limit` bytes, and bytes
  ///   that are not UTF-8 (with the place of the first).
  public static func load(_ path: String, limit: Int = largestInputBytes) throws(InputError) -> SourceText {
    let bytes = try bytes(path, limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let (line, column, byte) = firstInvalid(bytes)
      throw InputError(
        Diagnostic(
          at: FileLocation(file: path, line: line, column: column),
          message: "byte 0x\(String(byte, radix: 16, uppercase: true)) is not UTF-8",
          hint: "save the file as UTF-8 text"))
    }
    return SourceText(name: path, text: text)
  }

  /// The line with the given number (from 1), without its line end; nil beyond the text.
  func line(_ number: Int) -> String? {
    var current = 1
    var line = String.UnicodeScalarView()
    var afterReturn = false
    for scalar in text.unicodeScalars {
      if SourceText.endsLine(scalar) {
        if scalar == "\n", afterReturn {
          afterReturn = false
          continue
        }
        if current == number { return String(line) }
        current += 1
        afterReturn = scalar == "\r"
      } else {
        afterReturn = false
        if current == number { line.append(scalar) }
      }
    }
    return current == number ? String(line) : nil
  }

  /// What YAML calls a line break.
  static func endsLine(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
    default: false
    }
  }

  /// A diagnostic at a place in this text.
  func diagnostic(
    _ severity: Diagnostic.Severity = .error, line number: Int, column: Int, _ message: String,
    hint: String? = nil
  ) -> Diagnostic {
    Diagnostic(
      severity, at: FileLocation(file: name, line: number, column: column), message: message,
      sourceLine: line(number), hint: hint)
  }

  private static func bytes(_ path: String, limit: Int) throws(InputError) -> [UInt8] {
    func fail(_ message: String, hint: String? = nil) -> InputError {
      InputError(Diagnostic(file: path, message: message, hint: hint))
    }
    guard !path.isEmpty, !path.utf8.contains(0) else { throw fail("the file name is empty or not a name") }
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { throw fail("cannot open: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw fail("cannot read: \(String(cString: strerror(errno)))")
    }
    if status.st_mode & S_IFMT == S_IFDIR { throw fail("is a directory; a file is due") }
    let tooLarge = "larger than the limit of \(limit >> 20) MiB"
    if status.st_mode & S_IFMT == S_IFREG, status.st_size > limit { throw fail(tooLarge) }
    var bytes: [UInt8] = []
    let chunk = 1 << 16
    while true {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: chunk))
      let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress.map { $0 + start }, chunk) }
      bytes.removeLast(chunk - max(got, 0))
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw fail("cannot read: \(String(cString: strerror(errno)))") }
      if got == 0 { return bytes }
      if bytes.count > limit { throw fail(tooLarge) }
    }
  }

  /// Line, column and value of the first byte that is not part of a code point.
  private static func firstInvalid(_ bytes: [UInt8]) -> (line: Int, column: Int, byte: UInt8) {
    var line = 1
    var column = 1
    var index = 0
    var decoder = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.parseScalar(from: &iterator) {
      case .valid(let encoded):
        index += encoded.count
        if encoded.first == 0x0A {
          line += 1
          column = 1
        } else {
          column += 1
        }
      case .error, .emptyInput:
        return (line, column, index < bytes.count ? bytes[index] : 0)
      }
    }
  }
}
