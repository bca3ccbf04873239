import Foundation
import HWModels
public import Results

extension CompareReport {
  /// Two scenarios of as many points, point by point, with means of the ratios of time and energy.
  ///
  /// - Parameter points: what the axes say at each point, and the two results.
  public static func text(
    points: [(name: String, a: SimulationResult, b: SimulationResult)], names: (String, String),
    style: TextStyle = TextStyle()
  ) -> String {
    var table = TextTable([.left, .right, .right, .right, .right])
    table.add("", names.0, names.1, "time", "energy")
    for point in points {
      table.add(
        point.name, NumberText.time(point.a.time.value), NumberText.time(point.b.time.value),
        ratio(times(point)), ratio(energies(point)))
    }
    let (time, energy) = (Means(points.map(times)), Means(points.map(energies)))
    table.add("arithmetic mean", "", "", ratio(time.arithmetic), ratio(energy.arithmetic))
    table.add("geometric mean", "", "", ratio(time.geometric), ratio(energy.geometric))
    let title = style.bold("\(points.count) points, ratios of \(names.1) to \(names.0)")
    return ([title] + table.lines(width: style.width)).joined(separator: "\n") + "\n"
  }

  /// `{"points": [{"point", "a", "b", "time_ratio", "energy_ratio"}], "mean_ratios": {..}}`, ratios b / a.
  public static func json(points: [(name: String, a: SimulationResult, b: SimulationResult)]) -> String {
    let (time, energy) = (Means(points.map(times)), Means(points.map(energies)))
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return JSONValue.object([
      "points": .array(
        points.map { point in
          .object([
            "point": .string(point.name), "time_a_s": .number(point.a.time.value),
            "time_b_s": .number(point.b.time.value), "time_ratio": number(times(point)),
            "energy_ratio": number(energies(point)),
          ])
        }),
      "mean_ratios": .object([
        "time_arithmetic": number(time.arithmetic), "time_geometric": number(time.geometric),
        "energy_arithmetic": number(energy.arithmetic), "energy_geometric": number(energy.geometric),
      ]),
    ]).text()
  }

  private static func times(_ point: (name: String, a: SimulationResult, b: SimulationResult)) -> Double? {
    point.b.time.value / point.a.time.value
  }

  private static func energies(_ point: (name: String, a: SimulationResult, b: SimulationResult)) -> Double? {
    guard let a = point.a.clock.energy?.value, let b = point.b.clock.energy?.value else { return nil }
    return a > 0 && b > 0 ? b / a : nil
  }

  private static func ratio(_ value: Double?) -> String { value.map { NumberText.fixed($0, 3) + " x" } ?? "" }

  /// nil where a value is missing.
  private struct Means {
    let arithmetic: Double?
    let geometric: Double?
    init(_ values: [Double?]) {
      let all = values.compactMap(\.self)
      guard all.count == values.count, !all.isEmpty else {
        (arithmetic, geometric) = (nil, nil)
        return
      }
      arithmetic = all.reduce(0, +) / Double(all.count)
      geometric = exp(all.reduce(0) { $0 + log($1) } / Double(all.count))
    }
  }
}
