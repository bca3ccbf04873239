import HWModels
import InputFiles
import Reports
package import Simulator

/// What a calibration prints.
package enum CalibrationText {
  package static func text(_ outcome: Calibration.Outcome, residuals: CalibrationResiduals, device: String)
    -> String
  {
    var table = ColumnText()
    table.add("constant", "before", "after", "standard error", "")
    for constant in outcome.constants {
      table.add(
        constant.path, amount(constant.before, constant.path), amount(constant.after, constant.path),
        constant.relativeError < 10 ? percent(constant.relativeError) : "over 1000 %",
        constant.isIdentified ? "" : "not identified by this data: kept")
    }
    var lines = [
      "\(device): \(outcome.constants.count) constants, \(residuals.count) measurements, \(outcome.iterations) iterations",
      "root mean square error \(percent(outcome.before)) before, \(percent(outcome.after)) after; "
        + "each bounded at \(percent(CalibrationSamples.largestError)), "
        + "counters weigh \(NumberText.significant(CalibrationSamples.counterWeight, 2))",
    ]
    lines += residuals.summary + [""] + table.lines
    lines += ["", "Residuals by kernel and pass, not bounded, with constants as before and as after"]
    lines += residuals.table + ["", "Correlations above one half"]
    var found = false
    for a in outcome.constants.indices {
      for b in outcome.constants.indices where a < b && abs(outcome.correlations[a][b]) > 0.5 {
        found = true
        lines.append(
          "  \(outcome.constants[a].path), \(outcome.constants[b].path): \(percent(outcome.correlations[a][b]))"
        )
      }
    }
    if !found { lines.append("  none") }
    return lines.joined(separator: "\n")
  }

  /// Three digits in the largest unit that leaves at least 0.1 before it.
  package static func amount(_ value: Double, _ path: String) -> String {
    guard let unit = DeviceField.at(path)?.unit else { return "\(value)" }
    let fitting = unit.spellings.filter { value / $0.scale >= 0.1 }.max { $0.scale < $1.scale }
    guard let spelling = fitting ?? unit.spellings.min(by: { $0.scale < $1.scale }) else { return "\(value)" }
    return "\((value / spelling.scale * 1000).rounded() / 1000) \(spelling.suffix)"
  }

  package static func percent(_ share: Double) -> String {
    share.isFinite ? "\((share * 1000).rounded() / 10) %" : "unbounded"
  }
}
