#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The two streams of the command: answers go to standard output, everything else to standard error.
enum Console {
  /// Prints an answer; ends the command with code 73 where standard output takes no more, so that no script mistakes half an
  /// answer for one.
  static func print(_ text: String) {
    guard let code = write(text.hasSuffix("\n") ? text : text + "\n", to: STDOUT_FILENO) else { return }
    // A reader that has gone away, as in `| head`, wants no message.
    if code != EPIPE { error("error: standard output cannot be written: \(String(cString: strerror(code)))") }
    exit(Failure.Kind.cannotWrite.rawValue)
  }

  static func error(_ text: String) {
    _ = write(text.hasSuffix("\n") ? text : text + "\n", to: STDERR_FILENO)
  }

  /// Text as it is, for lines that overwrite each other.
  static func progress(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Columns of the terminal, or nil where the output is none.
  static var width: Int? {
    var size = winsize()
    guard outputIsTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// - Returns: the error where not all could be written, else nil.
  private static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var text = text
    return text.withUTF8 { bytes -> Int32? in
      var rest = UnsafeRawBufferPointer(bytes)
      while let base = rest.baseAddress, !rest.isEmpty {
        let count = Glibc.write(descriptor, base, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
      return nil
    }
  }
}

/// Files that the command writes.
enum OutputFile {
  /// Writes `text` to `path`; `-` is standard output.
  ///
  /// - Throws: `Failure` with code 73 where that cannot be done.
  static func write(_ text: String, to path: String) throws(Failure) {
    if path == "-" { return Console.print(text) }
    guard !path.isEmpty, !path.utf8.contains(0), let file = fopen(path, "w") else {
      throw Failure(.cannotWrite, "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
    var text = text
    let isWhole = text.withUTF8 { fwrite($0.baseAddress, 1, $0.count, file) == $0.count }
    guard fclose(file) == 0, isWhole else {
      throw Failure(.cannotWrite, "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  /// The part of a file name after its last dot, in small letters.
  static func ending(_ path: String) -> String {
    guard let dot = path.lastIndex(of: ".") else { return "" }
    return path[path.index(after: dot)...].lowercased()
  }
}
