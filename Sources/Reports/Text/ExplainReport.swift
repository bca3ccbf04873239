import Foundation
import HWModels
public import Results

/// Why a result is what it is, and what would change it, in plain words.
public enum ExplainReport {
  /// The text report followed by attribution, elasticities and advice.
  public static func text(
    _ result: SimulationResult, attribution: Attribution, elasticities: [Elasticity],
    style: TextStyle = TextStyle()
  ) -> String {
    var sections = [TextReport.render(result, style: style).trimmingCharacters(in: .newlines)]
    sections.append(path(attribution, style).joined(separator: "\n"))
    sections.append(sensitivities(result, elasticities, style).joined(separator: "\n"))
    sections.append(advice(result, attribution, elasticities, style).joined(separator: "\n"))
    return sections.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  /// The result's JSON with `attribution` and `elasticities` beside it.
  public static func json(
    _ result: SimulationResult, attribution: Attribution, elasticities: [Elasticity]
  ) -> String {
    JSONValue.object([
      "result": JSONReport.value(result),
      "attribution": .array(
        attribution.entries.map {
          .object(["name": .string($0.name), "ticks": .integer($0.ticks), "share": .number($0.share)])
        }),
      "elasticities": .array(
        sorted(elasticities).map {
          .object([
            "path": .string($0.path), "value": .number($0.value), "scatter": .number($0.scatter),
            "half": step($0.steps?.half), "twice": step($0.steps?.twice),
          ])
        }),
    ]).text()
  }

  /// Time over the time as it is; `"impossible"` where the program does not fit or gets stuck, null where nothing was tried.
  private static func step(_ step: Elasticity.Step?) -> JSONValue {
    switch step {
    case .time(let ratio): .number(ratio)
    case .impossible: .string("impossible")
    case .none?, nil: .null
    }
  }

  /// Below this share of the critical path an entry is summed up with the other small ones.
  private static let smallestShare = 0.01
  /// Below this elasticity a number of the device does not matter: 10 % of it moves the time by 0.1 %.
  private static let smallestElasticity = 0.01

  /// Scatter that is shown beside a slope.
  private static let smallestScatter = 0.003

  private static func path(_ attribution: Attribution, _ style: TextStyle) -> [String] {
    let entries = attribution.entries.sorted { ($0.share, $1.name) > ($1.share, $0.name) }
    guard !entries.isEmpty else { return [] }
    let shown = entries.filter { $0.share >= smallestShare }
    let nameWidth = min(46, (shown.map(\.name.count).max() ?? 0))
    var table = TextTable([.left, .right, .left])
    for entry in shown {
      let bar = TextLayout.bar(entry.share, width: style.width - nameWidth - 14)
      table.add(entry.name, NumberText.percent(entry.share), bar)
    }
    let rest = entries.dropFirst(shown.count).reduce(0) { $0 + $1.share }
    if rest > 0 { table.add("all else", NumberText.percent(rest), "") }
    return [style.bold("Critical path of a work item")] + table.lines()
  }

  private static func sorted(_ elasticities: [Elasticity]) -> [Elasticity] {
    elasticities.sorted { (abs($0.value), $1.path) > (abs($1.value), $0.path) }
  }

  private static func sensitivities(
    _ result: SimulationResult, _ elasticities: [Elasticity], _ style: TextStyle
  ) -> [String] {
    let shown = sorted(elasticities).filter { abs($0.value) >= smallestElasticity || $0.steps != nil }
    guard !shown.isEmpty else { return [] }
    var table = TextTable([.left, .right, .right, .right, .left])
    table.add("", "now", "elasticity", "10 % more of it: time", "")
    for elasticity in shown {
      let field = DeviceField.at(elasticity.path)
      let now = field.flatMap { field in
        field.value(on: result.request.device).map { RequestText.amount($0, field.unit) }
      }
      if let steps = elasticity.steps {
        let text = [("half", steps.half), ("twice", steps.twice)].compactMap { name, step in
          stepText(step).map { "\(name) \($0)" }
        }
        table.add(
          elasticity.path, amount(elasticity.parameter) ?? now ?? "", NumberText.fixed(elasticity.value, 3),
          "",
          text.joined(separator: ", "))
        continue
      }
      table.add(
        elasticity.path, now ?? "", NumberText.fixed(elasticity.value, 3),
        NumberText.change(gain(elasticity, 1.1), digits: 2),
        elasticity.scatter >= smallestScatter ? "± \(NumberText.percent(elasticity.scatter))" : "")
    }
    return [style.bold("What the time depends on")] + table.lines()
  }

  private static func stepText(_ step: Elasticity.Step) -> String? {
    switch step {
    case .time(let ratio): NumberText.change(ratio - 1)
    case .impossible: "impossible"
    case .none: nil
    }
  }

  /// The last number of a parameter's value: of `scores=197` and of `16x16` what is halved and doubled.
  private static func amount(_ parameter: Elasticity.Parameter?) -> String? {
    parameter.map { String($0.now.split { ",=".contains($0) }.last ?? "") }
  }

  /// Relative change of the time when the number is scaled, along the tangent in logarithms.
  private static func gain(_ elasticity: Elasticity, _ factor: Double) -> Double {
    pow(factor, elasticity.value) - 1
  }

  private static func advice(
    _ result: SimulationResult, _ attribution: Attribution, _ elasticities: [Elasticity], _ style: TextStyle
  ) -> [String] {
    let points = ExplainAdvice.points(result, attribution, sorted(elasticities))
    var lines = [style.bold("In plain words")]
    for point in points {
      for (place, line) in TextLayout.wrapped(point, width: style.width - 4).enumerated() {
        lines.append((place == 0 ? "  - " : "    ") + line)
      }
    }
    if let flags = ExplainAdvice.whatIf(result, sorted(elasticities)) {
      lines.append("  Try:")
      lines += RequestText.command("run", flags, width: style.width, indent: 4)
    }
    return lines
  }
}
