import HWModels
import Results

extension TextReport {
  /// Einsums, energy and mapping of a run on a spatial array.
  static func spatial(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard let spatial = result.spatial else { return [] }
    var einsums = TextTable([.left, .left, .right, .right, .left])
    for einsum in spatial.einsums {
      einsums.add(
        einsum.name, einsum.array, NumberText.grouped(einsum.cycles), NumberText.percent(einsum.utilisation),
        TextLayout.bar(einsum.utilisation, width: style.width - 56))
    }
    var lines = [style.bold("Einsums (array, busy cycles, use of its array)")] + einsums.lines()
    if spatial.stallCycles > 0 {
      lines.append("  both arrays wait \(NumberText.grouped(spatial.stallCycles)) cycles for results")
    }
    lines += ["", style.bold("Energy")] + amounts(spatial.energy, "J", total: true, style)
    lines +=
      ["", style.bold("Memory traffic by tensor")] + amounts(spatial.traffic, "B", total: false, style)
    var facts = TextTable([.left, .left])
    for fact in spatial.mapping { facts.add(fact.name, fact.value) }
    if let area = spatial.areaSquareMillimetres {
      facts.add("area", "\(NumberText.significant(area, 4)) mm²")
    }
    return lines + ["", style.bold("Mapping")] + facts.lines()
  }

  private static func amounts(
    _ amounts: [SpatialResult.Amount], _ unit: String, total: Bool, _ style: TextStyle
  ) -> [String] {
    let sum = amounts.reduce(0) { $0 + $1.value }
    var table = TextTable([.left, .right, .right, .left])
    for amount in amounts where amount.value > 0 {
      let share = amount.value / sum
      table.add(
        amount.name, NumberText.prefixed(amount.value, unit), NumberText.percent(share),
        TextLayout.bar(share, width: style.width - 48))
    }
    if total { table.add("all", NumberText.prefixed(sum, unit), "", "") }
    return table.lines()
  }
}
