import Attention
import HWModels
import Programs
import Results

/// Puts the levels together: clock, phases, use of resources, bounds.
enum ResultAssembly {
  static func totalWork(_ kernels: [KernelSimulation.Outcome]) -> Work {
    var work = Work()
    for kernel in kernels { work += kernel.work }
    return work
  }

  static func assemble(
    _ request: SimulationRequest, _ program: Program, _ kernels: [KernelSimulation.Outcome],
    clock: SimulationResult.ClockResult
  ) -> SimulationResult {
    let device = request.device
    let work = totalWork(kernels)
    let cycles = kernels.reduce(0) { $0 + $1.cycles }
    var busy = ResourceVector.zero
    for kernel in kernels { busy += kernel.busy }
    let phases = phases(kernels, launches: program.separateLaunches, device: device, clock: clock.frequency)
    let elapsed = cycles + (device.sync.kernelRamp * Double(program.separateLaunches) * clock.frequency).value
    let time = phases.reduce(0) { $0 + $1.time.value }
    let launch = phases.filter { $0.name == "launch" }.reduce(0) { $0 + $1.time.value }
    let dramRead = kernels.reduce(0) { $0 + $1.dramRead }
    let dramWrite = kernels.reduce(0) { $0 + $1.dramWrite }
    return SimulationResult(
      request: request, time: Duration(time), kernelTime: Duration(time - launch), cycles: Cycles(elapsed),
      clock: clock, phases: phases, kernels: kernels.map(\.result),
      resources: Resource.allCases.compactMap { resource in
        let cyclesBusy = busy[resource]
        guard cyclesBusy > 0 else { return nil }
        return .init(
          resource: resource, busyCycles: cyclesBusy,
          utilisation: cyclesBusy / (device.cores.count.value * max(elapsed, 1)))
      },
      traffic: [
        .init(level: "dram", readBytes: dramRead, writeBytes: dramWrite),
        .init(level: "l2", readBytes: work.bytesRead, writeBytes: work.globalWrite),
        .init(level: "shared", readBytes: work.sharedRead, writeBytes: work.sharedWrite),
      ]
        + (device.tensorMemory == nil
          ? []
          : [
            .init(
              level: "tensor_memory", readBytes: work.tensorMemoryRead, writeBytes: work.tensorMemoryWrite)
          ]),
      work: work, usefulFlops: program.shape.usefulFlops, executedFlops: work.matrixFlops,
      bounds: bounds(
        program, work: work, dramBytes: dramRead + dramWrite, device: device, clock: clock.frequency),
      warnings: program.warnings + limits(clock, device),
      statistics: .init(
        events: kernels.reduce(0) { $0 + $1.events }, jumpedEvents: kernels.reduce(0) { $0 + $1.jumpedEvents }
      ))
  }

  /// What a real board would not do.
  private static func limits(_ clock: SimulationResult.ClockResult, _ device: Device) -> [ModelLimit] {
    guard case .locked = clock.mode, let drawn = clock.power, drawn > device.power.limit else { return [] }
    let (power, limit) = (Int(drawn.value.rounded()), Int(device.power.limit.value.rounded()))
    return [
      ModelLimit(
        code: "over-power-limit",
        message:
          "at the locked clock the board would draw \(power) W of \(limit) W: it could not hold it for long")
    ]
  }

  /// Named parts of the time, adding up to it.
  private static func phases(
    _ kernels: [KernelSimulation.Outcome], launches: Int, device: Device, clock: Frequency
  ) -> [SimulationResult.Phase] {
    var phases: [SimulationResult.Phase] = []
    func add(_ name: String, cycles: Double) {
      phases.append(.init(name: name, time: Cycles(cycles) / clock, cycles: Cycles(cycles)))
    }
    let launch = device.sync.kernelLaunch * Double(launches)
    phases.append(.init(name: "launch", time: launch, cycles: launch * clock))
    let ramp = device.sync.kernelRamp * Double(launches)
    phases.append(.init(name: "ramp", time: ramp, cycles: ramp * clock))
    // Of several main kernels the longest.
    let main =
      kernels.indices.filter { kernels[$0].role == .main }.max { kernels[$0].cycles < kernels[$1].cycles }
      ?? 0
    for (index, kernel) in kernels.enumerated() {
      guard index == main else {
        add(kernel.result.name, cycles: kernel.cycles)
        continue
      }
      let prologue = min(kernel.prologue, kernel.cycles)
      let epilogue = min(kernel.epilogue, kernel.cycles - prologue)
      let tail = min(kernel.tail, kernel.cycles - prologue - epilogue)
      add("prologue", cycles: prologue)
      add("main", cycles: kernel.cycles - prologue - epilogue - tail)
      add("epilogue", cycles: epilogue)
      add("tail", cycles: tail)
    }
    return phases
  }

  /// The bounds of kernels that are not timed yet.
  static func bounds(
    _ program: Program, _ simulations: [KernelSimulation], device: Device, clock: Frequency
  ) -> [SimulationResult.Bound] {
    var work = Work()
    for simulation in simulations { work += simulation.work }
    return bounds(
      program, work: work, dramBytes: simulations.reduce(0) { $0 + $1.dramBytes }, device: device,
      clock: clock)
  }

  /// One ceiling per unit and memory level at the clock of the run: no schedule of this work is faster.
  private static func bounds(
    _ program: Program, work: Work, dramBytes: Double, device: Device, clock: Frequency
  ) -> [SimulationResult.Bound] {
    let cores = device.cores.count.value
    let synchronous = program.usesSynchronousProducts
    let tensorRate =
      synchronous
      ? device.tensor.rate16.value : device.asyncTensor?.rate16.value ?? device.tensor.rate16.value
    let vector = device.vector
    let perCore: [(Resource, Double, Double, String)] = [
      (.tensor, work.matrixFlops, tensorRate, "flop/s"),
      (.exp, work.exp, vector.exp.value, "op/s"),
      (.fma, work.fma, vector.fma.value, "op/s"),
      (
        .alu,
        work.alu + work.max * vector.alu.value / vector.max.value
          + work.convert * vector.alu.value / vector.convert.value, vector.alu.value, "op/s"
      ),
      (
        .issue,
        work.exp + work.fma + work.max + work.alu + work.convert / 2 + work.shuffle + work.otherInstructions,
        vector.issue.value, "op/s"
      ),
      (.shared, work.sharedRead, device.shared.bandwidth.value, "B/s"),
    ]
    var bounds = perCore.compactMap { resource, amount, rate, unit -> SimulationResult.Bound? in
      guard amount > 0, rate > 0 else { return nil }
      let ceiling = rate * cores * clock.value
      return .init(
        resource: resource, time: Duration(amount / ceiling), ceiling: ceiling, unit: unit, amount: amount)
    }
    let l2Ceiling = min(device.l2.bandwidth.value, device.l2.corePort.value * cores * clock.value)
    let l2Bytes = work.bytesRead + work.globalWrite
    bounds.append(
      .init(
        resource: .l2, time: Duration(l2Bytes / l2Ceiling), ceiling: l2Ceiling, unit: "B/s", amount: l2Bytes))
    let dramCeiling = device.dram.bandwidth.value * device.dram.efficiency.value
    bounds.append(
      .init(
        resource: .dram, time: Duration(dramBytes / dramCeiling), ceiling: dramCeiling, unit: "B/s",
        amount: dramBytes))
    return bounds
  }
}
