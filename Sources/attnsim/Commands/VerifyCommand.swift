import ArgumentParser
import HWModels
import InputFiles
import Interpreter
import Programs
import Schedules

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Executes programs on numbers, in the earliest order and in random ones that their dependencies allow.",
    discussion: """
      Compares with attention in double precision. Exits 0 only if every program is right. Shapes are drawn for each mask and
      pass, and for batches of different lengths, with a shared prefix or with keys in pages where a schedule takes them; for
      those, page sizes and what else they need are drawn too. What is printed does not depend on --jobs.
      """)

  @Option(help: "Schedule (default: all).") var schedule: String?
  @Option(
    name: .customLong("param"), help: ArgumentHelp("Parameter of the schedule.", valueName: "name=value"))
  var parameters: [String] = []
  @Option(help: "Device (default: the first that the schedule runs on).") var device: String?
  @Option(help: ArgumentHelp("Random shapes for each family of masks or batches.", valueName: "n"))
  var shapes =
    10
  @Option(help: ArgumentHelp("Random orders for each shape.", valueName: "n")) var orders = 10
  @Option(help: ArgumentHelp("Decides shapes, inputs and orders.", valueName: "s")) var seed: UInt64 = 1
  @Option(
    help: ArgumentHelp(
      "A shape of your own, instead of random ones: 'b1 h4/2 q19 kv448 d64 causal', 'h4/2 d64 lengths:3x1/448,130/130'.",
      valueName: "text"))
  var shape: [String] = []
  @Option(help: ArgumentHelp("Parts of the work at a time (default: one a core).", valueName: "n")) var jobs:
    Int?
  @Flag(help: "Print every shape, not families of masks.") var verbose = false
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var options: LibraryOptions

  func run() async throws {
    try await Failure.reportingAsync {
      guard (1...10_000).contains(shapes), (0...10_000).contains(orders) else {
        throw Failure(.usage, "error: --shapes lies between 1 and 10000, --orders between 0 and 10000")
      }
      if let jobs, jobs < 1 { throw Failure(.usage, "error: --jobs \(jobs): at least one is needed") }
      let plan = VerifyPlan(
        types: try schedules(), asked: try scheduleParameters(), shapes: shapes, orders: orders, seed: seed,
        own: try shape.map { text throws(Failure) in try ShapeArgument.parse(text) })
      let reports = try await plan.run(
        jobs: jobs ?? SweepPlan.cores, library: options.library, device: device)
      if json {
        Console.print("[" + reports.map(\.json).joined(separator: ",\n") + "]")
      } else {
        for report in reports { Console.print(verbose ? report.description : report.summary) }
      }
      if !reports.allSatisfy(\.passed) { throw ExitCode.failure }
    }
  }

  private func schedules() throws -> [any Schedule.Type] {
    guard let schedule else { return ScheduleRegistry.standard.all }
    guard let type = ScheduleRegistry.standard[schedule] else {
      let known = ScheduleRegistry.standard.names.joined(separator: ", ")
      throw Failure(.usage, "error: unknown schedule '\(schedule)'; there are \(known)")
    }
    return [type]
  }

  private func scheduleParameters() throws -> ScheduleParameters {
    var values: [String: String] = [:]
    for parameter in parameters {
      guard let equals = parameter.firstIndex(of: "=") else {
        throw Failure(.usage, "error: --param \(parameter): write name=value")
      }
      values[String(parameter[..<equals])] = String(parameter[parameter.index(after: equals)...])
    }
    return ScheduleParameters(values)
  }
}
