package import HWModels
package import Schedules

/// Makers for values that were simulated earlier and kept: only the store and the tests of reports call them.
extension SimulationResult {
  package static func stored(
    request: SimulationRequest, time: Duration, kernelTime: Duration, cycles: Cycles, clock: ClockResult,
    phases: [Phase], kernels: [KernelResult], resources: [ResourceUse], traffic: [Traffic], work: Work,
    usefulFlops: Double, executedFlops: Double, bounds: [Bound], warnings: [ModelLimit],
    statistics: Statistics
  ) -> Self {
    Self(
      request: request, time: time, kernelTime: kernelTime, cycles: cycles, clock: clock, phases: phases,
      kernels: kernels, resources: resources, traffic: traffic, work: work, usefulFlops: usefulFlops,
      executedFlops: executedFlops, bounds: bounds, warnings: warnings, statistics: statistics)
  }
}

extension SimulationResult.ClockResult {
  package static func stored(
    mode: ClockMode, frequency: Frequency, limiter: Limiter, power: Power?, energy: Energy?
  ) -> Self {
    Self(mode: mode, frequency: frequency, limiter: limiter, power: power, energy: energy)
  }
}

extension SimulationResult.Phase {
  package static func stored(name: String, time: Duration, cycles: Cycles) -> Self {
    Self(name: name, time: time, cycles: cycles)
  }
}

extension SimulationResult.KernelResult {
  package static func stored(
    name: String, cycles: Cycles, workItems: Int, residentItems: Int, coresUsed: Int, waves: Double,
    classes: [SimulationResult.ClassResult], occupancy: Double
  ) -> Self {
    Self(
      name: name, cycles: cycles, workItems: workItems, residentItems: residentItems, coresUsed: coresUsed,
      waves: waves, classes: classes, occupancy: occupancy)
  }
}

extension SimulationResult.ClassResult {
  package static func stored(
    count: Int, trips: Int, cycles: Cycles, period: SimulationResult.PeriodResult?
  ) -> Self {
    Self(count: count, trips: trips, cycles: cycles, period: period)
  }
}

extension SimulationResult.PeriodResult {
  package static func stored(trips: Int, ticks: Int, jumpedTrips: Int) -> Self {
    Self(trips: trips, ticks: ticks, jumpedTrips: jumpedTrips)
  }
}

extension SimulationResult.ResourceUse {
  package static func stored(resource: Resource, busyCycles: Double, utilisation: Double) -> Self {
    Self(resource: resource, busyCycles: busyCycles, utilisation: utilisation)
  }
}

extension SimulationResult.Traffic {
  package static func stored(level: String, readBytes: Double, writeBytes: Double) -> Self {
    Self(level: level, readBytes: readBytes, writeBytes: writeBytes)
  }
}

extension SimulationResult.Bound {
  package static func stored(
    resource: Resource, time: Duration, ceiling: Double, unit: String, amount: Double
  ) -> Self {
    Self(resource: resource, time: time, ceiling: ceiling, unit: unit, amount: amount)
  }
}

extension SimulationResult.Statistics {
  package static func stored(events: Int, jumpedEvents: Int) -> Self {
    Self(events: events, jumpedEvents: jumpedEvents)
  }
}
