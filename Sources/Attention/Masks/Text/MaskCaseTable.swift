/// A table of mask cases as comma-separated text: a header, a case a line, and count columns to be filled in.
///
/// Two kinds, told apart by their columns: neighborhood cases (`shape`, `window`, ...) and sequence masks (`mask`,
/// `seq_q`, ...). Columns that are neither inputs nor counts are kept as they are.
public struct MaskCaseTable: Sendable {
  public let header: [String]
  public let rows: [Row]
  public let kind: Kind
  private let lineEnding: String

  /// Which columns a table has.
  public enum Kind: Sendable, Hashable { case neighborhoods, sequences }

  /// One case, and the line it stands in.
  public struct Row: Sendable {
    /// Line in the text, from 1.
    public let line: Int
    public let fields: [String]
    public let maskCase: MaskCase
  }

  /// What is wrong on one line of a table.
  public struct LineError: Sendable, Hashable, CustomStringConvertible {
    public let line: Int
    /// The column to blame, where it is one.
    public let column: String?
    public let message: String
    public var description: String { "line \(line): " + (column.map { "\($0): " } ?? "") + message }
  }

  /// Everything that is wrong in a table, in the order of its lines.
  public struct Errors: Error, Sendable, CustomStringConvertible {
    public let errors: [LineError]
    public var description: String { errors.map(\.description).joined(separator: "\n") }
  }

  /// - Throws: `Errors` with every line that is no case.
  public init(parsing text: String) throws(Errors) {
    var lines = CommaSeparated.lines(of: text)[...]
    guard let (headerLine, header) = lines.popFirst() else {
      throw Errors(errors: [LineError(line: 1, column: nil, message: "the table is empty; a header is due")])
    }
    let kind: Kind = header.contains("mask") ? .sequences : .neighborhoods
    let missing = kind.requiredColumns.filter { !header.contains($0) }
    guard missing.isEmpty else {
      let message =
        "the header lacks \(missing.joined(separator: ", ")); a table of masks has "
        + "\(Kind.sequences.requiredColumns.joined(separator: ", ")), one of neighborhoods "
        + Kind.neighborhoods.requiredColumns.joined(separator: ", ")
      throw Errors(errors: [LineError(line: headerLine, column: nil, message: message)])
    }
    var rows: [Row] = []
    var errors: [LineError] = []
    for (line, fields) in lines {
      guard fields.count == header.count else {
        errors.append(
          LineError(
            line: line, column: nil, message: "\(fields.count) fields, but the header has \(header.count)"))
        continue
      }
      do throws(CellError) {
        let cells = Cells(header: header, fields: fields)
        let maskCase = try kind == .sequences ? cells.sequenceCase() : cells.neighborhoodCase()
        rows.append(Row(line: line, fields: fields, maskCase: maskCase))
      } catch {
        errors.append(LineError(line: line, column: error.column, message: error.message))
      }
    }
    guard errors.isEmpty else { throw Errors(errors: errors) }
    self.header = header
    self.rows = rows
    self.kind = kind
    lineEnding = CommaSeparated.lineEnding(of: text)
  }

  /// The table with every count column filled in; count columns that it lacks come last.
  ///
  /// - Parameter read: the text of a block list's file at a path.
  /// - Throws: `Errors` with every case whose mask does not fit its lengths or tiles.
  public func filled(readingBlockLists read: (_ path: String) throws -> String) throws(Errors) -> String {
    let header = header + kind.countColumns.filter { !self.header.contains($0) }
    var text = CommaSeparated.line(header, ending: lineEnding)
    var errors: [LineError] = []
    for row in rows {
      do {
        var maskCase = row.maskCase
        maskCase.mask = try maskCase.mask.readingBlockLists(read)
        let counts = try maskCase.counts()
        var fields = row.fields + [String](repeating: "", count: header.count - row.fields.count)
        for (index, column) in header.enumerated() {
          if let value = counts.column(column, kind: kind) { fields[index] = value }
        }
        text += CommaSeparated.line(fields, ending: lineEnding)
      } catch {
        errors.append(LineError(line: row.line, column: nil, message: "\(error)"))
      }
    }
    guard errors.isEmpty else { throw Errors(errors: errors) }
    return text
  }
}
