public import HWModels

/// Replaces single numbers in the text of a device file, keeping comments, order and layout.
///
/// For `attnsim calibrate`: it writes what it fitted, and nothing else of the file changes.
public enum DeviceFileEditor {
  /// A new value for one path.
  public struct Change: Sendable {
    public var path: String
    /// In the base unit of the field.
    public var value: Double
    public var provenance: Provenance
    public init(path: String, value: Double, provenance: Provenance) {
      self.path = path
      self.value = value
      self.provenance = provenance
    }
  }

  /// The text of `source` with the changes made. Amounts keep the unit in which the file states them.
  ///
  /// - Throws: `InputError` where the file is not a valid device, has no such number, or would not be valid after.
  public static func replacing(_ changes: [Change], in source: SourceText) throws(InputError) -> String {
    let file = FileReader(source)
    var reading = DeviceReading(file: file, purpose: .fitting)
    _ = reading.device()
    guard !file.hasErrors else { throw InputError(file.diagnostics) }
    var edits: [(range: Range<Int>, text: String)] = []
    let scalars = Array(source.text.unicodeScalars)
    for change in changes {
      guard let field = DeviceField.at(change.path), let leaf = reading.leaves[change.path],
        let range = range(of: leaf, in: scalars)
      else {
        throw InputError(Diagnostic(file: source.name, message: "has no number '\(change.path)' to replace"))
      }
      let suffix = leaf.valueText.map { QuantityText.suffix(of: $0) }
      let amount = QuantityText.write(change.value, unit: field.unit, suffix: suffix)
      let isFlow = scalars[range.lowerBound] == "{"
      let text =
        isFlow
        ? flow(amount, change.provenance, column: leaf.mark.column)
        : block(amount, change.provenance, column: leaf.mark.column)
      edits.append((range, text))
    }
    var result = scalars
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      result.replaceSubrange(edit.range, with: edit.text.unicodeScalars)
    }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: result)
    let text = String(view)
    _ = try DeviceFile.read(SourceText(name: source.name, text: text))
    return text
  }

  private static func flow(_ amount: String, _ provenance: Provenance, column: Int) -> String {
    let longestLine = 120
    var lines = [
      "{ value: \(amount), kind: \(provenance.kind.rawValue), source: \(quoted(provenance.source))"
    ]
    for part in [provenance.note.map { "note: \(quoted($0))" }, provenance.fit.map { "fit: \(fit($0))" }] {
      guard let part else { continue }
      let joined = "\(lines[lines.count - 1]), \(part)"
      if column + joined.count < longestLine { lines[lines.count - 1] = joined } else { lines.append(part) }
    }
    return lines.joined(separator: ",\n" + String(repeating: " ", count: column + 1)) + " }"
  }

  private static func block(_ amount: String, _ provenance: Provenance, column: Int) -> String {
    var lines = [
      "value: \(amount)", "kind: \(provenance.kind.rawValue)", "source: \(quoted(provenance.source))",
    ]
    if let note = provenance.note { lines.append("note: \(quoted(note))") }
    if let data = provenance.fit { lines.append("fit: \(fit(data))") }
    return lines.joined(separator: "\n" + String(repeating: " ", count: column - 1))
  }

  private static func fit(_ fit: Provenance.Fit) -> String {
    "{ data: \(quoted(fit.data)), residual: \(QuantityText.rounded(fit.residual)), date: \(fit.date) }"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\n", "\r", "\t": result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// The text of one number: `{ ... }` with its braces, or the lines of a block mapping without the last line end.
  private static func range(of leaf: DeviceLeaf, in scalars: [Unicode.Scalar]) -> Range<Int>? {
    var line = 1
    var start = 0
    while line < leaf.mark.line {
      guard let end = scalars[start...].firstIndex(of: "\n") else { return nil }
      start = end + 1
      line += 1
    }
    start += leaf.mark.column - 1
    guard start < scalars.count else { return nil }
    return scalars[start] == "{"
      ? flowRange(start, scalars) : blockRange(start, leaf.mark.column - 1, scalars)
  }

  private static func flowRange(_ start: Int, _ scalars: [Unicode.Scalar]) -> Range<Int>? {
    var depth = 0
    var quote: Unicode.Scalar?
    var index = start
    while index < scalars.count {
      let scalar = scalars[index]
      if let open = quote {
        if scalar == "\\", open == "\"" { index += 1 } else if scalar == open { quote = nil }
      } else if scalar == "\"" || (scalar == "'" && !isWordCharacter(scalars[index - 1])) {
        quote = scalar
      } else if scalar == "{" {
        depth += 1
      } else if scalar == "}" {
        depth -= 1
        if depth == 0 { return start..<index + 1 }
      }
      index += 1
    }
    return nil
  }

  private static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isAlphabetic }

  private static func blockRange(_ start: Int, _ indent: Int, _ scalars: [Unicode.Scalar]) -> Range<Int> {
    var end = scalars[start...].firstIndex(of: "\n") ?? scalars.count
    while end < scalars.count {
      let next = end + 1
      let blanks = scalars[next...].prefix { $0 == " " }.count
      guard blanks >= indent, next + blanks < scalars.count, scalars[next + blanks] != "\n",
        scalars[next + blanks] != "#"
      else { break }
      end = scalars[next...].firstIndex(of: "\n") ?? scalars.count
    }
    return start..<end
  }
}
