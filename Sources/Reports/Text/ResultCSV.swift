import Attention
import HWModels
import Programs
public import Results

/// A result as one CSV row. The columns are always the same, so that rows of many runs can be put together.
public enum CSVReport {
  /// The column names.
  public static let header: String = columns.map(\.name).joined(separator: ",")

  /// The values of one result, without a line end.
  public static func row(_ result: SimulationResult) -> String {
    columns.map { quoted($0.value(result)) }.joined(separator: ",")
  }

  /// Header and rows, each with its line end.
  public static func render(_ results: [SimulationResult]) -> String {
    ([header] + results.map(row)).joined(separator: "\n") + "\n"
  }

  public static func render(_ result: SimulationResult) -> String { render([result]) }

  /// A field by the rules of RFC 4180: in quotes where it holds a comma, a quote or a line end.
  static func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }

  private struct Column: Sendable {
    let name: String
    let value: @Sendable (SimulationResult) -> String
    init(_ name: String, _ value: @escaping @Sendable (SimulationResult) -> String) {
      self.name = name
      self.value = value
    }
  }

  private static let columns: [Column] = asked + answered + Resource.allCases.map(use)

  private static let asked: [Column] = [
    Column("device") { $0.request.device.id },
    Column("schedule") { $0.request.schedule },
    Column("parameters") {
      pairs($0.request.parameters.values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    },
    Column("overrides") { pairs($0.request.overrides.map { ($0.path, $0.value) }) },
    Column("pass") { $0.request.shape.pass.rawValue },
    Column("dtype") { $0.request.shape.dataType.rawValue },
    Column("batch") { String($0.request.shape.batch) },
    Column("heads_q") { String($0.request.shape.headsQ) },
    Column("heads_kv") { String($0.request.shape.headsKV) },
    Column("seq_q") { String($0.request.shape.seqQ) },
    Column("seq_kv") { String($0.request.shape.seqKV) },
    Column("lengths") { $0.request.shape.lengths?.description ?? "" },
    Column("shared_prefix") { String($0.request.shape.sharedPrefix) },
    Column("head_dim") { String($0.request.shape.headDim) },
    Column("head_dim_v") { String($0.request.shape.headDimV) },
    Column("mask") { $0.request.shape.mask.description },
    Column("mode") { $0.request.mode.name },
  ]

  private static let answered: [Column] = [
    Column("time_s") { number($0.time.value) },
    Column("kernel_time_s") { number($0.kernelTime.value) },
    Column("cycles") { number($0.cycles.value) },
    Column("clock_hz") { number($0.clock.frequency.value) },
    Column("clock_limiter") { $0.clock.limiter.rawValue },
    Column("power_w") { number($0.clock.power?.value) },
    Column("energy_j") { number($0.clock.energy?.value) },
    Column("useful_flops") { number($0.usefulFlops) },
    Column("executed_flops") { number($0.executedFlops) },
    Column("useful_flops_per_s") { number($0.usefulFlopsPerSecond) },
    Column("tightest_bound") { $0.tightestBound?.resource.name ?? "" },
    Column("tightest_bound_s") { $0.tightestBound.map { number($0.time.value) } ?? "" },
    Column("dram_read_bytes") { number(traffic($0, "dram")?.readBytes) },
    Column("dram_write_bytes") { number(traffic($0, "dram")?.writeBytes) },
    Column("warnings") { $0.warnings.map(\.code).joined(separator: ";") },
  ]

  private static func use(of resource: Resource) -> Column {
    Column("use_" + resource.name) { result in
      number(result.resources.first { $0.resource == resource }?.utilisation)
    }
  }

  private static func traffic(_ result: SimulationResult, _ level: String) -> SimulationResult.Traffic? {
    result.traffic.first { $0.level == level }
  }

  private static func number(_ value: Double?) -> String {
    guard let value else { return "" }
    var text = ""
    JSONText.append(value, to: &text)
    return text
  }

  private static func pairs(_ pairs: [(String, String)]) -> String {
    pairs.map { "\($0.0)=\($0.1)" }.joined(separator: ";")
  }
}
