import ArgumentParser
import Programs
import Reports
import Schedules

struct SchedulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedules", abstract: "Lists the schedules and their parameters, or one in full.")

  @Argument(help: "Schedule to show in full.") var name: String?
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Print a page of Markdown: what each takes, needs and can be told.") var markdown = false

  func run() throws {
    try Failure.reporting {
      let registry = ScheduleRegistry.standard
      var chosen = registry.all
      if let name {
        guard let schedule = registry[name] else {
          throw Failure(
            .usage, "error: unknown schedule '\(name)'; there are \(registry.names.joined(separator: ", "))")
        }
        chosen = [schedule]
      }
      let list = ScheduleList(schedules: chosen)
      Console.print(json ? list.json : markdown ? list.markdown : name == nil ? list.text : list.full)
    }
  }
}
