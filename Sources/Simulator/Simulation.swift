import Dataflow
import HWModels
public import Programs
public import Results
import Schedules
import Spatial

/// The main path: request in, result out. Start reading here.
public enum Simulation {
  /// Predicts one attention call.
  ///
  /// - Throws: `SimulationError` where the schedule is unknown, refuses the shape or does not fit the device.
  /// - Complexity: O(operations of a few loop trips x classes of work items), whatever the sequence length.
  public static func run(_ request: SimulationRequest) throws(SimulationError) -> SimulationResult {
    // What the kernel does: work, order and dependencies.
    try run(request, program(request))
  }

  /// - Parameter grids: of the kernels, where they are known already.
  static func run(
    _ request: SimulationRequest, _ program: Program, grids: [KernelGrid] = []
  ) throws(SimulationError) -> SimulationResult {
    switch program.body {
    // A streaming machine has nodes and FIFOs instead of cores and kernels.
    case .graphs(let placement): return try DataflowRun(request, program, placement).result()
    // A spatial array has einsums bound to its arrays.
    case .einsums(let spatial): return try SpatialRun(request, program, spatial).result()
    case .launches: break
    }
    // How the grids lie on the device, and what they move: no clock in it yet.
    let simulations = simulations(program, request, grids: grids)
    let model = ClockModel(program: program, simulations: simulations, device: request.device)
    // A first guess of the clock turns the memory's bytes per second into bytes per core cycle.
    var clock = startingClock(request, program, simulations, model)
    // When it happens on the cores, at that clock.
    var kernels = try time(simulations, at: clock)
    // How fast a cycle is, given the work and the cycles.
    var solved = model.result(mode: request.mode, kernels)
    // Memory-bound cycles depend on the clock: again while the guess is off by enough to matter.
    for _ in 0..<3 {
      let memoryShare = kernels.reduce(0) { max($0, $1.memoryShare) }
      guard abs(solved.frequency.value / clock.value - 1) * memoryShare > 0.01 else { break }
      clock = solved.frequency
      kernels = try time(simulations, at: clock)
      solved = model.result(mode: request.mode, kernels)
    }
    // What is left of the difference must not make a kernel faster than its memory.
    for index in kernels.indices {
      kernels[index].keepAboveMemory(at: solved.frequency, timedAt: clock, device: request.device)
    }
    // What it means.
    return ResultAssembly.assemble(request, program, kernels, clock: solved)
  }

  /// The program that `run` would time.
  public static func program(_ request: SimulationRequest) throws(SimulationError) -> Program {
    guard let schedule = request.scheduleType else {
      throw .unknownSchedule(request.schedule, known: request.schedules.names)
    }
    do {
      return try request.schedules.program(
        schedule, request.parameters, for: request.shape, on: request.device)
    } catch {
      throw .schedule(error)
    }
  }

  static func simulations(
    _ program: Program, _ request: SimulationRequest, grids: [KernelGrid] = []
  ) -> [KernelSimulation] {
    var simulations: [KernelSimulation] = []
    for (index, kernel) in program.kernels.enumerated() {
      simulations.append(
        KernelSimulation(
          kernel, program.shape, on: request.device, cacheBefore: .of(request.mode),
          earlier: simulations.last,
          grid: index < grids.count ? grids[index] : nil
        ))
    }
    return simulations
  }

  private static func time(
    _ simulations: [KernelSimulation], at clock: Frequency
  ) throws(SimulationError) -> [KernelSimulation.Outcome] {
    var outcomes: [KernelSimulation.Outcome] = []
    for simulation in simulations { outcomes.append(try simulation.run(at: clock)) }
    return outcomes
  }

  /// The clock if the call took what its tightest bound, full waves and the usual share of that bound come to.
  ///
  /// The share is what this model finds for long calls of fa2 and fa3 at head dim 128, rounded: it saves most calls the
  /// second pass and changes no result by more than that pass's tolerance.
  private static func startingClock(
    _ request: SimulationRequest, _ program: Program, _ simulations: [KernelSimulation], _ model: ClockModel
  ) -> Frequency {
    if case .locked(let clock) = request.mode { return clock }
    let nominal = request.device.clock.nominal
    let bounds = ResultAssembly.bounds(program, simulations, device: request.device, clock: nominal)
    let usualShare = program.usesSynchronousProducts ? 0.58 : 0.83
    let waves = simulations.first { $0.kernel.role == .main }?.waves ?? 1
    let seconds =
      bounds.reduce(0) { max($0, $1.time.value) } / usualShare * waves.rounded(.up) / max(waves, 1)
    return Frequency(model.solve(mode: request.mode, cycles: seconds * nominal.value).0)
  }
}

extension SimulationRequest {
  /// The schedules among which the name is looked up.
  public var schedules: ScheduleRegistry { registry ?? .standard }
  /// nil where there is none of the name.
  public var scheduleType: (any Schedule.Type)? { schedules[schedule] }
}
