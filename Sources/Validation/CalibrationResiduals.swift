import Foundation
package import HWModels

/// Errors of the measurements of a calibration, not bounded, with the device as it was and as it is after the fit.
package struct CalibrationResiduals {
  private struct Group {
    let kernel: String
    let pass: String
    let metric: String
    /// Predicted over measured.
    var ratios: [(before: Double, after: Double)] = []
  }
  /// In order of first appearance.
  private var groups: [Group] = []
  private var ratios: [(before: Double, after: Double)] { groups.flatMap(\.ratios) }

  package init(_ samples: [CalibrationSamples], before: Device, after: Device) {
    for sample in samples {
      let ratios = (sample.ratio(before) ?? .infinity, sample.ratio(after) ?? .infinity)
      let index = groups.firstIndex {
        ($0.kernel, $0.pass, $0.metric) == (sample.kernel, sample.pass, sample.metric)
      }
      if let index {
        groups[index].ratios.append(ratios)
      } else {
        groups.append(
          Group(kernel: sample.kernel, pass: sample.pass, metric: sample.metric, ratios: [ratios]))
      }
    }
  }

  package var count: Int { ratios.count }
  /// Measurements whose error after the fit is beyond the bound, so that they pulled at no constant.
  package var beyondAfter: Int { ratios.count { Self.isBeyond($0.after) } }
  /// Whether the fit says nothing: most measurements are beyond the bound.
  package var isMeaningless: Bool { 2 * beyondAfter > count }

  /// Errors without the bound, and how many measurements it held back.
  package var summary: [String] {
    let logarithms = (rms(ratios.map { log($0.before) }), rms(ratios.map { log($0.after) }))
    let mean = (Self.mean(ratios.map { abs($0.before - 1) }), Self.mean(ratios.map { abs($0.after - 1) }))
    let beyond = ratios.count { Self.isBeyond($0.before) }
    return [
      "not bounded: root mean square of log(predicted / measured) \(CalibrationText.percent(logarithms.0)) before, "
        + "\(CalibrationText.percent(logarithms.1)) after; mean error \(CalibrationText.percent(mean.0)) before, "
        + "\(CalibrationText.percent(mean.1)) after",
      "beyond the bound: \(beyond) of \(count) before, \(beyondAfter) after",
    ]
  }

  /// Bias and mean error of each kernel, pass and metric.
  package var table: [String] {
    var table = ColumnText()
    table.add(
      "kernel pass metric", "rows", "bias before", "bias after", "mean before", "mean after", "beyond after")
    for group in groups {
      let before = group.ratios.map { $0.before - 1 }
      let after = group.ratios.map { $0.after - 1 }
      table.add(
        "\(group.kernel) \(group.pass) \(group.metric)", "\(group.ratios.count)",
        signed(Self.mean(before)), signed(Self.mean(after)),
        CalibrationText.percent(Self.mean(before.map(abs))),
        CalibrationText.percent(Self.mean(after.map(abs))),
        "\(group.ratios.count { Self.isBeyond($0.after) })")
    }
    return table.lines
  }

  private func signed(_ share: Double) -> String { (share >= 0 ? "+" : "") + CalibrationText.percent(share) }

  private static func isBeyond(_ ratio: Double) -> Bool {
    abs(2 * (ratio - 1) / (ratio + 1)) < CalibrationSamples.largestError ? false : true
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(max(values.count, 1))
  }

  private func rms(_ values: [Double]) -> Double { Self.mean(values.map { $0 * $0 }).squareRoot() }
}
