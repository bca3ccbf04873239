/// Something impossible about a device, at the path of the number to blame.
public struct DeviceProblem: Sendable, Hashable {
  public let path: String
  public let message: String
  public let hint: String?
}

/// A whole number without a decimal point.
private func whole(_ value: Double) -> String {
  value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
}

extension Device {
  /// Everything impossible about the numbers taken together. Single numbers are judged by `DeviceField.Rule`.
  public func problems() -> [DeviceProblem] {
    var found: [DeviceProblem] = []
    func require(_ condition: Bool, _ path: String, _ message: String, _ hint: String? = nil) {
      if !condition { found.append(DeviceProblem(path: path, message: message, hint: hint)) }
    }
    guard kind == .gpu else {
      if kind == .fpga {
        require(
          clock.minimum <= clock.nominal && clock.nominal <= clock.maximum, "clock.nominal",
          "the nominal clock lies outside of the range of clocks")
        require(
          (fpga?.memoryBandwidth.value ?? 1) > 0, "fpga.ddrBandwidth",
          "neither DDR nor HBM carries anything: kernels stream from one of them")
      }
      return found
    }
    require(
      clock.minimum <= clock.maximum, "clock.minimum", "the lowest clock is above the highest",
      "clock.maximum is \(whole(clock.maximum.value / 1e6)) MHz")
    require(
      clock.nominal <= clock.maximum, "clock.nominal", "the nominal clock is above the highest",
      "clock.maximum is \(whole(clock.maximum.value / 1e6)) MHz")
    require(
      clock.matrixMaximum <= clock.maximum, "clock.matrixMaximum",
      "the clock under matrix work is above the highest",
      "clock.maximum is \(whole(clock.maximum.value / 1e6)) MHz")
    require(power.idle < power.limit, "power.idle", "idle power leaves nothing of the power limit")
    require(
      power.burstFactor.value >= 1, "power.burstFactor", "short runs may not reach the sustained power limit")
    require(
      shared.perWorkItem <= shared.capacity, "shared.perWorkItem",
      "one work item can have more shared memory than a core holds")
    require(
      l2.capacity.value >= shared.capacity.value, "l2.capacity",
      "the shared cache is smaller than shared memory",
      "shared.capacity is \(whole(shared.capacity.value)) B")
    require(dram.capacity >= l2.capacity, "dram.capacity", "device memory is smaller than the shared cache")
    require(
      l2.latencyNear <= l2.latencyFar, "l2.latencyFar", "the far half answers faster than the near half")
    require(
      cores.clusterMaximum <= cores.count, "cores.clusterMaximum", "a cluster is larger than the device")
    return found
  }

  /// Numbers that nobody stands behind: reports list them beside each result.
  public var assumedPaths: [String] {
    provenance.filter { $0.value.kind == .assumed }.keys.sorted()
  }
}
