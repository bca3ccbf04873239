public import Attention
import HWModels

/// Hardware counters of attention kernels: cycles and the use of each pipe, free of the clock.
public struct CounterTable: Sendable {
  public let rows: [Row]

  /// Hardware counters of one call.
  public struct Row: Sendable {
    public let line: Int
    public let kernel: String
    /// `fwd`, `bwd` or `decode`.
    public let pass: String
    public let batch: Int
    public let headsQ: Int
    public let headsKV: Int
    public let seq: Int
    public let headDim: Int
    public let mask: String
    /// Which kernel of the call: `main`, or an auxiliary one.
    public let part: String
    /// Core cycles from first to last, the longest of all cores.
    public let cycles: Double
    /// Mean core clock while the kernel ran, where given.
    public let clockHertz: Double?
    /// Busy percent of the elapsed cycles.
    public let tensorPercent: Double?
    public let expPercent: Double?
    public let fmaPercent: Double?
    public let aluPercent: Double?
    public let issuePercent: Double?
    public let l2HitPercent: Double?
    public let dramReadBytes: Double?
    public let dramWriteBytes: Double?

    /// The call as a shape. The benchmark that made the table measured bf16 calls with equal sequence lengths, and
    /// one query per sequence in decode.
    ///
    /// - Throws: `MeasuredTable.RowError` where the mask or lengths are none that we know.
    public func shape() throws(MeasuredTable.RowError) -> AttentionShape {
      let mask: Mask
      do { mask = try Mask(parsing: self.mask) } catch { throw .init(message: "mask \(self.mask)") }
      do {
        return try AttentionShape(
          batch: batch, headsQ: headsQ, headsKV: headsKV, seqQ: pass == "decode" ? 1 : seq, seqKV: seq,
          headDim: headDim, dataType: .bf16, mask: mask, pass: pass == "bwd" ? .backward : .forward)
      } catch {
        throw .init(message: error.description)
      }
    }
  }

  static let columns = [
    "kernel", "pass", "batch", "heads", "seq", "head_dim", "mask", "part", "sm_cycles_elapsed_max",
    "tensor_pipe_active_pct", "xu_pipe_pct", "dram_read",
  ]

  /// Whether the file looks like this table.
  public static func matches(_ source: SourceText) -> Bool {
    source.text.prefix { !$0.isNewline }.contains("sm_cycles_elapsed_max")
  }

  /// - Throws: `InputError` with everything wrong in the file.
  public init(_ source: SourceText) throws(InputError) {
    let table = try CSVTable(source, columns: CounterTable.columns)
    var problems: [Diagnostic] = []
    var rows: [Row] = []
    var seen: [String: Int] = [:]
    for line in table.rows {
      var reader = CSVRowReader(table: table, row: line)
      rows.append(CounterTable.row(&reader))
      let name = line.cells.prefix(8).map(\.text).joined(separator: ",")
      if let earlier = seen[name] {
        reader.report("kernel", "the same kernel stands at line \(earlier) already")
      }
      seen[name] = line.line
      problems += reader.problems
    }
    if rows.isEmpty { problems.append(table.noRows) }
    if !problems.isEmpty { throw InputError(problems) }
    self.rows = rows
  }

  private static func row(_ reader: inout CSVRowReader) -> Row {
    let heads = CounterTable.heads(&reader)
    let cycles = reader.amount("sm_cycles_elapsed_max")
    if cycles == nil, reader.problems.isEmpty {
      reader.report("sm_cycles_elapsed_max", "the row has no cycles")
    }
    return Row(
      line: reader.row.line, kernel: reader.requiredText("kernel"), pass: reader.requiredText("pass"),
      batch: reader.whole("batch"), headsQ: heads.q, headsKV: heads.kv, seq: reader.whole("seq"),
      headDim: reader.whole("head_dim"), mask: reader.requiredText("mask"), part: reader.requiredText("part"),
      cycles: cycles ?? 0, clockHertz: CounterTable.clock(&reader),
      tensorPercent: reader.amount("tensor_pipe_active_pct", allowZero: true),
      expPercent: reader.amount("xu_pipe_pct", allowZero: true),
      fmaPercent: reader.amount("fma_pipe_pct", allowZero: true),
      aluPercent: reader.amount("alu_pipe_pct", allowZero: true),
      issuePercent: reader.amount("issue_active_pct", allowZero: true),
      l2HitPercent: reader.amount("l2_hit_rate_pct", allowZero: true),
      dramReadBytes: CounterTable.bytes(&reader, "dram_read"),
      dramWriteBytes: CounterTable.bytes(&reader, "dram_write"))
  }

  /// `32`, or `32/8` for query and key-value heads.
  private static func heads(_ reader: inout CSVRowReader) -> (q: Int, kv: Int) {
    let text = reader.requiredText("heads")
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let q = parts[0], q > 0, let kv = parts[parts.count - 1], kv > 0
    else {
      if !text.isEmpty {
        reader.report("heads", "'\(text)' in 'heads' is not a number of heads", hint: "32 or 32/8")
      }
      return (0, 0)
    }
    return (q, kv)
  }

  /// `1.812328 Ghz`, as the profiler writes clocks.
  private static func clock(_ reader: inout CSVRowReader) -> Double? {
    guard let text = reader.text("sm_clock") else { return nil }
    let parts = text.split(separator: " ")
    let scales: [String: Double] = ["hz": 1, "Khz": 1e3, "Mhz": 1e6, "Ghz": 1e9]
    guard parts.count == 2, let value = Double(parts[0]), value > 0, value.isFinite,
      let scale = scales[String(parts[1])]
    else {
      reader.report("sm_clock", "'\(text)' in 'sm_clock' is not a clock", hint: "for example 1.81 Ghz")
      return nil
    }
    return value * scale
  }

  /// `201.599744 Mbyte`, as the profiler writes amounts.
  private static func bytes(_ reader: inout CSVRowReader, _ column: String) -> Double? {
    guard let text = reader.text(column) else { return nil }
    let parts = text.split(separator: " ")
    let scales: [String: Double] = ["byte": 1, "Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9, "Tbyte": 1e12]
    guard parts.count == 2, let value = Double(parts[0]), value >= 0, value.isFinite,
      let scale = scales[String(parts[1])]
    else {
      reader.report(
        column, "'\(text)' in '\(column)' is not an amount of bytes", hint: "for example 201.6 Mbyte")
      return nil
    }
    return value * scale
  }
}
