import ArgumentParser
import Programs
import Reports
import Schedules

struct SchedulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedules", abstract: "Lists the schedules and their parameters.")

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    Console.print(json ? SchedulesCommand.json : SchedulesCommand.text)
  }

  private static var text: String {
    ScheduleRegistry.all.map { schedule in
      var lines = ["\(schedule.name): \(schedule.summary)"]
      for parameter in schedule.parameters {
        let choices = parameter.choices.isEmpty ? "" : "; one of \(parameter.choices.joined(separator: ", "))"
        lines.append("  \(parameter.name)=\(parameter.defaultValue): \(parameter.summary)\(choices)")
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n")
  }

  private static var json: String {
    JSONValue.array(
      ScheduleRegistry.all.map { schedule in
        .object([
          (key: "name", value: .string(schedule.name)), (key: "summary", value: .string(schedule.summary)),
          (
            key: "parameters",
            value: .array(
              schedule.parameters.map { parameter in
                .object([
                  (key: "name", value: .string(parameter.name)),
                  (key: "summary", value: .string(parameter.summary)),
                  (key: "choices", value: .array(parameter.choices.map { .string($0) })),
                  (key: "default", value: .string(parameter.defaultValue)),
                ])
              })
          ),
        ])
      }
    ).text()
  }
}
