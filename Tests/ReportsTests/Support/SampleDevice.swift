import HWModels

/// A device with round numbers near those of a Hopper board, so that pictures look like real ones.
enum Sample {
  static let device: Device = {
    var device = Device(id: "sample-h", name: "Sample Hopper board", kind: .gpu)
    for (path, value) in values { DeviceField.at(path)?.set(value, on: &device) }
    for word in DeviceWord.fields {
      device.words[word.path] = DeviceWord(
        word.path == "asyncTensor.family" ? "wgmma" : word.example,
        provenance: Provenance(kind: .quoted, source: "made up for the tests"))
    }
    for (path, _) in values {
      device.provenance[path] = Provenance(kind: .quoted, source: "made up for the tests")
    }
    device.provenance["power.limit"] = Provenance(kind: .quoted, source: "data sheet <& more>")
    device.provenance["l2.effectiveShare"] = Provenance(
      kind: .assumed, source: "", note: "both halves keep copies of what they read")
    device.provenance["vector.otherInterval"] = Provenance(
      kind: .fitted, source: "calibrate",
      fit: .init(data: "micro_h100.csv, 12 rows", residual: 0.031, date: "2026-11-20"))
    device.provenance["power.exp"] = Provenance(kind: .measured, source: "power_h100.csv")
    return device
  }()

  private static let values: [(String, Double)] = [
    ("clock.maximum", 1.98e9), ("clock.nominal", 1.83e9), ("clock.minimum", 3.45e8),
    ("clock.tensorActivityDroop", 0.06), ("power.burstFactor", 1.1), ("clock.burstDuration", 0.001),
    ("power.referenceClock", 1.98e9),
    ("power.limit", 700), ("power.idle", 115), ("power.voltageExponent", 1.6), ("power.tensorFlop", 0.55e-12),
    ("power.tensorFlopSynchronous", 0.9e-12), ("power.zeroOperandShare", 0.22), ("power.exp", 12e-12),
    ("power.fma", 4e-12),
    ("power.instruction", 3e-12), ("power.sharedByte", 0.6e-12), ("power.l2Byte", 4e-12),
    ("power.dramByte", 30e-12),
    ("cores.count", 132), ("cores.clusterMaximum", 16), ("cores.subCores", 4), ("cores.lanes", 32),
    ("cores.registerFile", 262_144), ("cores.registersPerThreadMaximum", 255), ("cores.threadsMaximum", 2048),
    ("cores.workItemsMaximum", 32), ("vector.issue", 128), ("vector.fma", 128), ("vector.alu", 64),
    ("vector.convert", 64), ("vector.exp", 16), ("vector.shuffle", 32), ("vector.aluLatency", 4),
    ("vector.expLatency", 18), ("vector.shuffleLatency", 24), ("vector.max", 64),
    ("vector.otherInterval", 1.4),
    ("asyncTensor.issueInterval", 13), ("asyncTensor.registerOperandLead", 64), ("l2.storeBandwidth", 3e12),
    ("tensor.rate16", 2048), ("tensor.rate8", 4096), ("tensor.rate16OneWarp", 1024), ("tensor.latency", 33),
    ("asyncTensor.rate16", 4096), ("asyncTensor.rate8", 8192), ("asyncTensor.completionLatency", 60),
    ("asyncTensor.queueDepth", 512), ("shared.capacity", 233_472), ("shared.perWorkItem", 232_448),
    ("shared.reservedPerWorkItem", 1024), ("shared.bandwidth", 128), ("shared.latency", 29),
    ("copyEngine.latency", 170), ("copyEngine.maximumMulticast", 16), ("l2.capacity", 52_428_800),
    ("l2.effectiveShare", 0.5), ("l2.bandwidth", 7e12), ("l2.corePort", 64), ("l2.latencyNear", 262),
    ("l2.latencyFar", 414), ("dram.capacity", 80e9), ("dram.bandwidth", 3.35e12), ("dram.efficiency", 0.91),
    ("dram.latency", 640), ("sync.namedBarrier", 20), ("sync.memoryBarrier", 15),
    ("sync.clusterBarrier", 180),
    ("sync.atomic", 600), ("sync.workItemLaunch", 300), ("sync.workItemRate", 0.4),
    ("sync.kernelLaunch", 2.1e-6),
    ("sync.kernelRamp", 1.5e-6),
  ]
}
