import HWModels

extension DataflowTiming {
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
