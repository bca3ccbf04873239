/// A word, number or sign of a cascade file, with its place.
struct CascadeToken: Hashable {
  enum Kind: Hashable {
    case name, number, text, sign
    case end
  }

  var kind: Kind
  /// Without the quotes of a text.
  var text: String
  var line: Int
  /// From 1, in code points.
  var column: Int

  /// The tokens of each line that has some, each closed by an `end`; the beginnings of lines that could not be read, and
  /// why.
  static func lines(
    _ source: SourceText
  ) -> (lines: [[CascadeToken]], broken: [[CascadeToken]], problems: [Diagnostic]) {
    var lines: [[CascadeToken]] = []
    var broken: [[CascadeToken]] = []
    var problems: [Diagnostic] = []
    var reader = CascadeLineReader(source)
    while let scalars = reader.next() {
      var tokens: [CascadeToken] = []
      if let problem = scan(scalars, line: reader.number, into: &tokens) {
        problems.append(
          source.diagnostic(line: reader.number, column: problem.column, problem.message, hint: problem.hint))
        broken.append(tokens)
        continue
      }
      guard !tokens.isEmpty else { continue }
      tokens.append(CascadeToken(kind: .end, text: "", line: reader.number, column: scalars.count + 1))
      lines.append(tokens)
    }
    return (lines, broken, problems)
  }

  private static func scan(
    _ scalars: [Unicode.Scalar], line: Int, into tokens: inout [CascadeToken]
  ) -> (column: Int, message: String, hint: String?)? {
    var place = 0
    func add(_ kind: Kind, _ start: Int, _ end: Int) {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars[start..<end])
      tokens.append(CascadeToken(kind: kind, text: String(text), line: line, column: start + 1))
    }
    while place < scalars.count {
      let start = place
      let scalar = scalars[place]
      switch scalar {
      case " ", "\t": place += 1
      case "#": return nil
      case _ where isLetter(scalar):
        while place < scalars.count, isLetter(scalars[place]) || isDigit(scalars[place]) { place += 1 }
        // Names of cascades are hyphenated; a minus between operands has blanks or other signs around it.
        if tokens.count == 1, tokens[0].text == "cascade" {
          while place < scalars.count,
            isLetter(scalars[place]) || isDigit(scalars[place]) || scalars[place] == "-"
          {
            place += 1
          }
        }
        add(.name, start, place)
      case _ where isDigit(scalar):
        place = numberEnd(scalars, from: place)
        add(.number, start, place)
      case "\"":
        guard let end = scalars[(place + 1)...].firstIndex(of: "\"") else {
          return (start + 1, "the text has no closing quote", nil)
        }
        place = end + 1
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[(start + 1)..<end])
        tokens.append(CascadeToken(kind: .text, text: String(text), line: line, column: start + 1))
      case ":" where place + 1 < scalars.count && scalars[place + 1] == ":":
        place += 2
        add(.sign, start, place)
      case "+", "-", "*", "/", "(", ")", "[", "]", ",", "=":
        place += 1
        add(.sign, start, place)
      default:
        return (start + 1, "'\(scalar)' has no meaning in a cascade", "comments start with #")
      }
    }
    return nil
  }

  private static func numberEnd(_ scalars: [Unicode.Scalar], from start: Int) -> Int {
    var place = start
    func digits() { while place < scalars.count, isDigit(scalars[place]) { place += 1 } }
    digits()
    if place < scalars.count, scalars[place] == "." {
      place += 1
      digits()
    }
    if place < scalars.count, scalars[place] == "e" || scalars[place] == "E" {
      var end = place + 1
      if end < scalars.count, scalars[end] == "-" || scalars[end] == "+" { end += 1 }
      if end < scalars.count, isDigit(scalars[end]) {
        place = end
        digits()
      }
    }
    return place
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}

/// The lines of a text, one after another.
private struct CascadeLineReader {
  private var scalars: String.UnicodeScalarView.Iterator
  private var isOver = false
  private var pending: Unicode.Scalar?
  private(set) var number = 0

  init(_ source: SourceText) { scalars = source.text.unicodeScalars.makeIterator() }

  mutating func next() -> [Unicode.Scalar]? {
    guard !isOver else { return nil }
    number += 1
    var line: [Unicode.Scalar] = []
    while let scalar = pending ?? scalars.next() {
      pending = nil
      guard SourceText.endsLine(scalar) else {
        line.append(scalar)
        continue
      }
      if scalar == "\r" {
        let next = scalars.next()
        if next != "\n" { pending = next }
      }
      return line
    }
    isOver = true
    return line
  }
}
