import HWModels

extension DataflowTiming {
  /// The cycles of `device`; nil where it runs no graphs. Stages of an FPGA kernel take one element a cycle and are one
  /// cycle deep.
  init?(_ device: Device) {
    if let machine = device.streaming {
      self.init(machine)
    } else if device.fpga != nil {
      self.init()
    } else {
      return nil
    }
  }

  /// The cycles of a streaming machine, rounded up to whole ones.
  init(_ machine: Device.Streaming) {
    func whole(_ cycles: Cycles) -> Int { Int(min(max(cycles.value, 0).rounded(.up), 1e9)) }
    interval = max(whole(machine.interval), 1)
    latency = whole(machine.latency)
    exponentialLatency = whole(machine.exponentialLatency)
    treeLevelLatency = whole(machine.treeLevelLatency)
    channelLatency = whole(machine.channelLatency)
    creditLatency = whole(machine.creditLatency)
    isBroadcastAtomic = machine.atomicBroadcast.value == 1
  }
}
