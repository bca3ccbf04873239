public import Attention
public import HWModels

/// Schedules by name. `ScheduleRegistry.standard` has all of the tool; an embedder may add its own.
public struct ScheduleRegistry: Sendable {
  public let all: [any Schedule.Type]

  public init(_ all: [any Schedule.Type]) { self.all = all }

  public subscript(name: String) -> (any Schedule.Type)? { all.first { $0.name == name } }
  public var names: [String] { all.map { $0.name } }

  /// The program of a call.
  ///
  /// - Throws: `ScheduleError` where the schedule does not take it, with the schedules that do.
  public func program(
    _ schedule: any Schedule.Type, _ parameters: ScheduleParameters, for shape: AttentionShape,
    on device: Device
  ) throws(ScheduleError) -> Program {
    do {
      return try schedule.init(parameters: parameters).program(for: shape, on: device)
    } catch {
      throw withOthers(error, shape, device)
    }
  }

  /// Schedules that take a call as they are or with one parameter, and that parameter.
  public func taking(_ shape: AttentionShape, on device: Device) -> [(
    name: String, parameters: ScheduleParameters
  )] {
    all.compactMap { schedule in
      schedule.variants(taking: shape, changing: 1, on: device).first { _ in true }.map {
        (schedule.name, $0)
      }
    }
  }

  private func withOthers(_ error: ScheduleError, _ shape: AttentionShape, _ device: Device) -> ScheduleError
  {
    func others(_ name: String) -> String {
      let found = taking(shape, on: device).map { other in
        let parameters = other.parameters.values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return ([other.name] + parameters).joined(separator: " ")
      }
      return found.isEmpty
        ? "no schedule takes the call on \(device.id)" : "taken by \(found.joined(separator: ", "))"
    }
    switch error {
    case .unsupported(let schedule, let field, let message):
      return .unsupported(schedule: schedule, field: field, message: "\(message); \(others(schedule))")
    case .missingResource(let schedule, let part, let device, let detail):
      return .missingResource(
        schedule: schedule, part: part, device: device,
        detail: [detail, others(schedule)].filter { !$0.isEmpty }.joined(separator: "; "))
    case .parameter, .doesNotFit: return error
    }
  }
}

extension Schedule {
  /// Parameters beside those given with which the declaration admits a call, the fewest first: none, one, and two where
  /// `most` is that.
  ///
  /// - Complexity: a look at the declaration for each sample value, or each pair of them, lazily.
  public static func variants(
    taking asked: AttentionShape, given: ScheduleParameters = ScheduleParameters(), changing most: Int = 2,
    on device: Device
  ) -> AnySequence<ScheduleParameters> {
    let shape = plain(asked)
    guard runs(on: device) else { return AnySequence([]) }
    return AnySequence(
      changes(beside: given, most: most).lazy.map { ScheduleParameters($0) }.filter { changes in
        let all = ScheduleParameters(given.values.merging(changes.values) { given, _ in given })
        return admits(plain: shape, all, on: device)
      })
  }

  /// No change, each sample value of a parameter that is not given, and each pair of two.
  private static func changes(beside given: ScheduleParameters, most: Int) -> [[String: String]] {
    let single = parameters.filter { given.values[$0.name] == nil }.flatMap { parameter in
      parameter.kind.samples.filter { $0 != parameter.defaultValue }.map { (name: parameter.name, value: $0) }
    }
    var all: [[String: String]] = [[:]] + single.map { [$0.name: $0.value] }
    guard most > 1 else { return all }
    for (place, first) in single.enumerated() {
      for second in single[(place + 1)...] where second.name != first.name {
        all.append([first.name: first.value, second.name: second.value])
      }
    }
    return all
  }
}
