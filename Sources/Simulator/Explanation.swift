import HWModels
import Schedules

extension Simulation {
  /// Every operation of the first rounds of work items on one core, at most `limit` of them, jumps switched off.
  ///
  /// - Parameter mainKernel: of the main kernel of the call, not of the first.
  /// - Throws: as `run`.
  public static func trace(
    _ request: SimulationRequest, limit: Int = 200_000, mainKernel: Bool = false
  ) throws(SimulationError) -> [TraceEvent] {
    if let trace = try dataflowTrace(request, limit: limit) { return trace.events }
    let result = try run(request)
    let program = try program(request)
    return TracedCore.run(
      program, on: request.device, clock: result.clock.frequency, limit: limit, longest: false,
      mainKernel: mainKernel)?.events ?? []
  }

  /// Where the critical path spends its time, and what would change it.
  ///
  /// The path is that of the longest work item (at most its first 20,000 operations). Elasticities are central
  /// differences of 1 % over every number of the device; those below one in a thousand are left out.
  /// - Throws: as `run`.
  /// - Complexity: two runs per number of the device.
  public static func explain(
    _ request: SimulationRequest
  ) throws(SimulationError) -> (
    result: SimulationResult, attribution: Attribution, elasticities: [Elasticity]
  ) {
    let result = try run(request)
    let program = try program(request)
    let traced = TracedCore.run(
      program, on: request.device, clock: result.clock.frequency, limit: 20_000, longest: true)
    return (result, traced?.attribution() ?? Attribution(entries: []), elasticities(request))
  }

  /// Step of the central difference, as a factor on the logarithm.
  private static let elasticityStep = 0.01

  static func elasticities(_ request: SimulationRequest) -> [Elasticity] {
    var found: [Elasticity] = []
    for field in DeviceField.all {
      guard let value = field.value(on: request.device), value > 0, field.unit != .count, !field.rule.isWhole
      else { continue }
      func seconds(_ factor: Double) -> Double? {
        var changed = request
        field.set(value * factor, on: &changed.device)
        // A device or a program that the change makes impossible has no time to compare.
        return try? run(changed).time.value
      }
      guard let up = seconds(1 + elasticityStep), let down = seconds(1 - elasticityStep) else { continue }
      let slope =
        (RealMath.log(up) - RealMath.log(down))
        / (RealMath.log(1 + elasticityStep) - RealMath.log(1 - elasticityStep))
      if abs(slope) >= 0.001 { found.append(Elasticity(path: field.path, value: slope)) }
    }
    return found.sorted { (abs($1.value), $0.path) < (abs($0.value), $1.path) }
  }
}
