/// A JSON value whose object keys keep their order, so that the same result gives the same bytes.
public enum JSONValue: Sendable {
  case object([(key: String, value: JSONValue)])
  case array([JSONValue])
  case string(String)
  case number(Double)
  case integer(Int)
  case boolean(Bool)
  case null

  /// An object in the order written.
  static func object(_ pairs: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(pairs.map { (key: $0.key, value: $0.value) })
  }

  static func string(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  /// The text. Indented, a container breaks its lines unless it holds only plain values; else no blank is written.
  public func text(indented: Bool = true) -> String {
    var output = ""
    write(to: &output, depth: 0, indented: indented)
    return output
  }

  private func write(to output: inout String, depth: Int, indented: Bool) {
    let breaks = indented && (depth == 0 || hasNested)
    switch self {
    case .null: output += "null"
    case .boolean(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .number(let value): JSONText.append(value, to: &output)
    case .string(let value): JSONText.append(value, to: &output)
    case .array(let values):
      Self.writeList(values, "[", "]", to: &output, depth: depth, indented: indented, breaks: breaks) {
        $0.write(to: &$1, depth: depth + 1, indented: indented)
      }
    case .object(let pairs):
      Self.writeList(pairs, "{", "}", to: &output, depth: depth, indented: indented, breaks: breaks) {
        JSONText.append($0.key, to: &$1)
        $1 += indented ? ": " : ":"
        $0.value.write(to: &$1, depth: depth + 1, indented: indented)
      }
    }
  }

  private static func writeList<Element>(
    _ values: [Element], _ open: String, _ close: String, to output: inout String, depth: Int, indented: Bool,
    breaks: Bool, _ write: (Element, inout String) -> Void
  ) {
    output += open
    for (place, value) in values.enumerated() {
      if place > 0 { output += breaks || !indented ? "," : ", " }
      if breaks { output += "\n" + String(repeating: "  ", count: depth + 1) }
      write(value, &output)
    }
    if breaks, !values.isEmpty { output += "\n" + String(repeating: "  ", count: depth) }
    output += close
  }

  private var hasNested: Bool {
    switch self {
    case .array(let values): values.contains { $0.isContainer }
    case .object(let pairs): pairs.contains { $0.value.isContainer }
    default: false
    }
  }

  private var isContainer: Bool {
    switch self {
    case .array, .object: true
    default: false
    }
  }
}

/// JSON tokens appended to a string: what big files are written with.
enum JSONText {
  /// The shortest text that reads back as the same number; JSON has no infinities, which become null.
  static func append(_ value: Double, to output: inout String) {
    guard value.isFinite else {
      output += "null"
      return
    }
    // Up to 2^53 every whole number is itself.
    if value == value.rounded(), abs(value) <= 0x1p53 {
      output += String(Int(value))
      return
    }
    output += "\(value)"
  }

  static func append(_ text: String, to output: inout String) {
    output += "\""
    defer { output += "\"" }
    // Most keys and names are plain ASCII and need no look at each character.
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x80 && $0 != 0x22 && $0 != 0x5C }) {
      output += text
      return
    }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x2028 || scalar.value == 0x2029:
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
  }
}
