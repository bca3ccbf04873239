import HWModels

/// The text of an invented but complete device file, made from the table of fields, one number a line.
struct DeviceText {
  private var lines: [(path: String?, text: String)] = []

  /// - Parameter changes: what stands in place of a line: of a number by its dotted path, of a section by its name.
  init(_ changes: [(path: String, line: String)] = []) {
    lines = [("id", "id: test-chip"), ("name", "name: A test chip"), ("kind", "kind: gpu")]
    var section = ""
    for field in DeviceField.all where field.optionalPart != "tensorMemory" && DeviceKind.gpu.has(field) {
      let parts = field.path.split(separator: ".")
      if parts[0] != section {
        section = String(parts[0])
        lines.append((section, "\(section):"))
        for word in DeviceWord.fields where word.section == section {
          lines.append(
            (word.path, "  \(word.name): { value: \(word.example), kind: measured, source: \"bench\" }"))
        }
      }
      let value = DeviceText.values[field.path] ?? DeviceText.value(of: field)
      lines.append((field.path, "  \(parts[1]): { value: \(value), kind: measured, source: \"bench\" }"))
    }
    for change in changes {
      for index in lines.indices where lines[index].path == change.path { lines[index].text = change.line }
    }
  }

  var text: String { lines.map(\.text).joined(separator: "\n") + "\n" }

  /// Numbers that must differ from their neighbours for the device to be possible.
  private static let values = [
    "power.idle": "100 W", "l2.capacity": "50 MiB", "dram.capacity": "80 GB", "dram.bandwidth": "3.35 TB/s",
  ]

  private static func value(of field: DeviceField) -> String {
    switch field.unit {
    case .count: "16"
    case .bytes: "228 KiB"
    case .bytesPerSecond: "9 TB/s"
    case .bytesPerCycle: "128 B/clk"
    case .flopsPerCycle: "4096 flop/clk"
    case .operationsPerCycle: "16 op/clk"
    case .cycles: "30 clk"
    case .hertz: "1980 MHz"
    case .seconds: "1.5 us"
    case .watts: "700 W"
    case .joules: "0.96 pJ"
    case .fraction: "0.5"
    }
  }
}
