/// JSON with keys in the order written: what schemas are made of.
enum SchemaNode {
  case object([(key: String, value: SchemaNode)])
  case array([SchemaNode])
  case string(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)

  static func map(_ pairs: KeyValuePairs<String, SchemaNode>) -> SchemaNode {
    .object(pairs.map { (key: $0.key, value: $0.value) })
  }

  static func strings(_ values: [String]) -> SchemaNode { .array(values.map { .string($0) }) }

  /// Indented text, with a line end.
  var text: String {
    var output = ""
    write(to: &output, indent: "")
    return output + "\n"
  }

  private func write(to output: inout String, indent: String) {
    let deeper = indent + "  "
    switch self {
    case .string(let text): SchemaNode.append(text, to: &output)
    case .integer(let value): output += String(value)
    case .number(let value): output += value.description
    case .boolean(let value): output += value ? "true" : "false"
    case .array(let values):
      output += "["
      for (index, value) in values.enumerated() {
        if index > 0 { output += ", " }
        value.write(to: &output, indent: deeper)
      }
      output += "]"
    case .object(let pairs):
      if pairs.isEmpty {
        output += "{}"
        return
      }
      output += "{"
      for (index, pair) in pairs.enumerated() {
        output += index > 0 ? ",\n\(deeper)" : "\n\(deeper)"
        SchemaNode.append(pair.key, to: &output)
        output += ": "
        pair.value.write(to: &output, indent: deeper)
      }
      output += "\n\(indent)}"
    }
  }

  private static func append(_ text: String, to output: inout String) {
    output += "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { output += "\\" }
      output.unicodeScalars.append(scalar)
    }
    output += "\""
  }
}
