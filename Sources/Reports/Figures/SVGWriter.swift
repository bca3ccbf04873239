/// Writes a picture element by element. The same calls give the same bytes; all text is escaped.
struct SVGWriter {
  typealias Attributes = KeyValuePairs<String, String>

  private let width: Double
  private let height: Double
  private let title: String
  private var body = ""

  init(width: Double, height: Double, title: String) {
    self.width = width
    self.height = height
    self.title = title
  }

  /// The whole document. `embedded` leaves out what only a file of its own needs.
  func document(embedded: Bool = false) -> String {
    let size = "viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\""
    let start =
      embedded
      ? "<svg class=\"fig\" \(size) role=\"img\" style=\"max-width:\(Self.number(width))px\">"
      : "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\" width=\"\(Self.number(width))\" "
        + "height=\"\(Self.number(height))\" \(size) role=\"img\">"
    let style = embedded ? "" : "<style>\(FigureStyle.css)</style>\n"
    let page = embedded ? "" : "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n"
    return start + "\n<title>\(Self.escaped(title))</title>\n" + style + page + body + "</svg>\n"
  }

  /// Draws what `draw` adds `down` lower.
  mutating func moved(down: Double, _ draw: (inout SVGWriter) -> Void) {
    guard down != 0 else { return draw(&self) }
    body += "<g transform=\"translate(0 \(Self.number(down)))\">\n"
    draw(&self)
    body += "</g>\n"
  }

  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, radius: Double = 0,
    hint: String? = nil
  ) {
    let corner = radius > 0 ? " rx=\"\(Self.number(radius))\"" : ""
    add(
      "rect", style,
      "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(width, 0)))\" height=\"\(Self.number(max(height, 0)))\"\(corner)",
      hint)
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
    add(
      "line", style,
      "x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\"",
      nil)
  }

  mutating func circle(_ x: Double, _ y: Double, _ radius: Double, _ style: String, hint: String? = nil) {
    add(
      "circle", style, "cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\"", hint)
  }

  mutating func polygon(_ points: [(Double, Double)], _ style: String) {
    let list = points.map { "\(Self.number($0.0)),\(Self.number($0.1))" }.joined(separator: " ")
    add("polygon", style, "points=\"\(list)\"", nil)
  }

  enum Anchor: String { case start, middle, end }

  /// Text with its baseline at `y`, turned by `degrees` about its anchor.
  mutating func text(
    _ x: Double, _ y: Double, _ text: String, _ style: String = "ink", anchor: Anchor = .start,
    degrees: Double = 0
  ) {
    let turn =
      degrees == 0 ? "" : " transform=\"rotate(\(Self.number(degrees)) \(Self.number(x)) \(Self.number(y)))\""
    let end = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
    body +=
      "<text class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\"\(end)\(turn)>\(Self.escaped(text))</text>\n"
  }

  private mutating func add(_ name: String, _ style: String, _ geometry: String, _ hint: String?) {
    body += "<\(name) class=\"\(style)\" \(geometry)"
    guard let hint else {
      body += "/>\n"
      return
    }
    // Pages show `data-tip` at once; everywhere else `title` shows after a moment.
    body += " data-tip=\"\(Self.escaped(hint))\"><title>\(Self.escaped(hint))</title></\(name)>\n"
  }

  /// A coordinate with at most two digits after the point.
  static func number(_ value: Double) -> String {
    var text = NumberText.fixed(value.isFinite ? value : 0, 2)[...]
    while text.last == "0" { text = text.dropLast() }
    if text.last == "." { text = text.dropLast() }
    return String(text)
  }

  /// `text` safe inside an element or an attribute; characters that XML 1.0 forbids become U+FFFD.
  static func escaped(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "'": output += "&#39;"
      case "\n", "\t", "\r": output += "&#\(scalar.value);"
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        output += "\u{FFFD}"
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
