import HWModels
public import Schedules

/// The main path: request in, result out. Start reading here.
public enum Simulation {
  /// Predicts one attention call.
  ///
  /// - Throws: `SimulationError` where the schedule is unknown, refuses the shape or does not fit the device.
  /// - Complexity: O(operations of a few loop trips x classes of work items), whatever the sequence length.
  public static func run(_ request: SimulationRequest) throws(SimulationError) -> SimulationResult {
    // What the kernel does: work, order and dependencies.
    let program = try program(request)
    // A streaming machine has nodes and FIFOs instead of cores and kernels.
    if let placement = program.placement { return try DataflowRun(request, program, placement).result() }
    // A spatial array has einsums bound to its arrays.
    if let spatial = program.spatial { return try SpatialRun(request, program, spatial).result() }
    // A first guess of the clock turns the memory's bytes per second into bytes per core cycle.
    var clock = startingClock(request)
    // When it happens on the cores, at that clock.
    var kernels = try time(program, request, clock: clock)
    // How fast a cycle is, given the work and the cycles.
    var solved = ResultAssembly.solveClock(request, program, kernels)
    // Memory-bound cycles depend on the clock: again while the guess is off by enough to matter.
    for _ in 0..<3 {
      let memoryShare = kernels.reduce(0) { max($0, $1.memoryShare) }
      guard abs(solved.frequency.value / clock.value - 1) * memoryShare > 0.01 else { break }
      clock = solved.frequency
      kernels = try time(program, request, clock: clock)
      solved = ResultAssembly.solveClock(request, program, kernels)
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
    guard let schedule = ScheduleRegistry[request.schedule] else {
      throw .unknownSchedule(request.schedule, known: ScheduleRegistry.all.map { $0.name })
    }
    do {
      try schedule.checkLengths(of: request.shape)
      return try schedule.init(parameters: request.parameters).program(for: request.shape, on: request.device)
    } catch {
      throw .schedule(error)
    }
  }

  static func time(
    _ program: Program, _ request: SimulationRequest, clock: Frequency
  ) throws(SimulationError) -> [KernelSimulation.Outcome] {
    var outcomes: [KernelSimulation.Outcome] = []
    for kernel in program.kernels {
      outcomes.append(
        try KernelSimulation(
          kernel: kernel, shape: program.shape, device: request.device, clock: clock,
          cacheBefore: .of(request.mode),
          earlier: outcomes.last.map { ($0.result.waves, $0.dramRead) }
        ).run()
      )
    }
    return outcomes
  }

  /// Heavy attention runs near nine tenths of the nominal clock on every chip measured; the second pass corrects it.
  static func startingClock(_ request: SimulationRequest) -> Frequency {
    if case .locked(let clock) = request.mode { return clock }
    return request.device.clock.nominal * 0.9
  }
}
