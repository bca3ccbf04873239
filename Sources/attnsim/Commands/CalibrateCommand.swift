import ArgumentParser
import Foundation
import HWModels
import InputFiles
import Reports
import Simulator
import Validation

struct CalibrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Fits the numbers of a device file that are marked 'fitted' to measured tables.",
    discussion: """
      attnsim calibrate validation/counters_h100.csv validation/h100.csv --device hardware/h100-sxm5.yaml -o new.yaml

      Tables of times give every second shape, so that the other half can be held against the result; counters give \
      the kernels that are modelled. In the file that -o writes, these numbers and their provenance change, and where \
      its name is another one the id, because a device is called as its file. Nothing else changes. Numbers that the \
      data does not identify stay as they are, as assumed ones where they have no fit yet.
      """)

  @Argument(help: "Measured tables: times, or hardware counters.") var measured: [String]
  @Option(help: ArgumentHelp("Device file to fit.", valueName: "file")) var device: String
  @Option(name: .short, help: ArgumentHelp("Where the fitted file goes ('-' prints it).", valueName: "file"))
  var output: String?
  @Option(help: ArgumentHelp("Date kept in the file (default: today, UTC).", valueName: "yyyy-mm-dd"))
  var date = Self.today
  @Option(
    help: ArgumentHelp("Map of GPU and kernel names (default: validation/map.yaml).", valueName: "file"))
  var map: String?

  func run() throws {
    try Failure.reporting {
      let source = try SourceText.load(device)
      let chip = try DeviceFile.read(source, purpose: .fitting)
      let paths = DeviceField.all.map(\.path).filter { chip.provenance[$0]?.kind == .fitted }
      guard !paths.isEmpty else {
        throw InputError(
          Diagnostic(
            file: device, message: "the file marks no number as fitted",
            hint: "mark those to fit with 'kind: fitted', as hardware/h100-sxm5.yaml does"))
      }
      if paths.count > Self.mostConstants {
        Console.error(
          "warning: \(device) marks \(paths.count) numbers as fitted; more than \(Self.mostConstants) can follow any table"
        )
      }
      let kernels = try KernelMap(SourceText.load(MapFile.path(map)))
      var skipped = SkipCount()
      let samples = try measured.flatMap {
        try CalibrationSamples.read($0, map: kernels, device: chip.id, skipped: &skipped)
      }.filter { sample in
        if sample.ratio(chip) != nil { return true }
        skipped.add(sample.kernel, pass: sample.pass, "\(sample.metric): the schedule refuses the case")
        return false
      }
      let listed = skipped.rows.map { "  \($0.kernel)  \($0.count) rows  \($0.reason)" }
      guard samples.count > paths.count else {
        throw Failure(
          .badInput,
          (["error: \(samples.count) measurements cannot fit \(paths.count) constants; rows left out:"]
            + listed)
            .joined(separator: "\n"))
      }
      let fit = Calibration(paths: paths) { device in
        samples.map { $0.residual(device) }
      }.fit(chip)
      // Errors are those of the numbers that are written.
      let outcome = fit.replacingConstants(rounded) { device in samples.map { $0.residual(device) } }
      let residuals = CalibrationResiduals(samples, before: chip, after: outcome.device)
      Console.print(CalibrationText.text(outcome, residuals: residuals, device: device))
      if !listed.isEmpty { Console.print((["", "Rows left out"] + listed).joined(separator: "\n")) }
      guard !residuals.isMeaningless else {
        throw Failure(
          .badInput,
          """
          \(measured.joined(separator: ", ")): error: \(residuals.beyondAfter) of \(residuals.count) measurements are \
          over \(CalibrationText.percent(CalibrationSamples.largestError)) off after the fit: it says nothing\(
            output == nil ? "" : ", and nothing is written")
            are the times in microseconds, and of the chip that \(device) describes?
          """)
      }
      guard let output else { return }
      try OutputFile.write(try text(outcome, of: chip, in: source, named: output), to: output)
    }
  }

  /// The text of the device file with the constants that the data identifies, and its name as id.
  private func text(
    _ outcome: Calibration.Outcome, of chip: Device, in source: SourceText, named output: String
  ) throws -> String {
    let data = measured.joined(separator: ", ")
    // What the data says nothing about stays as it was, but a number without any fit is not a fitted one.
    let assumed = outcome.constants.filter { !$0.isIdentified && chip.provenance[$0.path]?.fit == nil }
      .map { constant in
        Console.error(
          "warning: '\(constant.path)' has no fit and this data does not identify it: it is written as assumed"
        )
        let old = chip.provenance[constant.path]
        let note = [old?.note, "not identified by \(data)"].compactMap { $0 }.joined(separator: "; ")
        return DeviceFileEditor.Change(
          path: constant.path, value: constant.before,
          provenance: Provenance(kind: .assumed, source: old?.source ?? "unknown", note: note))
      }
    let changes = outcome.constants.filter(\.isIdentified).map { constant in
      var provenance =
        chip.provenance[constant.path] ?? Provenance(kind: .fitted, source: "attnsim calibrate")
      provenance.kind = .fitted
      provenance.source = "attnsim calibrate"
      provenance.fit = .init(data: data, residual: rounded(outcome.after), date: date)
      return DeviceFileEditor.Change(
        path: constant.path, value: constant.after, provenance: provenance)
    }
    var text = try DeviceFileEditor.replacing(changes + assumed, in: source)
    // A device file is called as its id.
    let name = URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent
    if output != "-", name != chip.id, let id = text.range(of: "\nid: \(chip.id)\n") {
      text.replaceSubrange(id, with: "\nid: \(name)\n")
    }
    return text
  }

  /// A chip's model has at most as many fitted numbers: more can follow any table.
  private static let mostConstants = 16

  private static var today: String {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    let number = Int(parts.tm_year + 1900) * 10_000 + Int(parts.tm_mon + 1) * 100 + Int(parts.tm_mday)
    let digits = Array(String(number))
    return String(digits[0..<4]) + "-" + String(digits[4..<6]) + "-" + String(digits[6..<8])
  }

  /// Three digits say all that a residual of some percent supports.
  private func rounded(_ value: Double) -> Double {
    var scale = 1.0
    while value * scale < 100, scale < 1e18 { scale *= 10 }
    while value * scale >= 1000, scale > 1e-18 { scale /= 10 }
    return (value * scale).rounded() / scale
  }
}
