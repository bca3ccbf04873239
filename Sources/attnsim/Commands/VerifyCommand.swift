import ArgumentParser
import HWModels
import InputFiles
import Interpreter
import Schedules

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Executes programs on numbers, in the earliest order and in random ones that their dependencies allow.",
    discussion: "Compares with attention in double precision. Exits 0 only if every program is right.")

  @Option(help: "Schedule (default: all).") var schedule: String?
  @Option(
    name: .customLong("param"), help: ArgumentHelp("Parameter of the schedule.", valueName: "name=value"))
  var parameters: [String] = []
  @Option(help: "Device (default: the first that the schedule runs on).") var device: String?
  @Option(help: ArgumentHelp("Random shapes for each family of masks.", valueName: "n")) var shapes = 10
  @Option(help: ArgumentHelp("Random orders for each shape.", valueName: "n")) var orders = 10
  @Option(help: ArgumentHelp("Decides shapes, inputs and orders.", valueName: "s")) var seed: UInt64 = 1
  @Option(
    help: ArgumentHelp(
      "A shape of your own, instead of random ones: 'b1 h4/2 q19 kv448 d64 causal', 'h4/2 d64 lengths:3x1/448,130/130'.",
      valueName: "text"))
  var shape: [String] = []
  @Flag(help: "Print every shape, not families of masks.") var verbose = false
  @Flag(help: "Print JSON.") var json = false
  @OptionGroup var options: LibraryOptions

  func run() throws {
    try Failure.reporting {
      guard (1...10_000).contains(shapes), (0...10_000).contains(orders) else {
        throw Failure(.usage, "error: --shapes lies between 1 and 10000, --orders between 0 and 10000")
      }
      let references = ReferenceCache()
      var passed = true
      var reports: [VerificationReport] = []
      for type in try schedules() {
        let report = try verify(type, references)
        passed = passed && report.passed
        if json {
          reports.append(report)
        } else {
          Console.print(verbose ? report.description : report.summary)
        }
      }
      if json { Console.print("[" + reports.map(\.json).joined(separator: ",\n") + "]") }
      if !passed { throw ExitCode.failure }
    }
  }

  private func schedules() throws -> [any Schedule.Type] {
    guard let schedule else { return ScheduleRegistry.all }
    guard let type = ScheduleRegistry[schedule] else {
      let known = ScheduleRegistry.all.map { $0.name }.joined(separator: ", ")
      throw Failure(.usage, "error: unknown schedule '\(schedule)'; there are \(known)")
    }
    return [type]
  }

  private func verify(_ type: any Schedule.Type, _ references: ReferenceCache) throws -> VerificationReport {
    let schedule = try scheduleValue(type)
    let own = try shape.map { text throws(Failure) in try ShapeArgument.parse(text) }
    let families = AttentionShape.Pass.allCases.flatMap { pass in
      Verification.MaskFamily.allCases.map { (family: $0, pass: pass) }
    }
    let pools =
      own.isEmpty
      ? families.map {
        Array(
          Verification.shapes($0.family, pass: $0.pass, seed: seed, geometry: type.geometry).prefix(
            max(shapes, 64)))
      }
      : [own]
    let chip = try chip(schedule, pools.flatMap { $0 })
    // Shapes that the schedule takes, where it takes some of a family; else those that it refuses, with the reason.
    let cases =
      own.isEmpty
      ? pools.flatMap { pool in
        let taken = pool.lazy.filter { (try? schedule.program(for: $0, on: chip)) != nil }.prefix(shapes)
        return taken.isEmpty ? Array(pool.prefix(shapes)) : Array(taken)
      } : own
    return Verification.run(
      schedule: schedule, device: chip, shapes: cases, orders: orders, seed: seed, references: references)
  }

  private func scheduleValue(_ type: any Schedule.Type) throws -> any Schedule {
    var values: [String: String] = [:]
    for parameter in parameters {
      guard let equals = parameter.firstIndex(of: "=") else {
        throw Failure(.usage, "error: --param \(parameter): write name=value")
      }
      values[String(parameter[..<equals])] = String(parameter[parameter.index(after: equals)...])
    }
    do throws(ScheduleError) {
      return try type.init(parameters: ScheduleParameters(values))
    } catch {
      throw Failure(.usage, "error: --param: \(error)")
    }
  }

  /// The device named, or the first whose resources the schedule finds sufficient for any of the shapes.
  private func chip(_ schedule: any Schedule, _ shapes: [AttentionShape]) throws -> Device {
    let library = options.library
    if let device { return try library.device(device) }
    for id in library.ids() {
      let device = try library.device(id)
      if shapes.contains(where: { (try? schedule.program(for: $0, on: device)) != nil }) { return device }
    }
    throw Failure(
      .badInput, "error: no device in \(library.directories.joined(separator: ", ")) runs this schedule")
  }
}
