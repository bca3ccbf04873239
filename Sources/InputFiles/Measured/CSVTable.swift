/// A table of comma-separated values with a header, read with the place of every cell.
///
/// Cells may be quoted; a quoted cell does not span lines.
struct CSVTable {
  let source: SourceText
  let header: [String]
  let rows: [Row]

  struct Row {
    let line: Int
    let cells: [Cell]
    let text: String
  }

  struct Cell {
    let text: String
    let column: Int
  }

  /// - Throws: `InputError` for an empty file, missing columns, and rows of another length than the header.
  init(_ source: SourceText, columns: [String], optional: [String] = []) throws(InputError) {
    self.source = source
    var lines = source.text.split(separator: "\n", omittingEmptySubsequences: false)
    // Swift reads \r\n as one character.
    if source.text.contains("\r\n") {
      lines = source.text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }
    guard let first = lines.first, !first.isEmpty else {
      throw InputError(
        source.diagnostic(
          line: 1, column: 1, "the file is empty; a table with a header is due",
          hint: "the header names \(columns.joined(separator: ", "))"))
    }
    let header = CSVTable.cells(first)
    var found = CSVTable.problems(
      header, columns: columns, optional: optional, source: source, line: String(first))
    var rows: [Row] = []
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let cells = CSVTable.cells(line)
      if cells.count != header.count {
        let location = FileLocation(file: source.name, line: index + 1, column: 1)
        found.append(
          Diagnostic(
            at: location, message: "\(cells.count) values under \(header.count) columns",
            sourceLine: String(line)))
        if found.count > 20 { break }
      }
      rows.append(Row(line: index + 1, cells: cells, text: String(line)))
    }
    if !found.isEmpty { throw InputError(found) }
    self.header = header.map(\.text)
    self.rows = rows
  }

  /// Reported where there is a header and nothing under it.
  var noRows: Diagnostic {
    source.diagnostic(
      line: 1, column: 1, "the table has no rows", hint: "a row under the header is one measurement")
  }

  private static func problems(
    _ header: [Cell], columns: [String], optional: [String], source: SourceText, line: String
  ) -> [Diagnostic] {
    var found: [Diagnostic] = []
    func report(_ column: Int, _ message: String, _ hint: String? = nil) {
      let location = FileLocation(file: source.name, line: 1, column: column)
      found.append(Diagnostic(at: location, message: message, sourceLine: line, hint: hint))
    }
    let names = header.map(\.text)
    for name in columns where !names.contains(name) {
      let free = names.filter { !columns.contains($0) && !optional.contains($0) }
      report(1, "missing column '\(name)'", NearestName.of(name, in: free).map { "is '\($0)' meant?" })
    }
    for (index, cell) in header.enumerated() where names[..<index].contains(cell.text) {
      report(cell.column, "the column '\(cell.text)' appears twice")
    }
    return found
  }

  private static func cells(_ line: Substring) -> [Cell] {
    var cells: [Cell] = []
    var text = ""
    var start = 1
    var column = 0
    var quoted = false
    for scalar in line.unicodeScalars {
      column += 1
      if scalar == "\"" {
        quoted.toggle()
      } else if scalar == ",", !quoted {
        cells.append(Cell(text: text.trimmed(), column: start))
        text = ""
        start = column + 1
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    cells.append(Cell(text: text.trimmed(), column: start))
    return cells
  }

  func index(of column: String) -> Int? { header.firstIndex(of: column) }

  /// A diagnostic at a cell, or at the line where no column is named.
  func diagnostic(
    _ severity: Diagnostic.Severity, _ row: Row, column: Int?, _ message: String, hint: String? = nil
  ) -> Diagnostic {
    let place = column.flatMap { row.cells.indices.contains($0) ? row.cells[$0].column : nil } ?? 1
    return Diagnostic(
      severity, at: FileLocation(file: source.name, line: row.line, column: place), message: message,
      sourceLine: row.text, hint: hint)
  }
}

/// Reads the cells of one row and gathers what is wrong with them.
struct CSVRowReader {
  let table: CSVTable
  let row: CSVTable.Row
  private(set) var problems: [Diagnostic] = []

  init(table: CSVTable, row: CSVTable.Row) {
    self.table = table
    self.row = row
  }

  func text(_ column: String) -> String? {
    guard let index = table.index(of: column), row.cells.indices.contains(index) else { return nil }
    let text = row.cells[index].text
    return text.isEmpty ? nil : text
  }

  mutating func requiredText(_ column: String) -> String {
    if let text = text(column) { return text }
    report(column, "'\(column)' is empty")
    return ""
  }

  /// A number above zero; nil where the cell is empty.
  mutating func amount(_ column: String, allowZero: Bool = false) -> Double? {
    guard let text = text(column) else { return nil }
    // Only the digits of decimal numbers: Double also reads hexadecimal and "nan".
    let isDecimal = text.allSatisfy { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
    guard isDecimal, let value = Double(text), value.isFinite else {
      report(column, "'\(text)' in '\(column)' is not a number")
      return nil
    }
    guard allowZero ? value >= 0 : value > 0 else {
      report(
        column, "'\(column)' is \(text)", hint: allowZero ? "it cannot be negative" : "it must be above zero")
      return nil
    }
    return value
  }

  mutating func whole(_ column: String) -> Int {
    let text = requiredText(column)
    if text.isEmpty { return 0 }
    guard let value = Int(text), value > 0 else {
      report(column, "'\(text)' in '\(column)' is not a whole number above zero")
      return 0
    }
    return value
  }

  mutating func report(_ column: String, _ message: String, hint: String? = nil) {
    problems.append(table.diagnostic(.error, row, column: table.index(of: column), message, hint: hint))
  }
}
