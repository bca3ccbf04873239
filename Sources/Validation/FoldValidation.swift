package import HWModels
package import InputFiles
package import Reports
import Simulator

/// Cross-validation: each fold of a table of times is predicted by constants fitted on the other folds.
///
/// All rows of one shape are in one fold, so that near-copies are never on both sides.
package enum FoldValidation {
  /// Rows of every fold, none of them fitted on, and what each fit made of the constants.
  package static func report(
    _ table: MeasuredTable, map: KernelMap, device: Device, metrics: [MeasuredTable.Metric], folds: Int,
    title: String
  ) throws -> (report: ValidationReport, constants: String) {
    let paths = DeviceField.all.map(\.path).filter { device.provenance[$0]?.kind == .fitted }
    var text = ColumnText()
    text.add("constant", "file", contentsOf: (1...folds).map { "fold \($0)" })
    var values: [[Double]] = []
    var rows: [ValidationRow] = []
    var skipped = SkipCount()
    // What no fold can predict is listed with the first.
    let predicted = FittedRows.lines(of: table, map: map) { _ in true }
    let others = Set(table.rows.map(\.line)).subtracting(predicted)
    for fold in 0..<folds {
      let training = FittedRows.lines(of: table, map: map) { $0 % folds != fold }
      let testing = FittedRows.lines(of: table, map: map) { $0 % folds == fold }
      let samples = CalibrationSamples.times(table, map: map, lines: training)
      guard !samples.isEmpty, !testing.isEmpty else {
        throw UnusableInput("error: --folds \(folds): the table has too few shapes for that")
      }
      let fitted =
        paths.isEmpty
        ? device
        : Calibration(paths: paths) { device in samples.map { $0.residual(device) } }.fit(device).device
      values.append(paths.map { DeviceField.at($0)?.value(on: fitted) ?? 0 })
      let validation = TimeValidation(
        table, map: map, device: fitted, metrics: metrics, file: "",
        only: fold == 0 ? testing.union(others) : testing)
      rows += validation.rows
      skipped.add(validation.skippedKernels)
    }
    for (index, path) in paths.enumerated() {
      let file = DeviceField.at(path)?.value(on: device) ?? 0
      text.add(
        path, CalibrationText.amount(file, path),
        contentsOf: values.map { CalibrationText.amount($0[index], path) })
    }
    return (
      ValidationReport(title: title, rows: rows, skipped: skipped.rows),
      paths.isEmpty ? "no constant of the device is fitted" : text.lines.joined(separator: "\n")
    )
  }
}
