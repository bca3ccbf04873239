/// Lines of comma-separated fields; a field in double quotes may hold commas and doubled quotes.
enum CommaSeparated {
  /// The lines that hold something, with their numbers from 1.
  static func lines(of text: String) -> [(number: Int, fields: [String])] {
    var lines: [(number: Int, fields: [String])] = []
    for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    {
      let content = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if !content.isEmpty { lines.append((index + 1, fields(of: content))) }
    }
    return lines
  }

  private static func fields(of line: Substring.UTF8View) -> [String] {
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var endsQuote = false
    for byte in line {
      switch byte {
      case UInt8(ascii: "\""):
        // A quote right behind the one that closed the field is a quote in the field.
        if endsQuote { field.append(byte) }
        endsQuote = isQuoted
        isQuoted.toggle()
        continue
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(String(decoding: field, as: UTF8.self))
        field.removeAll(keepingCapacity: true)
      default: field.append(byte)
      }
      endsQuote = false
    }
    fields.append(String(decoding: field, as: UTF8.self))
    return fields
  }

  /// The line end of a text: that of spreadsheets where it has any, the plain one otherwise.
  static func lineEnding(of text: String) -> String {
    text.utf8.contains(UInt8(ascii: "\r")) ? "\r\n" : "\n"
  }

  /// `ending` is the line's end, as the text has it.
  static func line(_ fields: [String], ending: String) -> String {
    fields.map { field in
      guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
      return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        + "\""
    }.joined(separator: ",") + ending
  }
}
