public import Attention
import HWModels

/// Times measured on one GPU: one row per attention call. The columns are those of the benchmark that made them.
public struct MeasuredTable: Sendable {
  public let rows: [Row]
  /// Cases that are measured more than once, and other things worth knowing.
  public let warnings: [Diagnostic]
  /// The GPU as the benchmark calls it.
  public let gpu: String

  /// Which time of a row.
  public enum Metric: String, CaseIterable, Sendable {
    /// Median of single launches on a cool chip, launch included.
    case burst = "burst_us"
    /// Mean of back-to-back launches for long enough that the power limit holds.
    case sustained = "sustained_us"
    /// Device time of the kernels alone, single launches.
    case kernel = "kernel_us"
  }

  /// One measured call.
  public struct Row: Sendable {
    /// In the file, from 1.
    public let line: Int
    public let gpu: String
    public let kernel: String
    /// `fwd`, `bwd` or `decode`.
    public let pass: String
    public let dataType: String
    public let batch: Int
    public let headsQ: Int
    public let headsKV: Int
    public let seqQ: Int
    public let seqKV: Int
    public let headDim: Int
    public let headDimV: Int
    public let mask: String
    /// Useful flops of the call.
    public let flops: Double?
    /// Microseconds by metric; missing where the benchmark left the cell empty.
    public let microseconds: [Metric: Double]
    /// As the driver reports it: the clock that was asked for.
    public let clockMegahertz: Double?
    /// Cycles counted over time.
    public let effectiveClockMegahertz: Double?
    public let powerWatts: Double?
    /// How long the sustained run lasted, where the table says.
    public let sustainedSeconds: Double?
    /// Kernels of one call, where counted.
    public let kernels: Double?
    /// Tool, backend and version that measured it, where named.
    public let source: String?

    /// The call as a shape.
    ///
    /// - Throws: `RowError` where the mask, type or lengths are none that we know.
    public func shape() throws(RowError) -> AttentionShape {
      guard let type = DataType(rawValue: dataType) else { throw RowError(message: "data type \(dataType)") }
      let mask: Mask
      do { mask = try Mask(parsing: self.mask) } catch { throw RowError(message: "mask \(maskFamily)") }
      do {
        return try AttentionShape(
          batch: batch, headsQ: headsQ, headsKV: headsKV, seqQ: seqQ, seqKV: seqKV, headDim: headDim,
          headDimV: headDimV, dataType: type, mask: mask, pass: pass == "bwd" ? .backward : .forward)
      } catch {
        throw RowError(message: error.description)
      }
    }

    /// The mask without its numbers: `gna128x128`, `block_sparse128`.
    private var maskFamily: String { String(mask.prefix { $0 != ":" }) }
  }

  /// Why a row is no call that the tool can ask.
  public struct RowError: Error, Sendable {
    public let message: String
    public init(message: String) { self.message = message }
  }

  static let columns = [
    "gpu", "kernel", "pass", "dtype", "batch", "heads_q", "heads_kv", "seq_q", "seq_kv", "head_dim",
    "head_dim_v",
    "mask", "flops", "burst_us", "sustained_us", "kernel_us",
  ]
  static let otherColumns = [
    "burst_p10_us", "burst_p90_us", "sm_clock_mhz", "effective_clock_mhz", "power_w", "seconds", "n_kernels",
    "source",
  ]

  /// Whether the file looks like this table and not like one of counters.
  public static func matches(_ source: SourceText) -> Bool {
    let header = source.text.prefix { !$0.isNewline }
    return header.contains("sustained_us") || header.contains("burst_us") || header.contains("kernel_us")
  }

  /// - Throws: `InputError` with everything wrong in the file: missing columns, numbers that are none, times that are
  ///   not above zero, rows that stand twice, a second GPU.
  public init(_ source: SourceText) throws(InputError) {
    guard source.text.isEmpty || MeasuredTable.matches(source) else {
      throw InputError(
        source.diagnostic(
          line: 1, column: 1, "this is no table of measured times or counters",
          hint: "the header has burst_us, sustained_us or kernel_us; or sm_cycles_elapsed_max"))
    }
    let table = try CSVTable(source, columns: MeasuredTable.columns, optional: MeasuredTable.otherColumns)
    var problems: [Diagnostic] = []
    var warnings: [Diagnostic] = []
    var rows: [Row] = []
    var seenRows: [String: Int] = [:]
    var seenCases: [String: Int] = [:]
    for line in table.rows {
      var reader = CSVRowReader(table: table, row: line)
      let row = MeasuredTable.row(&reader)
      if let first = rows.first?.gpu, row.gpu != first, !row.gpu.isEmpty {
        reader.report("gpu", "a second GPU, '\(row.gpu)', in a table of '\(first)'", hint: "one file per GPU")
      }
      if let earlier = seenRows[line.text] {
        reader.report("gpu", "the same row stands at line \(earlier) already", hint: "remove one of them")
      } else {
        let name = line.cells.prefix(12).map(\.text).joined(separator: ",")
        if let earlier = seenCases[name] {
          warnings.append(
            table.diagnostic(.warning, line, column: nil, "the same case is measured at line \(earlier) too"))
        }
        seenCases[name] = line.line
      }
      seenRows[line.text] = line.line
      problems += reader.problems
      rows.append(row)
    }
    if rows.isEmpty { problems.append(table.noRows) }
    if !problems.isEmpty { throw InputError(problems) }
    self.rows = rows
    self.warnings = warnings
    gpu = rows.first?.gpu ?? ""
  }

  private static func row(_ reader: inout CSVRowReader) -> Row {
    var times: [Metric: Double] = [:]
    for metric in Metric.allCases { times[metric] = reader.amount(metric.rawValue) }
    let pass = reader.requiredText("pass")
    if !pass.isEmpty, !["fwd", "bwd", "decode"].contains(pass) {
      reader.report("pass", "'\(pass)' is not a pass", hint: "fwd, bwd or decode")
    }
    if times.isEmpty, reader.problems.isEmpty {
      reader.report(
        "sustained_us", "the row has no time", hint: "one of burst_us, sustained_us and kernel_us is due")
    }
    return Row(
      line: reader.row.line, gpu: reader.requiredText("gpu"), kernel: reader.requiredText("kernel"),
      pass: pass,
      dataType: reader.requiredText("dtype"), batch: reader.whole("batch"), headsQ: reader.whole("heads_q"),
      headsKV: reader.whole("heads_kv"), seqQ: reader.whole("seq_q"), seqKV: reader.whole("seq_kv"),
      headDim: reader.whole("head_dim"), headDimV: reader.whole("head_dim_v"),
      mask: reader.requiredText("mask"),
      flops: reader.amount("flops"), microseconds: times, clockMegahertz: reader.amount("sm_clock_mhz"),
      effectiveClockMegahertz: reader.amount("effective_clock_mhz"), powerWatts: reader.amount("power_w"),
      sustainedSeconds: reader.amount("seconds"), kernels: reader.amount("n_kernels"),
      source: reader.text("source"))
  }
}
