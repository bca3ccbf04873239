import Attention
public import HWModels
public import Programs

/// Schedules with what they declare, as text, JSON and Markdown.
public struct ScheduleList: Sendable {
  private let schedules: [any Schedule.Type]
  private let devices: [Device]

  /// - Parameter devices: those among which is said which run a schedule.
  public init(schedules: [any Schedule.Type], devices: [Device] = []) {
    self.schedules = schedules
    self.devices = devices
  }

  /// A line a schedule and a parameter.
  public var text: String {
    schedules.map { schedule in
      var lines = ["\(schedule.name): \(schedule.summary)"]
      for parameter in schedule.parameters {
        lines.append(
          "  \(parameter.name)=\(parameter.defaultValue): \(parameter.summary); \(parameter.kind)"
            + (parameter.dependsOn.map { "; with \($0)" } ?? ""))
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n")
  }

  /// What is declared of each schedule, a topic a line.
  public var full: String {
    schedules.map { schedule in
      var lines = ["\(schedule.name): \(schedule.summary)", "", "Needs"]
      lines += schedule.needs.map { "  " + Self.text($0) }
      lines += ["", "Takes"] + schedule.support.entries.map { "  " + Self.words($0).joined(separator: "; ") }
      if !schedule.parameters.isEmpty { lines += ["", "Parameters"] }
      for parameter in schedule.parameters {
        lines.append("  \(parameter.name)=\(parameter.defaultValue): \(parameter.summary)")
        lines.append("    \(parameter.kind)")
        if let condition = parameter.dependsOn { lines.append("    has an effect with \(condition)") }
      }
      return lines.joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  private static func text(_ need: DeviceNeed) -> String {
    need.description + (need.when.map { " with \($0)" } ?? "")
  }

  /// What an entry admits.
  private static func words(_ entry: Support.Entry) -> [String] {
    var words = [
      entry.passes.map(\.rawValue).joined(separator: " and "), "\(entry.masks)",
      entry.dataTypes.map(\.rawValue).joined(separator: ", "), "\(entry.heads)",
    ]
    if let group = entry.largestGroup { words.append("up to \(group) query heads a KV head") }
    if let most = entry.mostQueries { words.append("up to \(most) queries") }
    words += batches(entry.batches)
    if let when = entry.when { words.append("with \(when)") }
    return words
  }

  private static func batches(_ batches: BatchSupport) -> [String] {
    var words: [String] = []
    if batches.keyLengths { words.append("lengths of their own") }
    if let condition = batches.queryLengths {
      words.append("different numbers of queries" + with(condition))
    }
    if let condition = batches.sharedPrefix { words.append("a shared prefix" + with(condition)) }
    return words
  }

  private static func with(_ condition: Condition) -> String {
    "\(condition)" == "\(Condition.always)" ? "" : " (\(condition))"
  }
}

// MARK: JSON

extension ScheduleList {
  public var json: String { JSONValue.array(schedules.map { json($0) }).text() }

  private func json(_ schedule: any Schedule.Type) -> JSONValue {
    .object([
      (key: "name", value: .string(schedule.name)), (key: "summary", value: .string(schedule.summary)),
      (key: "parameters", value: .array(schedule.parameters.map { Self.json($0) })),
      (key: "needs", value: .array(schedule.needs.map { .string(Self.text($0)) })),
      (key: "takes", value: .array(schedule.support.entries.map { Self.json($0) })),
      (key: "devices", value: .array(devices.filter { schedule.runs(on: $0) }.map { .string($0.id) })),
    ])
  }

  private static func json(_ parameter: any AnyParameter) -> JSONValue {
    var fields: [(key: String, value: JSONValue)] = [
      (key: "name", value: .string(parameter.name)),
      (key: "summary", value: .string(parameter.summary)),
      (key: "choices", value: .array(parameter.choices.map { .string($0) })),
      (key: "default", value: .string(parameter.defaultValue)),
      (key: "type", value: .string(parameter.kind.name)),
    ]
    switch parameter.kind {
    case .choice: break
    case .integer(let range, let multiple, let words):
      fields += [
        (key: "minimum", value: .number(Double(range.lowerBound))),
        (key: "maximum", value: .number(Double(range.upperBound))),
        (key: "multiple_of", value: .number(Double(multiple))),
        (key: "words", value: .array(words.map { .string($0) })),
      ]
    case .size(_, let each, let words):
      fields += [
        (key: "minimum", value: .number(Double(each.lowerBound))),
        (key: "maximum", value: .number(Double(each.upperBound))),
        (key: "words", value: .array(words.map { .string($0) })),
      ]
    case .text(let form): fields.append((key: "form", value: .string(form)))
    }
    fields.append(
      (key: "depends_on", value: parameter.dependsOn.map { .string("\($0)") } ?? .null))
    return .object(fields)
  }

  private static func json(_ entry: Support.Entry) -> JSONValue {
    .object([
      (key: "with", value: entry.when.map { .string("\($0)") } ?? .null),
      (key: "passes", value: .array(entry.passes.map { .string($0.rawValue) })),
      (key: "masks", value: .string("\(entry.masks)")),
      (key: "dtypes", value: .array(entry.dataTypes.map { .string($0.rawValue) })),
      (key: "heads", value: .string("\(entry.heads)")),
      (key: "batches", value: .array(batches(entry.batches).map { .string($0) })),
      (key: "most_queries", value: entry.mostQueries.map { .number(Double($0)) } ?? .null),
      (key: "largest_group", value: entry.largestGroup.map { .number(Double($0)) } ?? .null),
    ])
  }
}

// MARK: Markdown

extension ScheduleList {
  /// A table of all schedules by devices, passes and masks, and a section for each.
  public var markdown: String {
    var lines = [
      "# Schedules", "", "Written by `make docs` from what each schedule declares.", "",
      "| schedule | devices | passes | masks | types | batches |", "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += schedules.map { schedule in
      let support = schedule.support
      let cells = [
        "[\(schedule.name)](#\(schedule.name))",
        devices.filter { schedule.runs(on: $0) }.map(\.id).joined(separator: ", "),
        support.passes.map(\.rawValue).joined(separator: ", "),
        support.passes.map { pass in
          let masks = Self.unique(support.entries.filter { $0.passes.contains(pass) }.map { "\($0.masks)" })
          return "\(pass.rawValue): " + masks.joined(separator: "; ")
        }.joined(separator: "; "),
        support.dataTypes.map(\.rawValue).joined(separator: ", "),
        Self.unique(
          (support.takesKeyLengths ? ["lengths"] : []) + (support.takesQueryLengths ? ["query lengths"] : [])
            + (support.takesSharedPrefix ? ["shared prefix"] : [])
        ).joined(separator: ", "),
      ]
      return "| " + cells.joined(separator: " | ") + " |"
    }
    return (lines + schedules.flatMap { Self.section($0) }).joined(separator: "\n")
  }

  private static func unique(_ words: [String]) -> [String] {
    words.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private static func section(_ schedule: any Schedule.Type) -> [String] {
    var lines = ["", "## \(schedule.name)", "", "\(schedule.summary).", "", "Needs:", ""]
    lines += schedule.needs.map { "- \(text($0))" }
    lines += ["", "Takes:", ""]
    lines += schedule.support.entries.map { "- " + words($0).joined(separator: "; ") }
    guard !schedule.parameters.isEmpty else { return lines }
    lines += [
      "", "| parameter | default | values | has an effect with | meaning |",
      "| --- | --- | --- | --- | --- |",
    ]
    lines += schedule.parameters.map { parameter in
      "| `\(parameter.name)` | `\(parameter.defaultValue)` | \(parameter.kind) | "
        + "\(parameter.dependsOn.map { "\($0)" } ?? "all calls") | \(parameter.summary) |"
    }
    return lines
  }
}
