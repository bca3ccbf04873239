import ArgumentParser
import HWModels
import InputFiles
import Reports
import Results
import Validation

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Predicted against measured: error by kernel and pass, worst rows, what is not predicted.",
    discussion: """
      attnsim validate validation/h100.csv
      attnsim validate validation/counters_h100.csv
      """)

  @Argument(help: "Measured table: times, or hardware counters.") var measured: String?
  @Option(help: "Device to predict (default: what the map says of the table's GPU).") var device: String?
  @Option(help: "burst_us, sustained_us or kernel_us (default: all that the table has).") var metric: Metric?
  @Option(
    help: ArgumentHelp("Map of GPU and kernel names (default: validation/map.yaml).", valueName: "file"))
  var map: String?
  @Flag(help: "Print the map and end.") var showMap = false
  @Option(
    help: ArgumentHelp(
      "Cross-validate: predict each of N groups of shapes with constants fitted on the others.",
      valueName: "n"))
  var folds: Int?
  @Option(help: ArgumentHelp("Keep every predicted run in a database.", valueName: "file")) var db: String?
  @Option(
    help: ArgumentHelp(
      "Fail (exit 1) where an error, or the share of pairs in the wrong order, is over a tenth worse than in an earlier --json.",
      valueName: "file.json")
  )
  var baseline: String?
  @Flag(help: "Print JSON.") var json = false
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write a page with scatter plots (.html), or the plots alone (.svg): of --metric, or of each.",
      valueName: "file"))
  var output: String?
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Change of a device number, as for run.", valueName: "path=value"))
  var set: [String] = []
  @OptionGroup var options: LibraryOptions

  enum Metric: String, ExpressibleByArgument, CaseIterable {
    case burst = "burst_us"
    case sustained = "sustained_us"
    case kernel = "kernel_us"
  }

  func run() throws {
    try Failure.reporting {
      let mapSource = try SourceText.load(try MapFile.path(map))
      if showMap {
        Console.print(mapSource.text)
        return
      }
      guard let measured else {
        throw Failure(.usage, "error: name a measured table, such as validation/h100.csv")
      }
      let title = "Predicted against measured: \(measured)"
      let kernels = try KernelMap(mapSource)
      let source = try SourceText.load(measured, limit: SourceText.largestTableBytes)
      if CounterTable.matches(source) {
        try refuseTimesOnly()
        try validateCounters(try CounterTable(source), kernels, title: title)
      } else if PublishedTable.matches(source) {
        try refuseTimesOnly()
        try validatePublished(try PublishedTable(source), kernels, title: title)
      } else {
        try validateTimes(try MeasuredTable(source), kernels, title: title)
      }
    }
  }

  private func validateTimes(_ table: MeasuredTable, _ kernels: KernelMap, title: String) throws {
    let chip = try loadDevice(gpu: table.gpu, kernels)
    let asked = metric.flatMap { MeasuredTable.Metric(rawValue: $0.rawValue) }
    let metrics = asked.map { [$0] } ?? MeasuredTable.Metric.allCases
    note(table.warnings)
    if let folds {
      guard folds >= 2, folds <= 100 else {
        throw Failure(.usage, "error: --folds \(folds): from 2 to 100 groups make sense")
      }
      guard db == nil else {
        throw Failure(.usage, "error: --db keeps runs of one device; --folds makes several")
      }
      let (report, constants) = try FoldValidation.report(
        table, map: kernels, device: chip, metrics: metrics, folds: folds,
        title: title + ", \(folds) folds, each predicted by the others")
      try show(report, before: constants)
      return
    }
    let validation = TimeValidation(
      table, map: kernels, device: chip, metrics: metrics, file: measured ?? "", keepsResults: db != nil)
    try keep(validation.results)
    try show(validation.report(title: title), before: nil)
  }

  private func validatePublished(_ table: PublishedTable, _ kernels: KernelMap, title: String) throws {
    note(table.warnings)
    let validation = try PublishedValidation(table, map: kernels) { gpu in
      guard kernels.device(of: gpu) != nil else { return nil }
      return try loadDevice(gpu: gpu, kernels)
    }
    try keep(validation.results)
    try show(validation.report(title: title), before: nil)
  }

  /// Rows that stand twice are counted here and shown by `check`.
  private func note(_ warnings: [Diagnostic]) {
    guard !warnings.isEmpty else { return }
    Console.error("\(warnings.count) rows repeat a case; attnsim check \(measured ?? "") shows where")
  }

  /// - Throws: `Failure` where an option is given that only tables of times have.
  private func refuseTimesOnly() throws(Failure) {
    if folds != nil { throw Failure(.usage, "error: --folds needs a table of measured times") }
    if metric != nil { throw Failure(.usage, "error: --metric needs a table of measured times") }
  }

  private func keep(_ results: [SimulationResult]) throws {
    guard let db else { return }
    let store = try ResultStore(path: db)
    let writer = store.writer(sweep: nil, shard: nil, detail: .summary)
    let line = "validate \(measured ?? "")"
    for result in results {
      try writer.add(
        RunRecord(
          result: result, source: .flags(line),
          deviceFileHash: options.deviceFileHash(of: result.request.device.id), toolVersion: Attnsim.version))
    }
    try writer.finish()
    try store.close()
    Console.error("\(results.count) predictions in \(db)")
  }

  private func validateCounters(_ table: CounterTable, _ kernels: KernelMap, title: String) throws {
    guard let gpu = kernels.countersGPU else {
      throw Failure(.badInput, "error: the map has no 'counters-gpu': which GPU were the counters read on?")
    }
    let validation = CounterValidation(
      table, map: kernels, gpu: gpu, device: try loadDevice(gpu: gpu, kernels))
    try show(validation.report(title: title), before: validation.table)
  }

  /// Writes the page where one is asked for, then prints; `table` goes before the text.
  private func show(_ report: ValidationReport, before table: String?) throws {
    if let output { try OutputFile.write(try page(report, path: output), to: output) }
    if json {
      Console.print(report.json())
    } else {
      Console.print((table.map { "\($0)\n\n" } ?? "") + report.text(style: .console))
    }
    guard let baseline else { return }
    let worse = try AccuracyBaseline(path: baseline).regressions(in: report)
    if !worse.isEmpty {
      throw Failure(.gotWorse, "error: less accurate than \(baseline)\n  " + worse.joined(separator: "\n  "))
    }
  }

  private func page(_ report: ValidationReport, path: String) throws -> String {
    switch OutputFile.ending(path) {
    case "html": return report.html()
    case "svg":
      guard let figure = report.scatter(metric: metric?.rawValue) else {
        throw Failure(.badInput, "error: -o \(path): nothing is predicted that could be drawn")
      }
      return figure
    default: throw Failure(.usage, "error: -o \(path): the name ends in .html or .svg")
    }
  }

  private func loadDevice(gpu: String, _ kernels: KernelMap) throws -> Device {
    guard let id = device ?? kernels.device(of: gpu) else {
      let known = kernels.gpus.map(\.name).joined(separator: ", ")
      throw Failure(
        .badInput, "error: the map has no device for the GPU '\(gpu)' (it has \(known)); give --device ID")
    }
    var chip = try options.library.device(id)
    try DeviceOverride.apply(
      try set.map { text throws(InputError) in try DeviceOverride(argument: text) }, to: &chip)
    return chip
  }
}
