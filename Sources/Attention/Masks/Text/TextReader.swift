/// A cursor over the text of a mask.
struct TextReader {
  let text: String
  private let bytes: [UInt8]
  /// Offset of the next character, in UTF-8 units.
  private(set) var position = 0

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  var isAtEnd: Bool { position == bytes.count }
  func peek(_ character: Unicode.Scalar) -> Bool {
    position < bytes.count && bytes[position] == UInt8(ascii: character)
  }
  var atDigit: Bool { position < bytes.count && (48...57).contains(bytes[position]) }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek(character) else { return false }
    position += 1
    return true
  }

  mutating func take(_ word: String) -> Bool {
    guard bytes[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  /// The same text, to be read on from `position`.
  func moved(to position: Int) -> TextReader {
    var reader = self
    reader.position = position
    return reader
  }

  mutating func skipBlanks() { while peek(" ") { position += 1 } }

  mutating func skipListSeparators() {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: ","),
        UInt8(ascii: ";"):
        position += 1
      case UInt8(ascii: "#"):
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      default: return
      }
    }
  }

  /// Characters up to one of `stops` or the end.
  mutating func word(until stops: String) -> String {
    let start = position
    while position < bytes.count, !stops.utf8.contains(bytes[position]) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  func error(
    _ field: String, _ reason: String, at position: Int? = nil, limit: Int? = nil
  ) -> MaskSyntaxError {
    MaskSyntaxError(
      text: text, position: position ?? self.position, field: field, limit: limit, reason: reason)
  }

  mutating func expect(_ character: Unicode.Scalar, _ field: String, _ reason: String) throws(MaskSyntaxError)
  {
    guard take(character) else { throw error(field, reason) }
  }

  /// A whole number without a sign.
  mutating func number(_ field: String) throws(MaskSyntaxError) -> Int { try number(field, of: Int.self) }

  mutating func number<Value: FixedWidthInteger>(
    _ field: String, of type: Value.Type
  ) throws(MaskSyntaxError) -> Value {
    let start = position
    var value: Value = 0
    while atDigit {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Value(bytes[position] - 48))
      if overflow || carry { throw error(field, "the number is larger than \(Value.max)", at: start) }
      value = sum
      position += 1
    }
    guard position > start else { throw error(field, "a whole number is missing") }
    return value
  }
}
