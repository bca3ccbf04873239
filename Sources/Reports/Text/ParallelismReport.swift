import Attention
import HWModels
import Programs
public import Results
import Schedules
public import Simulator

/// The result of a search for parallelism on an FPGA.
public enum ParallelismReport {
  public static func text(
    _ result: ParallelismSearch.Result, request: SimulationRequest, style: TextStyle = TextStyle()
  ) -> String {
    var table = TextTable([.left] + Array(repeating: .right, count: result.axes.count + 4))
    let items = result.final.budget.lines
    table.add([""] + result.axes.map(\.parameter) + ["cycles an image"] + items.map(\.item))
    func add(_ name: String, _ design: ParallelismSearch.Design?, values: [String]) {
      guard let design else {
        table.add([name] + values + ["does not fit"])
        return
      }
      table.add([name] + values + [NumberText.grouped(design.cycles)] + design.budget.lines.map(share))
    }
    let schedule = request.scheduleType
    let asked = result.axes.map { axis in
      request.parameters.values[axis.parameter]
        ?? schedule?.parameters.first { $0.name == axis.parameter }?.defaultValue ?? ""
    }
    add("asked", result.asked, values: asked)
    add("genetic", result.genetic, values: result.genetic.values)
    add("bisected", result.final, values: result.final.values)
    let flags = zip(result.axes, result.final.values).map { "--param \($0.parameter)=\($1)" }
    var lines = [
      style.bold(
        "Parallelism of \(request.schedule) on \(request.device.name) (\(result.evaluated) of \(result.space) designs tried)"
      )
    ]
    lines += table.lines()
    lines += [
      "",
      "played: \(NumberText.grouped(result.playedCycles)) cycles for \(request.shape.batch == 1 ? "an image" : "\(request.shape.batch) images"), "
        + "\(NumberText.time(result.seconds)) an image at the clock of the device file",
      "multipliers and memories only: look-up tables, exponentials and the platform's logic take their part too (--share)",
      "to run it: \(flags.joined(separator: " "))",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func share(_ line: Budget.Line) -> String {
    guard let available = line.available else { return "\(line.needed)" }
    return "\(NumberText.grouped(Double(line.needed))) of \(NumberText.grouped(Double(available)))"
  }

  /// `{"axes", "asked", "genetic", "final", "played_cycles", "seconds_per_image", "evaluated", "space"}`; a design is
  /// `{"parameters": [{"name", "value"}], "cycles", "budget"}`.
  public static func json(_ result: ParallelismSearch.Result) -> String {
    func design(_ design: ParallelismSearch.Design?) -> JSONValue {
      guard let design else { return .null }
      return .object([
        "parameters": .array(
          zip(result.axes, design.values).map {
            .object(["name": .string($0.parameter), "value": .string($1)])
          }),
        "cycles": .number(design.cycles), "budget": DataflowJSON.budget(design.budget),
      ])
    }
    return JSONValue.object([
      "axes": .array(result.axes.map { .string($0.parameter) }), "asked": design(result.asked),
      "genetic": design(result.genetic), "final": design(result.final),
      "played_cycles": .number(result.playedCycles), "seconds_per_image": .number(result.seconds),
      "evaluated": .integer(result.evaluated), "space": .integer(result.space),
    ]).text(indented: true)
  }
}
