public import Programs
import Yams

extension ScenarioFile {
  /// What a schedule refuses, at the place where the scenario asks for it.
  ///
  /// - Returns: nil where the file does not say it: a default, or the value of an axis.
  public static func diagnostic(of error: ScheduleError, in path: String) -> Diagnostic? {
    guard let source = try? SourceText.load(path) else { return nil }
    return diagnostic(of: error, in: source)
  }

  static func diagnostic(of error: ScheduleError, in source: SourceText) -> Diagnostic? {
    let schedule = ["schedule", "schedule.name"]
    let places =
      switch error {
      case .parameter(let name, _): ["schedule.parameters.\(name)"]
      case .missingResource: ["device"] + schedule
      case .unsupported(_, let field, _): ["shape.\(field)", "schedule.parameters.\(field)"] + schedule
      case .doesNotFit: schedule
      }
    let values = values(of: source)
    // The most particular place; a schedule with parameters is named one level deeper.
    for place in places {
      guard let found = values[place], !found.isMap else { continue }
      return source.diagnostic(line: found.mark.line, column: found.mark.column, error.description)
    }
    return nil
  }

  /// The values of a scenario by dotted path, lists and axes left out.
  private static func values(of source: SourceText) -> [String: ValueReader] {
    guard let root = FileReader(source).rootMapping(expecting: "a scenario") else { return [:] }
    var found: [String: ValueReader] = [:]
    func add(_ map: MapReader, _ path: String) {
      for entry in map.entries where path + entry.key != "axes" {
        found[path + entry.key] = entry.value
        if let inner = entry.value.map(expecting: "") { add(inner, path + entry.key + ".") }
      }
    }
    add(root, "")
    return found
  }
}
