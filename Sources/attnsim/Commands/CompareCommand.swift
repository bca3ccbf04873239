import ArgumentParser
import InputFiles
import Programs
import Reports
import Results
import Schedules
import Simulator

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Two devices, schedules, scenarios or stored runs, side by side.",
    discussion: """
      attnsim compare scenarios/fa2-h100.yaml scenarios/fa3-h100.yaml
      attnsim compare a100-sxm4-80 h100-sxm5 --scenario scenarios/fa2-h100.yaml
      attnsim compare fa2 fa3 --device h100-sxm5 --batch 4 --heads 16 --seq 4k --head-dim 128
      attnsim compare 1 2 --db results.sqlite
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Scenario file, device, schedule, or number of a stored run.") var first: String
  @Argument(help: "What to compare it with.") var second: String
  @Option(help: ArgumentHelp("The question, where devices or schedules are compared.", valueName: "file"))
  var scenario: String?
  @Option(help: ArgumentHelp("Database of stored runs.", valueName: "file")) var db: String?
  @OptionGroup var options: RequestOptions
  @Option(help: "text or json.") var format: Format = .text

  func run() throws {
    try Failure.reporting {
      if db == nil, kind(of: first) != kind(of: second),
        Set([kind(of: first), kind(of: second)]) == ["schedule", "device"]
      {
        throw Failure(
          .usage,
          "error: '\(first)' is a \(kind(of: first)) and '\(second)' a \(kind(of: second)); compare two of one kind"
        )
      }
      if let points = try points() {
        switch format {
        case .text: Console.print(CompareReport.text(points: points, names: (first, second), style: .console))
        case .json: Console.print(CompareReport.json(points: points))
        }
        return
      }
      let a = try result(of: first)
      let b = try result(of: second)
      switch format {
      case .text: Console.print(CompareReport.text(a, b, names: names, style: .console))
      case .json: Console.print(CompareReport.json(a, b))
      }
    }
  }

  /// Names that tell the two apart; runs are known by their numbers.
  private var names: (String, String)? { db == nil ? nil : ("run \(first)", "run \(second)") }

  /// Two scenarios with as many points as each other, point by point; nil where the two are single calls.
  private func points() throws -> [(name: String, a: SimulationResult, b: SimulationResult)]? {
    guard db == nil, kind(of: first) == "file", kind(of: second) == "file", options.flags.isEmpty,
      options.flags.set.isEmpty, scenario == nil
    else { return nil }
    let library = options.library.library
    let (a, b) = (
      try ScenarioFile.load(first, devices: library), try ScenarioFile.load(second, devices: library)
    )
    guard a.count > 1 || b.count > 1 else { return nil }
    guard a.count == b.count else {
      throw Failure(
        .usage,
        "error: \(first) has \(a.count) points and \(second) \(b.count); compare takes as many of both")
    }
    return try (0..<a.count).map { index in
      (
        a.values(at: index).map(\.value).joined(separator: ", "), try Simulation.run(try a.request(index)),
        try Simulation.run(try b.request(index))
      )
    }
  }

  private func kind(of operand: String) -> String {
    if ScheduleRegistry.standard[operand] != nil { return "schedule" }
    return options.library.library.ids().contains(operand) ? "device" : "file"
  }

  private func result(of operand: String) throws -> SimulationResult {
    if let db {
      guard let id = Int64(operand) else {
        throw Failure(
          .usage,
          "error: '\(operand)' is not the number of a run; `attnsim report --db \(db) --list` lists them")
      }
      return try ResultStore(path: db, mode: .readOnly).run(id).result
    }
    let library = options.library.library
    var flags = options.flags
    var file = scenario
    if ScheduleRegistry.standard[operand] != nil {
      flags.schedule = operand
    } else if library.ids().contains(operand) {
      flags.device = operand
    } else if operand.hasSuffix(".yaml") || operand.contains("/") {
      file = operand
    } else {
      let known = ScheduleRegistry.standard.names + library.ids()
      throw Failure(
        .usage,
        "error: '\(operand)' is no schedule, device or scenario file; there are \(known.joined(separator: ", "))"
      )
    }
    let base = try file.map { path throws(InputError) in try ScenarioFile.load(path, devices: library) }
    let asked = flags.isEmpty && flags.set.isEmpty ? base : try flags.scenario(over: base, devices: library)
    guard let asked else { throw Failure(.usage, "error: nothing to compare") }
    guard asked.count == 1 else {
      throw Failure(.usage, "error: \(file ?? "the scenario") has \(asked.count) points; compare takes one")
    }
    return try Simulation.run(try asked.request(0))
  }
}
