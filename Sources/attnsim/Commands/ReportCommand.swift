import ArgumentParser
import Reports
import Results
import Simulator

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Reports from a database of results alone.")

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, html, json, csv, svg, dot }

  @Option(help: ArgumentHelp("Database of results.", valueName: "file")) var db: String
  @Option(
    name: .customLong("run"), help: ArgumentHelp("Number of the run (default: the latest).", valueName: "id"))
  var runNumber: String?
  @Option(
    help: ArgumentHelp(
      "text, html (a page of one file), json, csv (all runs, where none is named), svg (roofline) or dot (program); default: what the name of the output ends in, else text."
    )) var format: Format?
  @Option(
    name: .shortAndLong, help: ArgumentHelp("Where to write (default: standard output).", valueName: "file"))
  var output = "-"
  @Flag(help: "List the runs.") var list = false

  func run() throws {
    try Failure.reporting {
      let store = try ResultStore(path: db, mode: .readOnly)
      try OutputFile.write(try text(store), to: output)
    }
  }

  /// The format asked for, or that of the file's name.
  private var chosenFormat: Format {
    if let format { return format }
    let ending = output.split(separator: ".", omittingEmptySubsequences: false).last.map { $0.lowercased() }
    return ending.flatMap { Format(rawValue: $0) } ?? .text
  }

  private func text(_ store: ResultStore) throws -> String {
    if list { return try listing(store) }
    let format = chosenFormat
    if format == .csv, runNumber == nil {
      var rows = [CSVReport.header]
      try store.forEachRun { rows.append(CSVReport.row($1.result)) }
      return rows.joined(separator: "\n") + "\n"
    }
    let record = try store.run(try runID(store))
    let result = record.result
    switch format {
    case .text: return TextReport.render(result, style: output == "-" ? .console : TextStyle())
    case .json: return JSONReport.render(result)
    case .csv: return CSVReport.render(result)
    case .svg: return RooflineFigure.svg(result)
    case .dot: return ProgramGraph.dot(try Simulation.program(result.request))
    case .html:
      let program = try? Simulation.program(result.request)
      return RunPage.html(
        record, program: program, trace: (try? Simulation.trace(result.request, mainKernel: true)) ?? [],
        occupancy: try? Simulation.dataflowTrace(
          result.request, limit: OccupancyFigure.events, keepsFirings: false))
    }
  }

  private func runID(_ store: ResultStore) throws -> Int64 {
    if let runNumber {
      guard let id = Int64(runNumber) else { throw StoreError.noSuchRun(runNumber) }
      return id
    }
    guard let latest = try store.latestRun() else {
      throw Failure(.badInput, "error: \(db): there are no runs")
    }
    return latest
  }

  private func listing(_ store: ResultStore) throws -> String {
    try store.runs(limit: 1000).map { run in
      let rate = NumberText.prefixed(run.usefulFlopsPerSecond, "flop/s")
      return
        "\(run.id)  \(run.schedule) on \(run.device), \(run.shape), \(run.mode): \(NumberText.time(run.timeSeconds)), \(rate)"
    }.joined(separator: "\n")
  }
}
