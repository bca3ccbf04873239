import HWModels
public import Results

extension TextReport {
  /// Which device numbers are nobody's (assumed) or fitted, and to what: how far to trust a result.
  public static func confidence(_ result: SimulationResult, style: TextStyle = TextStyle()) -> String {
    confidence(result, style).joined(separator: "\n")
  }

  static func confidence(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    let device = result.request.device
    guard !device.provenance.isEmpty else { return [] }
    let changed = Set(result.request.overrides.map(\.path))
    let assumed = device.paths(of: .assumed).filter { !changed.contains($0) }
    let fitted = device.paths(of: .fitted).filter { !changed.contains($0) }
    var table = TextTable([.left, .left, .left])
    for path in result.request.overrides.map(\.path) {
      table.add(path, value(path, device), "changed by the user")
    }
    for path in assumed { table.add(path, value(path, device), "assumed" + reason(device.provenance[path])) }
    for path in fitted { table.add(path, value(path, device), fit(device.provenance[path])) }
    return [style.bold("How sure we are")]
      + TextLayout.wrapped(summary(device), width: style.width - 2).map { "  " + $0 }
      + table.lines(indent: 4, width: style.width)
  }

  /// `61 device numbers: 40 quoted, 12 measured, 5 derived, 3 fitted, 1 assumed.`
  private static func summary(_ device: Device) -> String {
    let parts = ProvenanceKind.allCases.compactMap { kind -> String? in
      let count = device.paths(of: kind).count
      return count > 0 ? "\(count) \(kind.rawValue)" : nil
    }
    return "\(device.provenance.count) numbers describe this device: \(parts.joined(separator: ", "))."
  }

  private static func value(_ path: String, _ device: Device) -> String {
    guard let field = DeviceField.at(path), let value = field.value(on: device) else { return "" }
    return RequestText.amount(value, field.unit)
  }

  private static func reason(_ provenance: Provenance?) -> String {
    guard let text = provenance?.note ?? provenance?.source, !text.isEmpty else { return "" }
    return ": " + text
  }

  private static func fit(_ provenance: Provenance?) -> String {
    guard let fit = provenance?.fit else { return "fitted" + reason(provenance) }
    return "fitted to \(fit.data), residual \(NumberText.percent(fit.residual)), \(fit.date)"
  }
}
