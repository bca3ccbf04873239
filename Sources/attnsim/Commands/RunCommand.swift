import ArgumentParser
import HWModels
import InputFiles
import Reports
import Results
import Simulator

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Answers one question: a scenario file, flags, or flags over a file.")

  @Argument(help: "Scenario file.") var scenario: String?
  @OptionGroup var options: RequestOptions
  @OptionGroup var output: ResultOptions
  @Flag(help: "Print the program (buffers, barriers, operations, work items) instead of timing it.")
  var dumpProgram = false
  @Flag(help: "Print events, events per second, peak memory and time per stage to standard error.")
  var stats = false

  func run() throws {
    try Failure.reporting {
      try output.requireEndings()
      var stages = StageTimes()
      let request = try options.request(file: scenario)
      stages.end("read")
      if dumpProgram {
        try output.requireNothingAsked()
        Console.print(ProgramDump.text(try Simulation.program(request), on: request.device))
        return
      }
      let result: SimulationResult
      do throws(SimulationError) {
        result = try Simulation.run(request)
      } catch .dataflowDeadlock(let deadlock) {
        // The graph and the FIFOs over time show why; a reader of JSON gets the ring as data.
        try output.writePictures(request)
        if output.format == .json { Console.print(DataflowJSON.render(deadlock)) }
        throw SimulationError.dataflowDeadlock(deadlock)
      } catch {
        throw options.located(error, in: scenario)
      }
      stages.end("simulate")
      // Files first: an answer on the screen says that everything asked for is done.
      try output.write(result, request: request, scenario: scenario, options: options)
      output.print(result)
      stages.end("report")
      if stats { Console.error(stages.description(of: result)) }
    }
  }
}

/// What becomes of a result.
struct ResultOptions: ParsableArguments {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, csv }

  @Option(help: "text, json or csv.") var format: Format = .text
  @Option(help: ArgumentHelp("Keep the result in a SQLite database.", valueName: "file")) var db: String?
  @Option(help: ArgumentHelp("Write a roofline plot.", valueName: "file.svg")) var roofline: String?
  @Option(help: ArgumentHelp("Write the program as a graph: .svg or .dot.", valueName: "file")) var graph:
    String?
  @Option(
    help: ArgumentHelp(
      "Write every operation of a core, or FIFO occupancy: .json for ui.perfetto.dev, .svg a picture.",
      valueName: "file"))
  var trace: String?

  func print(_ result: SimulationResult) {
    switch format {
    case .text: Console.print(TextReport.render(result, style: .console))
    case .json: Console.print(JSONReport.render(result))
    case .csv: Console.print(CSVReport.render(result))
    }
  }

  /// - Throws: `Failure` where a file's name does not end in what would be written, before anything is.
  func requireEndings() throws(Failure) {
    try Self.require("roofline", roofline, ["svg"])
    try Self.require("graph", graph, ["svg", "dot", "gv"])
    try Self.require("trace", trace, ["json", "svg"])
  }

  private static func require(_ option: String, _ path: String?, _ endings: [String]) throws(Failure) {
    guard let path, !endings.contains(OutputFile.ending(path)) else { return }
    let names = endings.filter { $0 != "gv" }.map { ".\($0)" }.joined(separator: " or ")
    throw Failure(.usage, "error: --\(option) \(path): the name ends in \(names)")
  }

  /// - Throws: `Failure` where the result of a run is asked for and `--dump-program` leaves the run out.
  func requireNothingAsked() throws(Failure) {
    let asked = [
      ("--format \(format.rawValue)", format != .text), ("--db", db != nil), ("--roofline", roofline != nil),
      ("--graph", graph != nil), ("--trace", trace != nil),
    ]
    guard let first = asked.first(where: \.1)?.0 else { return }
    throw Failure(
      .usage, "error: \(first) is about a run, and --dump-program prints the program instead of one")
  }

  /// Writes the files that were asked for.
  func write(
    _ result: SimulationResult, request: SimulationRequest, scenario: String?, options: RequestOptions
  ) throws {
    if let roofline { try OutputFile.write(RooflineFigure.svg(result), to: roofline) }
    try writePictures(request)
    if let db {
      let store = try ResultStore(path: db)
      let id = try store.insert(
        RunRecord(
          result: result, source: try options.source(scenario: scenario, request: request),
          deviceFileHash: options.deviceFileHash(of: request.device.id), toolVersion: Attnsim.version))
      try store.close()
      Console.error("run \(id) in \(db)")
    }
  }
}

extension ResultOptions {
  /// Graph and trace, which need no result.
  func writePictures(_ request: SimulationRequest) throws {
    if let graph { try OutputFile.write(try graphText(request, path: graph), to: graph) }
    if let trace { try OutputFile.write(try traceText(request, path: trace), to: trace) }
  }

  private func graphText(_ request: SimulationRequest, path: String) throws -> String {
    let dot = ProgramGraph.dot(try Simulation.program(request))
    switch OutputFile.ending(path) {
    case "dot", "gv": return dot
    case "svg": return try GraphvizRenderer.svg(dot)
    default: throw Failure(.usage, "error: --graph \(path): the name ends in .svg or .dot")
    }
  }

  private func traceText(_ request: SimulationRequest, path: String) throws -> String {
    if let text = try streamingText(request, path: path) { return text }
    let result = try Simulation.run(request)
    guard result.spatial == nil else {
      throw Failure(
        .usage,
        "error: --trace: a spatial array is timed einsum by einsum and has no events; its einsums are in the result"
      )
    }
    let events = try Simulation.trace(request, mainKernel: true)
    switch OutputFile.ending(path) {
    case "json":
      let title = "\(result.request.schedule) on \(result.request.device.id)"
      return TraceFile.json(events, clock: result.clock.frequency, title: title)
    case "svg": return TimelineFigure.svg(events)
    default: throw Failure(.usage, "error: --trace \(path): the name ends in .json or .svg")
    }
  }
}

extension ResultOptions {
  /// nil where the machine does not stream.
  private func streamingText(_ request: SimulationRequest, path: String) throws -> String? {
    let title = "\(request.schedule) on \(request.device.id)"
    guard OutputFile.ending(path) == "json" else {
      // A picture is of FIFOs alone and can cover more of the run.
      return try Simulation.dataflowTrace(request, limit: OccupancyFigure.events, keepsFirings: false)
        .map { OccupancyFigure.svg($0, title: title) }
    }
    return try Simulation.dataflowTrace(request).map { trace in
      TraceFile.json(
        trace.events, clock: trace.clock, title: title,
        counters: trace.tracks.map { .init(name: $0.name, steps: $0.steps) },
        covers: OccupancyFigure.coverage(trace))
    }
  }
}

extension TextStyle {
  /// For standard output: colour and width of the terminal, or plain.
  static var console: TextStyle { TextStyle(width: Console.width ?? 96, colour: Console.outputIsTerminal) }
}

extension RequestOptions {
  /// Where a request came from: the text of its scenario, or the flags that ask it again.
  func source(scenario: String?, request: SimulationRequest) throws -> RunRecord.Source {
    guard let scenario, flags.isEmpty, flags.set.isEmpty, point == nil else {
      return .flags((["run"] + RequestText.flags(request)).joined(separator: " "))
    }
    let text = try SourceText.load(scenario)
    return .scenario(name: scenario, text: text.text)
  }

  /// Hash of the text of a device's file.
  func deviceFileHash(of id: String) -> String? { library.deviceFileHash(of: call.device ?? id) }
}
