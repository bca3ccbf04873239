/// Columns of text lined up, each to the left or to the right.
struct TextTable {
  enum Alignment { case left, right }

  private let alignments: [Alignment]
  private let gap: Int
  private var rows: [[String]] = []

  init(_ alignments: [Alignment], gap: Int = 2) {
    self.alignments = alignments
    self.gap = gap
  }

  mutating func add(_ cells: String...) { rows.append(cells) }
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The lines, each behind `indent` spaces, without trailing blanks. The last column may run past `width` and is
  /// then wrapped under itself.
  func lines(indent: Int = 2, width: Int = .max) -> [String] {
    let widths = alignments.indices.map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    let lastStart = indent + widths.dropLast().reduce(0) { $0 + $1 + gap }
    return rows.flatMap { row -> [String] in
      var line = String(repeating: " ", count: indent)
      for (column, cell) in row.enumerated().dropLast() {
        line += TextLayout.padded(cell, widths[column], alignments[column])
        line += String(repeating: " ", count: gap)
      }
      guard let last = row.last else { return [""] }
      let isFull = row.count == alignments.count
      if isFull, alignments[row.count - 1] == .left, lastStart + last.count > width, width - lastStart >= 20 {
        let wrapped = TextLayout.wrapped(last, width: width - lastStart)
        return wrapped.enumerated().map { place, part in
          (place == 0 ? line : String(repeating: " ", count: lastStart)) + part
        }
      }
      line += TextLayout.padded(last, widths[row.count - 1], alignments[row.count - 1])
      return [TextLayout.trimmedRight(line)]
    }
  }
}

/// Small helpers of fixed-width text.
enum TextLayout {
  static func padded(_ text: String, _ width: Int, _ alignment: TextTable.Alignment = .left) -> String {
    let blank = String(repeating: " ", count: max(0, width - text.count))
    return alignment == .left ? text + blank : blank + text
  }

  static func trimmedRight(_ text: String) -> String {
    var kept = text[...]
    while kept.last == " " { kept = kept.dropLast() }
    return String(kept)
  }

  /// `left` and `right` at the two ends of a line of `width`.
  static func spread(_ left: String, _ right: String, width: Int) -> String {
    let blank = max(2, width - left.count - right.count)
    return left + String(repeating: " ", count: blank) + right
  }

  /// `text` broken at blanks into lines of at most `width` characters (longer words stay whole).
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    lines.append(line)
    return lines
  }

  /// `share` of `width` cells filled, in eighths of a cell.
  static func bar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(max(share.isFinite ? share : 0, 0), 1) * Double(width) * 8).rounded())
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    let filled = String(repeating: "█", count: eighths / 8) + partial
    return filled + String(repeating: "·", count: max(0, width - filled.count))
  }
}

/// How text for people is laid out.
public struct TextStyle: Sendable {
  /// Columns of the terminal; reports use 80 to 100 of them.
  public var width: Int
  /// Bold and dim by escape codes. Off unless the output is a terminal.
  public var colour: Bool

  public init(width: Int = 96, colour: Bool = false) {
    self.width = min(max(width, 80), 100)
    self.colour = colour
  }

  func bold(_ text: String) -> String { colour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
  func dim(_ text: String) -> String { colour ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
}
