public import HWModels
public import Schedules

/// The main path: request in, result out. Start reading here.
public enum Simulation {
  /// Predicts one attention call.
  ///
  /// - Throws: `SimulationError` where the schedule is unknown, refuses the shape or does not fit the device.
  /// - Complexity: O(operations of a few loop trips x classes of work items), whatever the sequence length.
  public static func run(_ request: SimulationRequest) throws(SimulationError) -> SimulationResult {
    fatalError("not written yet")
  }

  /// The program that `run` would time.
  public static func program(_ request: SimulationRequest) throws(SimulationError) -> Program {
    guard let schedule = ScheduleRegistry[request.schedule] else {
      throw .unknownSchedule(request.schedule, known: ScheduleRegistry.all.map { $0.name })
    }
    do {
      return try schedule.init(parameters: request.parameters).program(for: request.shape, on: request.device)
    } catch {
      throw .schedule(error)
    }
  }

  /// Every operation of the first rounds of work items on one core, at most `limit` of them, jumps switched off.
  public static func trace(_ request: SimulationRequest, limit: Int = 200_000) throws(SimulationError) -> [TraceEvent] {
    fatalError("not written yet")
  }

  /// Where the critical path spends its time, and what would change it.
  ///
  /// Elasticities are central differences over every number of the device that the result depends on.
  public static func explain(
    _ request: SimulationRequest
  ) throws(SimulationError) -> (result: SimulationResult, attribution: Attribution, elasticities: [Elasticity]) {
    fatalError("not written yet")
  }
}
