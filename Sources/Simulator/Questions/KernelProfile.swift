public import HWModels
public import Programs
public import Results

/// What a profiler that replays one kernel at a time reads.
public struct KernelProfile: Sendable {
  public var name: String
  public var role: Kernel.Role
  /// Core cycles from the start of the kernel to its end, ramp included.
  public var cycles: Double
  /// Bytes that came from device memory.
  public var dramReadBytes: Double
  /// Busy cycles of each unit, over the cycles of all cores.
  public var shares: [(resource: Resource, share: Double)]

  public func share(of resource: Resource) -> Double { shares.first { $0.resource == resource }?.share ?? 0 }
}

extension Simulation {
  /// Each kernel of a call alone, at one clock, with nothing of the call in the shared cache.
  ///
  /// - Throws: `SimulationError`, as `run`.
  public static func profile(
    _ request: SimulationRequest, at clock: Frequency
  ) throws(SimulationError) -> [KernelProfile] {
    let program = try program(request)
    var profiles: [KernelProfile] = []
    for kernel in program.kernels {
      let outcome = try KernelSimulation(
        kernel, program.shape, on: request.device, cacheBefore: .nothing
      ).run(at: clock)
      let cycles = outcome.cycles + (request.device.sync.kernelRamp * clock).value
      let whole = cycles * request.device.cores.count.value
      profiles.append(
        KernelProfile(
          name: kernel.name, role: kernel.role, cycles: cycles, dramReadBytes: outcome.dramRead,
          shares: Resource.allCases.map { ($0, outcome.busy[$0] / whole) }))
    }
    return profiles
  }
}
