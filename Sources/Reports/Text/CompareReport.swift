import HWModels
import Programs
public import Results

/// Two results side by side, with the ratio of the second to the first.
public enum CompareReport {
  /// - Parameter names: what to call the two columns; by default the devices, or the schedules where those are equal.
  public static func text(
    _ a: SimulationResult, _ b: SimulationResult, names: (String, String)? = nil,
    style: TextStyle = TextStyle()
  ) -> String {
    let (nameA, nameB) = names ?? defaultNames(a, b)
    var table = TextTable([.left, .right, .right, .right], gap: 3)
    table.add("", nameA, nameB, "ratio")
    for row in rows(a, b) {
      table.add(row.name, row.textA, row.textB, row.ratio.map { NumberText.fixed($0, 3) + " x" } ?? "")
    }
    var sections = [[style.bold(title(a, b))], table.lines()]
    let asked = differences(asked: a.request, b.request)
    if !asked.isEmpty { sections.append([style.bold("Asked differently")] + side(asked, nameA, nameB)) }
    let device = differences(a.request.device, b.request.device)
    if !device.isEmpty {
      sections.append([style.bold("Device numbers that differ")] + side(device, nameA, nameB))
    }
    return sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  /// `{"a": .., "b": .., "ratios": {..}}`, ratios b / a.
  public static func json(_ a: SimulationResult, _ b: SimulationResult) -> String {
    let ratios = rows(a, b).compactMap { row in row.ratio.map { (key: row.key, value: JSONValue.number($0)) }
    }
    return JSONValue.object([
      "a": JSONReport.value(a), "b": JSONReport.value(b), "ratios": .object(ratios),
    ]).text()
  }

  private struct Row {
    var name: String
    var key: String
    var textA: String
    var textB: String
    var ratio: Double?
  }

  private static func rows(_ a: SimulationResult, _ b: SimulationResult) -> [Row] {
    func row(
      _ name: String, _ key: String, _ show: (Double) -> String, _ value: (SimulationResult) -> Double?
    ) -> Row {
      let (valueA, valueB) = (value(a), value(b))
      var ratio: Double?
      if let valueA, let valueB, valueA > 0, valueB > 0 { ratio = valueB / valueA }
      return Row(
        name: name, key: key, textA: valueA.map(show) ?? TextReport.unknown,
        textB: valueB.map(show) ?? TextReport.unknown, ratio: ratio)
    }
    func joules(_ value: Double) -> String { NumberText.prefixed(value, "J") }
    func rate(_ value: Double) -> String { NumberText.prefixed(value, "FLOP/s") }
    func clock(_ value: Double) -> String { TextReport.clockText(Frequency(value)) }
    var rows = [
      row("time", "time", NumberText.time, \.time.value),
      row("kernels", "kernel_time", NumberText.time, \.kernelTime.value),
      row("cycles", "cycles", NumberText.grouped, \.cycles.value),
      row("clock", "clock", clock, \.clock.frequency.value),
      Row(
        name: "clock held by", key: "", textA: a.clock.limiter.rawValue, textB: b.clock.limiter.rawValue,
        ratio: nil),
      row("power", "power", TextReport.powerText, \.clock.power?.value),
      row("energy", "energy", joules, \.clock.energy?.value),
      row("useful rate", "useful_flops_per_s", rate, \.usefulFlopsPerSecond),
      Row(
        name: "nearest bound", key: "", textA: a.tightestBound?.resource.name ?? "-",
        textB: b.tightestBound?.resource.name ?? "-", ratio: nil),
    ]
    for resource in Resource.allCases {
      func use(_ result: SimulationResult) -> Double {
        result.resources.first { $0.resource == resource }?.utilisation ?? 0
      }
      guard use(a) > 0 || use(b) > 0 else { continue }
      rows.append(row("use of \(resource.name)", "use_\(resource.name)", { NumberText.percent($0) }, use))
    }
    return rows
  }

  private static func defaultNames(_ a: SimulationResult, _ b: SimulationResult) -> (String, String) {
    if a.request.device.id != b.request.device.id { return (a.request.device.id, b.request.device.id) }
    if a.request.schedule != b.request.schedule { return (a.request.schedule, b.request.schedule) }
    return ("A", "B")
  }

  private static func title(_ a: SimulationResult, _ b: SimulationResult) -> String {
    "\(a.request.schedule) on \(a.request.device.name)  against  \(b.request.schedule) on \(b.request.device.name)"
  }

  private static func differences(asked a: SimulationRequest, _ b: SimulationRequest) -> [(
    String, String, String
  )] {
    func described(_ request: SimulationRequest) -> [(String, String)] {
      let parameters = request.parameters.values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      return [
        ("schedule", request.schedule), ("parameters", parameters.joined(separator: ", ")),
        ("shape", RequestText.shape(request.shape)), ("mode", request.mode.name),
        ("changes", request.overrides.map { "\($0.path)=\($0.value)" }.joined(separator: ", ")),
      ]
    }
    return zip(described(a), described(b)).filter { $0.1 != $1.1 }.map { ($0.0, $0.1, $1.1) }
  }

  private static func differences(_ a: Device, _ b: Device) -> [(String, String, String)] {
    DeviceField.all.compactMap { field in
      let (valueA, valueB) = (field.value(on: a), field.value(on: b))
      guard valueA != valueB else { return nil }
      func text(_ value: Double?) -> String { value.map { RequestText.amount($0, field.unit) } ?? "-" }
      return (field.path, text(valueA), text(valueB))
    }
  }

  /// Values in two columns where they are short, else one under the other.
  private static func side(_ rows: [(String, String, String)], _ nameA: String, _ nameB: String) -> [String] {
    if rows.allSatisfy({ $0.1.count <= 30 && $0.2.count <= 30 }) {
      var table = TextTable([.left, .right, .right], gap: 3)
      table.add("", nameA, nameB)
      for row in rows { table.add(row.0, row.1.isEmpty ? "-" : row.1, row.2.isEmpty ? "-" : row.2) }
      return table.lines()
    }
    var table = TextTable([.left, .left, .left])
    for row in rows {
      table.add(row.0, nameA, row.1.isEmpty ? "-" : row.1)
      table.add("", nameB, row.2.isEmpty ? "-" : row.2)
    }
    return table.lines()
  }
}
