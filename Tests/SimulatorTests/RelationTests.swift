import Attention
import AttnsimTestSupport
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Results that must agree with each other.
@Suite struct RelationTests {
  private func run(
    _ schedule: String, _ shape: AttentionShape, _ device: Device, _ parameters: [String: String] = [:],
    mode: ClockMode = .sustained
  ) throws -> SimulationResult {
    try Simulation.run(
      .init(schedule: schedule, parameters: .init(parameters), shape: shape, device: device, mode: mode))
  }

  /// Everything that passes in a second doubles, everything stated in seconds halves.
  private func twiceAsFast(_ device: Device) -> Device {
    var fast = device
    for field in DeviceField.all {
      guard let value = field.value(on: device) else { continue }
      switch field.unit {
      case .hertz, .bytesPerSecond, .watts: field.set(value * 2, on: &fast)
      case .seconds: field.set(value / 2, on: &fast)
      default: break
      }
    }
    return fast
  }

  @Test(
    "Doubling every rate halves the time", arguments: ScheduleRegistry.standard.names,
    [256, 4096, 65_536])
  func clockScaling(schedule: String, length: Int) throws {
    let slow = try Devices.running(schedule)
    // Playing the elements of a long row takes seconds where the compiler does not optimise.
    let tokens = slow.kind == .gpu ? length : min(length, slow.kind == .fpga ? 512 : 4096)
    var shape = try AttentionShape(
      batch: 1, headsQ: 8, seqQ: tokens, headDim: 128, mask: slow.kind == .gpu ? .causal : .none
    ).fitted(to: ScheduleRegistry.standard[schedule]?.geometry)
    // Causal, where the schedule takes that.
    if (try? Simulation.program(.init(schedule: schedule, shape: shape, device: slow))) == nil {
      shape.mask = .none
    }
    // Decode kernels take few queries.
    if (try? Simulation.program(.init(schedule: schedule, shape: shape, device: slow))) == nil {
      shape.seqQ = 1
    }
    for mode in [ClockMode.sustained, .burst] {
      let before = try run(schedule, shape, slow, mode: mode)
      let after = try run(schedule, shape, twiceAsFast(slow), mode: mode)
      #expect(after.cycles == before.cycles)
      #expect(abs(after.time.value * 2 / before.time.value - 1) < 1e-9)
    }
  }

  @Test(
    "A window as long as the sequence is causal attention", arguments: ["fa2", "fa3", "cudnn"],
    AttentionShape.Pass.allCases)
  func windowOfWholeLength(schedule: String, pass: AttentionShape.Pass) throws {
    let device = try Devices.named("h100-sxm5")
    let causal = try AttentionShape(
      batch: 1, headsQ: 12, seqQ: 3000, headDim: 128, mask: .causal, pass: pass)
    var window = causal
    window.mask = .slidingWindow(left: 3000, right: 0)
    let (a, b) = (try run(schedule, causal, device), try run(schedule, window, device))
    #expect(a.work == b.work)
    #expect(a.usefulFlops == b.usefulFlops)
  }

  @Test("One split equals no split")
  func oneSplit() throws {
    let device = try Devices.named("h100-sxm5")
    for shape in RandomShapes.forward(30, seed: 21) where shape.batch * shape.headsQ * shape.seqQ > 300 * 128
    {
      guard let automatic = try? run("fa2", shape, device), automatic.kernels.count == 1 else { continue }
      #expect(try run("fa2", shape, device, ["splits": "1"]).cycles == automatic.cycles, "\(shape)")
    }
  }

  @Test("Groups of one have nothing to pack, and are told so", arguments: ["on", "off"])
  func groupOfOne(packing: String) throws {
    let device = try Devices.named("h100-sxm5")
    let single = try AttentionShape(batch: 2, headsQ: 8, headsKV: 8, seqQ: 1500, headDim: 64, mask: .causal)
    #expect(throws: SimulationError.self) { try run("fa3", single, device, ["pack-gqa": packing]) }
    let grouped = try AttentionShape(batch: 2, headsQ: 8, headsKV: 4, seqQ: 1500, headDim: 64, mask: .causal)
    #expect(try run("fa3", grouped, device, ["pack-gqa": packing]).time.value > 0)
  }

  @Test(
    "Batch and heads are the same thing without groups", arguments: ["fa2", "fa3", "cudnn"],
    AttentionShape.Pass.allCases)
  func batchAgainstHeads(schedule: String, pass: AttentionShape.Pass) throws {
    let device = try Devices.named("h100-sxm5")
    let batch = try AttentionShape(batch: 24, headsQ: 2, seqQ: 2048, headDim: 128, mask: .causal, pass: pass)
    let heads = try AttentionShape(batch: 2, headsQ: 24, seqQ: 2048, headDim: 128, mask: .causal, pass: pass)
    #expect(try run(schedule, batch, device).cycles == run(schedule, heads, device).cycles)
  }

  /// Dynamic service has scheduling anomalies: a faster unit can change which warpgroup goes first. 4 % covers those seen.
  @Test(
    "More of a rate is not slower",
    arguments: ["vector.exp", "asyncTensor.rate16", "l2.bandwidth", "dram.bandwidth"])
  func monotone(path: String) throws {
    let device = try Devices.named("h100-sxm5")
    let field = try #require(DeviceField.at(path))
    for shape in RandomShapes.forward(30, seed: 22) {
      var more = device
      field.set(try #require(field.value(on: device)) * 1.5, on: &more)
      let clock = ClockMode.locked(Frequency(1.6e9))
      guard let before = try? run("fa3", shape, device, mode: clock) else { continue }
      #expect(
        try run("fa3", shape, more, mode: clock).time.value <= before.time.value * 1.04, "\(path) \(shape)")
    }
  }

  /// 21,248 of 21,760 queries see none of 512 keys: their items, which only store, are all but 2 % of the kernel's.
  @Test("Items that only store decide whether memory sets the pace")
  func emptyItems() throws {
    let device = try Devices.named("h200-sxm")
    let shape = try AttentionShape(
      batch: 64, headsQ: 8, seqQ: 21_760, seqKV: 512, headDim: 192, mask: .causal)
    var quicker = device
    quicker.dram.latency.value *= 0.7
    #expect(try run("cudnn", shape, quicker).time <= run("cudnn", shape, device).time)
  }

  @Test("A closed kernel says so in every result", arguments: AttentionShape.Pass.allCases)
  func closedKernel(pass: AttentionShape.Pass) throws {
    let device = try Devices.named("h100-sxm5")
    let shape = try AttentionShape(batch: 1, headsQ: 8, seqQ: 1024, headDim: 128, pass: pass)
    #expect(try run("cudnn", shape, device).warnings.map(\.code) == ["closed-kernel"])
    #expect(try run("fa3", shape, device).warnings.isEmpty)
  }

  @Test("Copies of O and dO come on top of the same kernels")
  func copiedGradients() throws {
    let device = try Devices.named("h100-sxm5")
    let shape = try AttentionShape(batch: 4, headsQ: 16, seqQ: 2048, headDim: 128, pass: .backward)
    let clock = ClockMode.locked(Frequency(1.6e9))
    let plain = try run("fa2", shape, device, mode: clock)
    let copied = try run("fa2", shape, device, ["copy-gradients": "on"], mode: clock)
    #expect(copied.kernels.dropFirst(2).map(\.cycles) == plain.kernels.map(\.cycles))
    #expect(copied.time > plain.time)
  }

  @Test("The same request gives the same result on any thread")
  func threads() async throws {
    let device = try Devices.named("h100-sxm5")
    let shapes = RandomShapes.forward(24, seed: 23)
    let serial = shapes.map { try? run("fa3", $0, device).time.value }
    let parallel = await withTaskGroup(of: (Int, Double?).self) { group in
      for (index, shape) in shapes.enumerated() {
        group.addTask {
          (index, try? Simulation.run(.init(schedule: "fa3", shape: shape, device: device)).time.value)
        }
      }
      var times = [Double?](repeating: nil, count: shapes.count)
      for await (index, time) in group { times[index] = time }
      return times
    }
    #expect(serial == parallel)
  }

  /// Rows of padding are executed and hold zeros: share of the matrix flops that is not padding, by hand.
  @Test(
    "Operand fill is the rows of the call over the rows of their tiles",
    arguments: [
      // 1000 queries in 8 tiles of 128, 1000 keys in 8 tiles of 128.
      ("fa2", [:], 16, 16, 1000, 1000, 1000.0 / 1024 * 1000 / 1024),
      ("fa3", ["build": "cute"], 16, 16, 4096, 4096, 1),
      // Four query heads of a group in a tile of 16 rows.
      ("flash-decoding", ["kernel": "triton", "splits": "2"], 32, 8, 1, 4096, 4.0 / 16),
      // One query of 128 rows.
      ("cudnn", [:], 16, 16, 1, 4096, 1.0 / 128),
    ] as [(String, [String: String], Int, Int, Int, Int, Double)])
  func operandFill(
    schedule: String, parameters: [String: String], heads: Int, headsKV: Int, queries: Int, keys: Int,
    expected: Double
  ) throws {
    let shape = try AttentionShape(
      batch: 1, headsQ: heads, headsKV: headsKV, seqQ: queries, seqKV: keys, headDim: 128)
    let device = try Devices.named("h100-sxm5")
    let program = try Simulation.program(
      .init(schedule: schedule, parameters: .init(parameters), shape: shape, device: device))
    let main = try #require(program.kernels.first { $0.role == .main })
    #expect(abs(main.operandFill(shape) / expected - 1) < 1e-12)
  }

  @Test("Operand fill of a mixed batch weighs each sequence by its keys")
  func raggedOperandFill() throws {
    // Four heads of a group: 512 queries fill 16 tiles of 128 rows; one query 4 rows of a tile.
    let shape = try AttentionShape(
      batch: 3, headsQ: 32, headsKV: 8, seqQ: 512, seqKV: 8192, headDim: 128, mask: .causal,
      lengths: BatchLengths(keys: [4096, 4096, 8192], queries: [1, 1, 512]))
    let device = try Devices.named("h100-sxm5")
    let program = try Simulation.program(
      .init(schedule: "fa3", parameters: .init(["build": "cpp"]), shape: shape, device: device))
    let main = try #require(program.kernels.first { $0.role == .main })
    let expected = (2 * 4096.0 * 4 + 8192.0 * 2048) / (2 * 4096.0 * 128 + 8192.0 * 2048)
    #expect(abs(main.operandFill(shape) / expected - 1) < 1e-12)
  }

  @Test("Zero operands save energy where there is padding, and only there")
  func zeroOperands() throws {
    var dear = try Devices.named("h100-sxm5")
    let cheap = dear
    dear.power.zeroOperandShare = Fraction(1)
    for (queries, isPadded) in [(1, true), (4096, false)] {
      let shape = try AttentionShape(batch: 4, headsQ: 16, seqQ: queries, seqKV: 4096, headDim: 128)
      let before = try run("fa2", shape, dear, mode: .locked(cheap.clock.nominal))
      let after = try run("fa2", shape, cheap, mode: .locked(cheap.clock.nominal))
      #expect(after.cycles == before.cycles)
      let energies = try (#require(after.clock.energy), #require(before.clock.energy))
      #expect((energies.0 < energies.1) == isPadded)
    }
  }

  @Test(
    "What-ifs on all threads find what they find one after another",
    arguments: [("fa3", "h100-sxm5"), ("flash-decoding", "a100-sxm4-80"), ("sdpa-naive", "streaming-dam")])
  func explainedInParallel(schedule: String, device: String) async throws {
    let shape = try AttentionShape(
      batch: 2, headsQ: 4, seqQ: schedule == "flash-decoding" ? 1 : 96, seqKV: 96, headDim: 64)
    let request = SimulationRequest(schedule: schedule, shape: shape, device: try Devices.named(device))
    let (alone, together) = (
      try Simulation.explain(request), try await Simulation.explainInParallel(request)
    )
    #expect(!alone.elasticities.isEmpty)
    #expect(together.elasticities == alone.elasticities)
    #expect(together.result.time == alone.result.time)
  }

  /// Doubling every rate halves the time, so the slopes along all of them add up to minus one.
  @Test(
    "Elasticities of all rates and times add up to minus one", arguments: ["fa2", "fa3", "flash-decoding"])
  func elasticitiesAddUp(schedule: String) throws {
    let queries = schedule == "flash-decoding" ? 1 : 4096
    let shape = try AttentionShape(batch: 8, headsQ: 16, seqQ: queries, seqKV: 4096, headDim: 128)
    let device = try Devices.named("h100-sxm5")
    let explained = try Simulation.explain(.init(schedule: schedule, shape: shape, device: device))
    var total = 0.0
    var scatter = 0.0
    let cap = "clock.matrixMaximum"
    for elasticity in explained.elasticities where elasticity.path != cap {
      switch try #require(DeviceField.at(elasticity.path)).unit {
      case .hertz, .bytesPerSecond, .watts: total += elasticity.value
      case .seconds: total -= elasticity.value
      default: continue
      }
      scatter += elasticity.scatter
    }
    // The reference clock, which is not listed, scales with the others: its slope is that of the core's energy.
    // A cap of the clock that a change of a tenth reaches bends the curve: its slope is taken nearby.
    for (path, now) in [
      ("power.referenceClock", device.power.referenceClock), (cap, device.clock.matrixMaximum),
    ] {
      let field = try #require(DeviceField.at(path))
      var times: [Double] = []
      for factor in [0.97, 1.03] {
        var changed = device
        field.set(now.value * factor, on: &changed)
        times.append(try run(schedule, shape, changed).time.value)
      }
      total += (times[1] / times[0] - 1) / 0.06
    }
    #expect(abs(total + 1) < 0.05 + scatter)
  }

  /// Of very many sequences a part is played: the time a sequence takes must not jump where that begins.
  @Test("Many sequences take the time of few, over and over", arguments: ["fa2", "cudnn"])
  func manySequences(schedule: String) throws {
    let device = try Devices.named("h100-sxm5")
    func cycles(_ batch: Int) throws -> Double {
      let shape = try AttentionShape(batch: batch, headsQ: 1, seqQ: 300, headDim: 64, mask: .causal)
      return try run(schedule, shape, device, mode: .locked(device.clock.nominal)).kernels[0].cycles.value
    }
    // 2,500 sequences are played whole, 5,000 and 60,000 in part.
    let perSequence = (try cycles(2500) - (try cycles(1250))) / 1250
    #expect(abs((try cycles(5000) - (try cycles(2500))) / 2500 / perSequence - 1) < 0.01)
    #expect(abs((try cycles(60_000) - (try cycles(2500))) / 57_500 / perSequence - 1) < 0.01)
  }

  @Test("Ranges hold all items, however many sequences there are")
  func manyRanges() throws {
    let device = try Devices.named("h100-sxm5")
    func cycles(_ batch: Int) throws -> Double {
      let shape = try AttentionShape(batch: batch, headsQ: 8, seqQ: 1, seqKV: 2048, headDim: 128)
      return try run("lean", shape, device, mode: .locked(device.clock.nominal)).kernels[0].cycles.value
    }
    #expect(abs((try cycles(4000)) / (try cycles(500)) / 8 - 1) < 0.02)
  }

  @Test(
    "Calls that no device holds are refused",
    arguments: [(1 << 28, 1 << 16, 1, 4096), (4096, 8192, 1 << 28, 1), (4096, 8192, 1, 1 << 28)])
  func hugeCalls(batch: Int, heads: Int, queries: Int, keys: Int) {
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: batch, headsQ: heads, seqQ: queries, seqKV: keys, headDim: 64)
    }
  }
}
