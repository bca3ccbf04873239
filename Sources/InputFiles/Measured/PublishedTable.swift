public import Attention
import HWModels

/// Numbers that papers and repositories print: one row a number, whatever it measures, and not every shape complete.
public struct PublishedTable: Sendable {
  public let rows: [Row]
  /// Rows that stand twice.
  public let warnings: [Diagnostic]

  /// One published number.
  public struct Row: Sendable {
    /// In the file, from 1.
    public let line: Int
    public let source: String
    public let hardware: String
    public let kernel: String
    public let pass: String
    /// `tflops`, `time_us`, and others; see `PublishedMetric` for those that are compared.
    public let metric: String
    public let value: Double
    /// Which of several configurations of the kernel, where the table has a column for it.
    public let config: String
    public let note: String
    /// Numbers in columns that only some tables have, such as the size of a buffer.
    public let amounts: [String: Double]
    let dataType: String
    let mask: String
    /// By column; missing where the source does not say.
    let numbers: [String: Int]

    /// The call as a shape; a missing key length, value dimension or key-value head count is that of the queries.
    ///
    /// - Throws: `MeasuredTable.RowError` naming the first thing that the source does not say or that we do not know.
    public func shape() throws(MeasuredTable.RowError) -> AttentionShape {
      func need(_ column: String) throws(MeasuredTable.RowError) -> Int {
        guard let number = numbers[column] else {
          throw MeasuredTable.RowError(message: "\(column) is not stated")
        }
        return number
      }
      guard
        let type = dataType.isEmpty
          ? .bf16 : DataType(rawValue: dataType) ?? PublishedTable.fixedPoint(dataType)
      else {
        throw MeasuredTable.RowError(message: "data type \(dataType)")
      }
      let mask: Mask
      do { mask = try Mask(parsing: self.mask.isEmpty ? "none" : self.mask) } catch {
        throw MeasuredTable.RowError(message: "mask \(self.mask.prefix { $0 != ":" })")
      }
      let (heads, length, dimension) = (try need("heads_q"), try need("seq_q"), try need("head_dim"))
      do {
        return try AttentionShape(
          batch: try need("batch"), headsQ: heads, headsKV: numbers["heads_kv"] ?? heads, seqQ: length,
          seqKV: numbers["seq_kv"] ?? length, headDim: dimension,
          headDimV: numbers["head_dim_v"] ?? dimension, dataType: type, mask: mask,
          pass: pass == "bwd" ? .backward : .forward)
      } catch let error as MeasuredTable.RowError {
        throw error
      } catch {
        throw MeasuredTable.RowError(message: "\(error)")
      }
    }
  }

  /// Fixed point is as wide as the floating-point type that stands for it: `ap_fixed<16,7>`; `16b` says the width alone.
  fileprivate static func fixedPoint(_ text: String) -> DataType? {
    if text == "16b" { return .bf16 }
    guard text.hasPrefix("ap_fixed<") else { return nil }
    switch text.dropFirst("ap_fixed<".count).prefix(while: \.isNumber) {
    case "8": return .fp8
    case "16": return .fp16
    case "32": return .fp32
    default: return nil
    }
  }

  static let columns = [
    "source", "hardware", "kernel", "pass", "dtype", "batch", "heads_q", "heads_kv", "seq_q", "seq_kv",
    "head_dim", "head_dim_v", "mask", "metric", "value",
  ]
  private static let optionalColumns = ["unit", "note", "config", "model"]
  private static let shapeColumns = [
    "batch", "heads_q", "heads_kv", "seq_q", "seq_kv", "head_dim", "head_dim_v",
  ]

  /// Metrics that predictions are held against.
  public static func isCompared(_ metric: String) -> Bool {
    metrics.contains(metric) || metric.hasPrefix("utilization_2d_")
  }

  private static let metrics: Set<String> = [
    "tflops", "time_us", "cycles", "deadlock", "traffic_bytes", "energy_j", "utilization_2d",
    "utilization_1d",
    "mem_time_us", "compute_2d_time_us", "compute_1d_time_us",
  ]

  /// Whether the file looks like this table.
  public static func matches(_ source: SourceText) -> Bool {
    let header = source.text.prefix { !$0.isNewline }
    return header.contains("hardware") && header.contains("metric")
  }

  /// - Throws: `InputError` with everything wrong in the file: missing columns, numbers that are none.
  public init(_ source: SourceText) throws(InputError) {
    let table = try CSVTable(source, columns: Self.columns, optional: Self.optionalColumns)
    let further = table.header.filter { !Self.columns.contains($0) && !Self.optionalColumns.contains($0) }

    var problems: [Diagnostic] = []
    var warnings: [Diagnostic] = []
    var rows: [Row] = []
    var seen: [String: Int] = [:]
    for line in table.rows {
      var reader = CSVRowReader(table: table, row: line)
      var numbers: [String: Int] = [:]
      for column in Self.shapeColumns {
        // A source may give a mean or a range; such a shape cannot be asked.
        if let text = reader.text(column), let number = Int(text), number > 0 { numbers[column] = number }
      }
      // What is not compared may be words.
      let isNumber = PublishedTable.isCompared(reader.text("metric") ?? "")
      let value =
        isNumber ? reader.amount("value", allowZero: true) : reader.text("value").flatMap(Double.init) ?? 0
      if value == nil, reader.problems.isEmpty { reader.report("value", "'value' is empty") }
      rows.append(
        Row(
          line: line.line, source: reader.text("source") ?? "", hardware: reader.requiredText("hardware"),
          kernel: reader.requiredText("kernel"), pass: reader.text("pass") ?? "",
          metric: reader.requiredText("metric"), value: value ?? 0, config: reader.text("config") ?? "",
          note: reader.text("note") ?? "",
          amounts: Dictionary(
            uniqueKeysWithValues: further.compactMap { column in
              reader.text(column).flatMap(Double.init).map { (column, $0) }
            }), dataType: reader.text("dtype") ?? "",
          mask: reader.text("mask") ?? "", numbers: numbers))
      problems += reader.problems
      if let earlier = seen[line.text] {
        warnings.append(
          table.diagnostic(.warning, line, column: nil, "the same row stands at line \(earlier) too"))
      }
      seen[line.text] = line.line
    }
    if rows.isEmpty { problems.append(table.noRows) }
    if !problems.isEmpty { throw InputError(problems) }
    self.rows = rows
    self.warnings = warnings
  }
}
