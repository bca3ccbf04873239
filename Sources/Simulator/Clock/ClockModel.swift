import HWModels
import Programs
import Results

/// The clock level: the highest clock whose power fits the limit.
///
/// Power = idle + (energy of the work at clock f) / time. Energy inside the cores scales with
/// (f / reference)^voltageExponent; shared cache and memory have clocks of their own and do not scale.
/// Besides power, the use of the matrix unit caps the clock.
struct ClockModel {
  let device: Device
  /// Joules of one call at the reference clock, inside the cores.
  let coreEnergy: Double
  /// Joules of one call outside the cores, whatever the clock.
  let memoryEnergy: Double
  private let usesMatrixUnit: Bool
  /// Seconds of a call in which the cores do nothing: launch and ramp.
  private let idleSeconds: Double

  init(program: Program, simulations: [KernelSimulation], device: Device) {
    self.device = device
    idleSeconds =
      (device.sync.kernelLaunch.value + device.sync.kernelRamp.value) * Double(program.separateLaunches)
    let power = device.power
    let perFlop = (program.usesSynchronousProducts ? power.tensorFlopSynchronous : power.tensorFlop).value
    var core = 0.0
    var memory = 0.0
    var matrixFlops = 0.0
    for simulation in simulations {
      let work = simulation.work
      matrixFlops += work.matrixFlops
      if work.matrixFlops > 0 {
        // Rows and columns of padding hold zeros, which toggle little.
        let filled = simulation.kernel.operandFill(simulation.shape)
        core += work.matrixFlops * perFlop * (filled + (1 - filled) * power.zeroOperandShare.value)
      }
      core +=
        work.exp * power.exp.value + work.fma * power.fma.value
        + (work.max + work.alu + work.convert / 2 + work.shuffle + work.otherInstructions)
        * power.instruction.value
        + (work.sharedRead + work.sharedWrite) * power.sharedByte.value
      memory +=
        (work.bytesRead + work.globalWrite) * power.l2Byte.value
        + work.atomics * Work.additionBytes * (device.additions?.byteEnergy ?? power.l2Byte).value
        + simulation.dramBytes * power.dramByte.value
    }
    usesMatrixUnit = matrixFlops > 0
    coreEnergy = core
    memoryEnergy = memory
  }

  /// Clock, power and energy for the kernels' cycles.
  func result(
    mode: ClockMode, _ kernels: [KernelSimulation.Outcome]
  ) -> SimulationResult.ClockResult {
    let cycles = kernels.reduce(0) { $0 + $1.cycles }
    let (clock, limiter) = solve(mode: mode, cycles: cycles)
    let seconds = seconds(cycles: cycles, at: clock)
    let energy = energy(at: clock) + device.power.idle.value * seconds
    return .init(
      mode: mode, frequency: Frequency(clock), limiter: limiter, power: Power(energy / seconds),
      energy: Energy(energy))
  }

  /// Joules of the call's work at `clock`, idle power not included.
  func energy(at clock: Double) -> Double {
    let reference = device.power.referenceClock.value
    let scale = reference > 0 ? clock / reference : 1
    return coreEnergy * power(scale, device.power.voltageExponent.value) + memoryEnergy
  }

  /// A call's time: its cycles, and the time in which the cores wait.
  func seconds(cycles: Double, at clock: Double) -> Double { cycles / clock + idleSeconds }

  /// Board power when the call takes `cycles` core cycles at `clock` and is repeated without gaps.
  func boardPower(at clock: Double, cycles: Double) -> Double {
    device.power.idle.value + energy(at: clock) / seconds(cycles: cycles, at: clock)
  }

  /// The clock and what limits it.
  func solve(mode: ClockMode, cycles: Double) -> (
    Double, SimulationResult.ClockResult.Limiter
  ) {
    if case .locked(let clock) = mode { return (clock.value, .locked) }
    let maximum = device.clock.maximum.value
    let byActivity = usesMatrixUnit ? device.clock.matrixMaximum.value : maximum
    let sustained = limited(to: device.power.limit.value, cycles: cycles)
    guard case .burst = mode else { return choose(byPower: sustained, byActivity: byActivity) }
    let burst = limited(to: device.power.limit.value * device.power.burstFactor.value, cycles: cycles)
    // The short-run limit holds for the burst duration, the sustained one for the rest of the call.
    let cyclesInBurst = burst * device.clock.burstDuration.value
    guard cycles > cyclesInBurst else { return choose(byPower: burst, byActivity: byActivity) }
    let seconds = device.clock.burstDuration.value + (cycles - cyclesInBurst) / sustained
    return choose(byPower: cycles / seconds, byActivity: byActivity)
  }

  private func choose(byPower: Double, byActivity: Double) -> (Double, SimulationResult.ClockResult.Limiter) {
    let maximum = device.clock.maximum.value
    let minimum = device.clock.minimum.value
    let clock = min(maximum, byPower, byActivity)
    if clock <= minimum { return (minimum, .minimum) }
    if clock == maximum { return (maximum, .maximum) }
    return clock == byPower ? (clock, .power) : (clock, .activity)
  }

  /// The highest clock at or below the maximum at which the board stays within `limit`. Bisection on a
  /// monotone function, 40 halvings.
  private func limited(to limit: Double, cycles: Double) -> Double {
    let maximum = device.clock.maximum.value
    if boardPower(at: maximum, cycles: cycles) <= limit { return maximum }
    var low = 0.0
    var high = maximum
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if boardPower(at: middle, cycles: cycles) <= limit { low = middle } else { high = middle }
    }
    return low
  }

  /// x^y by squaring for whole y, by exp and log otherwise; the standard library has no pow.
  private func power(_ base: Double, _ exponent: Double) -> Double {
    if exponent == exponent.rounded(), exponent >= 0, exponent <= 8 {
      var result = 1.0
      for _ in 0..<Int(exponent) { result *= base }
      return result
    }
    return RealMath.power(base, exponent)
  }
}

extension Program {
  /// Whether any kernel's matrix work is done by synchronous instructions with operands from registers.
  var usesSynchronousProducts: Bool { kernels.contains { $0.usesSynchronousProducts } }
}
