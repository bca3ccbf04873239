import HWModels
import Programs
public import Results

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

  /// A result with what it is made of, and what would change it.
  public typealias Explained = (
    result: SimulationResult, attribution: Attribution, elasticities: [Elasticity]
  )

  /// Where the critical path spends its time, and what would change it.
  ///
  /// The path is that of the longest work item (at most its first 20,000 operations). Elasticities are slopes
  /// through changes of up to a tenth, over every number of the device; those below one in a thousand are left out. Whole
  /// numbers of machines that are no GPU, and the depths of FIFOs, are halved and doubled instead.
  /// - Throws: as `run`.
  /// - Complexity: six runs per number of the device.
  public static func explain(_ request: SimulationRequest) throws(SimulationError) -> Explained {
    let base = try base(request)
    return explained(base, questions(base).compactMap { $0() })
  }

  /// The same, with the what-ifs on all threads.
  public static func explainInParallel(
    _ request: SimulationRequest
  ) async throws(SimulationError) -> Explained {
    let base = try base(request)
    let found: [Elasticity] = await withTaskGroup(of: Elasticity?.self) { group in
      for question in questions(base) { group.addTask { question() } }
      return await group.reduce(into: []) { if let one = $1 { $0.append(one) } }
    }
    return explained(base, found)
  }

  /// A request with its answer, and what what-ifs have in common with it.
  private struct Base: Sendable {
    var request: SimulationRequest
    var program: Program
    var grids: [KernelGrid]
    var result: SimulationResult
  }

  private static func base(_ request: SimulationRequest) throws(SimulationError) -> Base {
    let program = try program(request)
    return Base(
      request: request, program: program, grids: simulations(program, request).map(\.grid),
      result: try run(request, program))
  }

  private static func explained(_ base: Base, _ found: [Elasticity]) -> Explained {
    let traced = TracedCore.run(
      base.program, on: base.request.device, clock: base.result.clock.frequency, limit: 20_000, longest: true)
    return (
      base.result, traced?.attribution() ?? Attribution(entries: []),
      found.sorted { (abs($1.value), $0.path) < (abs($0.value), $1.path) }
    )
  }

  /// The elasticity of one number each; nil where a change has no effect.
  private static func questions(_ base: Base) -> [@Sendable () -> Elasticity?] {
    elasticities(base) + wholeElasticities(base.request, time: base.result.time.value)
  }

  /// Factors of the what-ifs that a slope is fitted to. Schedules take discrete steps, so that one small change can mislead.
  private static let elasticityFactors = [0.9, 0.94, 0.98, 1.02, 1.06, 1.1]
  /// The reference clock only says at which clock energies hold, and is no property of a chip.
  private static let statements: Set = ["power.referenceClock"]

  private static func elasticities(_ base: Base) -> [@Sendable () -> Elasticity?] {
    DeviceField.all.compactMap { field in
      guard !statements.contains(field.path), let value = field.value(on: base.request.device), value > 0,
        field.unit != .count, !field.rule.isWhole
      else { return nil }
      return {
        // A device or a program that the change makes impossible has no time to compare.
        let points = elasticityFactors.compactMap { factor -> (x: Double, y: Double)? in
          var changed = base.request
          field.set(value * factor, on: &changed.device)
          // A kernel that is not built for the number is the same kernel.
          let result =
            field.isBuiltFor ? try? run(changed) : try? run(changed, base.program, grids: base.grids)
          guard let time = result?.time.value, time > 0 else { return nil }
          return (RealMath.log(factor), RealMath.log(time))
        }
        guard points.count >= 3, let line = LeastSquaresLine(points), abs(line.slope) >= 0.001 else {
          return nil
        }
        return Elasticity(path: field.path, value: line.slope, scatter: line.scatter)
      }
    }
  }
}

/// A straight line through points, and how far they lie from it.
struct LeastSquaresLine {
  let slope: Double
  /// Root mean square of the distances.
  let scatter: Double

  /// Nil where all points stand above one another.
  init?(_ points: [(x: Double, y: Double)]) {
    let count = Double(points.count)
    let meanX = points.reduce(0) { $0 + $1.x } / count
    let meanY = points.reduce(0) { $0 + $1.y } / count
    let spread = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
    guard spread > 0 else { return nil }
    let slope = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / spread
    self.slope = slope
    let squares = points.reduce(0) { sum, point in
      let distance = point.y - meanY - slope * (point.x - meanX)
      return sum + distance * distance
    }
    scatter = (squares / count).squareRoot()
  }
}
