import ArgumentParser
import HWModels
import InputFiles
import Reports

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
  @Flag(help: "Print JSON.") var json = false
  @Option(
    name: .shortAndLong, help: ArgumentHelp("Write a page with scatter plots.", valueName: "file.html"))
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
        try validateCounters(try CounterTable(source), kernels, title: title)
      } else {
        try validateTimes(try MeasuredTable(source), kernels, title: title)
      }
    }
  }

  private func validateTimes(_ table: MeasuredTable, _ kernels: KernelMap, title: String) throws {
    let chip = try loadDevice(gpu: table.gpu, kernels)
    let asked = metric.flatMap { MeasuredTable.Metric(rawValue: $0.rawValue) }
    let validation = TimeValidation(
      table, map: kernels, device: chip, metrics: asked.map { [$0] } ?? MeasuredTable.Metric.allCases,
      file: measured ?? "")
    try show(validation.report(title: title), before: nil)
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
    if let output { try OutputFile.write(report.html(), to: output) }
    if json {
      Console.print(report.json())
    } else {
      Console.print((table.map { "\($0)\n\n" } ?? "") + report.text(style: .console))
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
