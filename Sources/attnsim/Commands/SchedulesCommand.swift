import ArgumentParser
import InputFiles
import Programs
import Reports
import Schedules

struct SchedulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedules", abstract: "Lists the schedules and their parameters, or one in full.")

  @Argument(help: "Schedule to show in full.") var name: String?
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Print a page of Markdown: what each takes, needs and can be told.") var markdown = false

  @OptionGroup var options: LibraryOptions

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
      let library = options.library
      let list = ScheduleList(
        schedules: chosen, devices: library.ids().compactMap { try? library.device($0) })
      Console.print(json ? list.json : markdown ? list.markdown : name == nil ? list.text : list.full)
    }
  }
}
