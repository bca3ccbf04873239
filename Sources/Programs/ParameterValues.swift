/// Parameters by name, as written by the user.
public struct ScheduleParameters: Sendable, Hashable {
  public var values: [String: String]
  public init(_ values: [String: String] = [:]) { self.values = values }
}

/// Parameters that a schedule has, with values that it takes: what schedules read.
public struct ParameterValues: Sendable, Hashable {
  /// What the user wrote.
  public let given: [String: String]

  /// Checks what the user wrote against the parameters of a schedule.
  ///
  /// - Throws: `ScheduleError.parameter` for the first name (in alphabetical order) that the schedule does not have, and for
  ///   the first value (in the order of the declaration) that is none.
  public init(_ asked: ScheduleParameters, of schedule: any Schedule.Type) throws(ScheduleError) {
    let known = schedule.parameters
    for name in asked.values.keys.sorted() where !known.contains(where: { $0.name == name }) {
      let names = known.map { $0.name }.joined(separator: ", ")
      throw .parameter(
        name: name, message: "unknown parameter; this schedule takes: \(names.isEmpty ? "none" : names)")
    }
    for parameter in known {
      if let text = asked.values[parameter.name], let problem = parameter.problem(text) {
        throw .parameter(name: parameter.name, message: problem)
      }
    }
    given = asked.values
  }

  /// The value of a parameter of the schedule.
  public subscript<Value>(parameter: Parameter<Value>) -> Value {
    let text = given[parameter.name] ?? parameter.defaultValue
    guard let value = parameter.read(text) else {
      fatalError("'\(text)' of the parameter '\(parameter.name)' was not checked")
    }
    return value
  }
}

extension ParameterValues {
  /// - Throws: `ScheduleError.parameter` for the first parameter that the user gave and that has no effect on the call.
  func requireEffect(of parameters: [any AnyParameter], on call: ScheduleCall) throws(ScheduleError) {
    for parameter in parameters where given[parameter.name] != nil {
      if let condition = parameter.dependsOn, !condition.holds(for: call) {
        throw .parameter(
          name: parameter.name, message: "has no effect on this call; it has with \(condition)")
      }
    }
  }
}
