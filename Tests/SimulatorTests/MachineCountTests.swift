import Attention
import HWModels
import Programs
import Schedules
import Testing

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// What runs on machines that are no GPU count: use of their units, flops beside attention, cycles, and which numbers matter.
@Suite struct MachineCountTests {
  static let spatialSchedules = [
    "unfused", "flat", "fusemax-cascade", "fusemax-architecture", "fusemax-binding",
  ]

  private func spatial(
    _ schedule: String, tokens: Int = 4096, parameters: [String: String] = [:],
    change: (inout Device.Spatial) -> Void = { _ in }
  ) throws -> SimulationResult {
    var device = try Devices.named("fusemax-cloud")
    if var machine = device.spatial {
      change(&machine)
      device.spatial = machine
    }
    return try Simulation.run(
      .init(
        schedule: schedule, parameters: .init(parameters),
        shape: try AttentionShape(batch: 2, headsQ: 4, seqQ: tokens, headDim: 64), device: device))
  }

  private func use(_ result: SimulationResult, _ resource: Resource) -> Double {
    result.resources.first { $0.resource == resource }?.utilisation ?? 0
  }

  /// Elements of the array times cycles times use: what it did for the call. It is there whatever the array.
  @Test("Lanes and sides that have nothing to do are no use", arguments: spatialSchedules)
  func use(schedule: String) throws {
    for tokens in [4096, 1000] {
      let base = try spatial(schedule, tokens: tokens)
      for factor in [2.0, 3, 16] {
        let wide = try spatial(schedule, tokens: tokens) { $0.lanes = Count($0.lanes.value * factor) }
        let (before, after) = (
          use(base, .array1D) * base.cycles.value, use(wide, .array1D) * wide.cycles.value * factor
        )
        #expect(abs(after / before - 1) < 1e-9, "\(schedule) x\(factor)")
        #expect(use(wide, .array1D) <= use(base, .array1D) * base.cycles.value / wide.cycles.value)
      }
      // Two matrix products: multiply-adds over elements and cycles. FLAT's tiles follow the array, the work does not.
      let macs = 2 * 8 * Double(tokens) * Double(tokens) * 64
      for side in [64.0, 256, 512] {
        let result = try spatial(schedule, tokens: tokens) { $0.columns = Count(side) }
        let elements = 256 * side
        let products = try #require(result.spatial).einsums.filter {
          ["QK", "SLNV", "AV"].contains($0.name) && $0.array == "2d"
        }
        let done = products.reduce(0) { $0 + $1.utilisation } * result.cycles.value * elements
        #expect(abs(done / macs - 1) < 1e-9, "\(schedule) \(tokens) \(side)")
      }
    }
  }

  @Test("Lanes beyond a row are said")
  func idleLanes() throws {
    func isSaid(_ lanes: Double) throws -> Bool {
      try spatial("fusemax-binding") { $0.lanes = Count(lanes) }.warnings.contains { $0.code == "idle-lanes" }
    }
    #expect(try !isSaid(256) && isSaid(512))
  }

  @Test("Linear layers of an encoder are counted", arguments: spatialSchedules)
  func linearLayers(schedule: String) throws {
    let alone = try spatial(schedule)
    let layer = try spatial(schedule, parameters: ["ffn": "1024"])
    let (tokens, width) = (2.0 * 4096, 4.0 * 64)
    // Q, K, V and Z; then two matrices of 1024.
    let flops = 2 * tokens * (4 * width * width + 2 * width * 1024)
    #expect(layer.usefulFlops - alone.usefulFlops == flops)
    #expect(layer.executedFlops - alone.executedFlops == flops)
    #expect(layer.work.matrixFlops == layer.executedFlops)
    #expect(layer.traffic[0].readBytes > alone.traffic[0].readBytes)
  }

  @Test("Layers of a vision transformer count attention and every product")
  func visionTransformer() throws {
    for (experts, layers) in [("1", "12"), ("2", "3")] {
      let request = try UbiMoETests.demo("ubimoe-vit", "alveo-u50", ["layers": layers, "experts": experts])
      let result = try Simulation.run(request)
      let (tokens, width) = (197.0, 384.0)
      // Two products of attention; queries, keys, values, projection; two of the feed-forward part, an expert each.
      let macs =
        2 * tokens * tokens * width + 4 * tokens * width * width
        + (Double(experts) ?? 0) * 2 * tokens * width * 4 * width
      #expect(result.usefulFlops == 2 * macs * (Double(layers) ?? 0))
      #expect(result.executedFlops >= result.usefulFlops && result.executedFlops < 1.01 * result.usefulFlops)
    }
    let request = try UbiMoETests.demo("ubimoe-vit", "alveo-u50")
    let result = try Simulation.run(request)
    let kernels = try #require(result.dataflow?.pipeline).stages.flatMap(\.kernels)
    #expect(kernels.count == 7)
    let trace = try #require(try Simulation.dataflowTrace(request, limit: 4_000_000, keepsFirings: false))
    for kernel in kernels {
      let nodes = result.dataflow?.nodes.filter { $0.name.hasPrefix(kernel.name + ": ") } ?? []
      #expect(nodes.contains { $0.firings == kernel.cycles }, "\(kernel.name)")
      let track = try #require(trace.tracks.first { $0.name.hasPrefix(kernel.name + ": ") })
      // Keys and values follow the queries on the same hardware.
      let queries = try #require(kernels.first { $0.name == "queries" }).cycles
      let start = track.steps.dropFirst().first?.cycle ?? 0
      #expect(
        (kernel.name == "keys") == (start >= queries && start < 2 * queries) || kernel.name == "projection")
    }
    #expect(trace.isWhole && trace.part?.contains("in each stage") == true)
  }

  @Test("Power that nobody has published is no number")
  func power() throws {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 64, headDim: 64)
    for (schedule, device, isKnown) in [
      ("sdpa-naive", "streaming-dam", false), ("ubimoe", "zcu102", false),
      ("fusemax-binding", "fusemax-cloud", true),
      ("fa3", "h100-sxm5", true),
    ] {
      let result = try Simulation.run(
        .init(schedule: schedule, shape: shape, device: try Devices.named(device)))
      #expect(
        (result.clock.power != nil) == isKnown && (result.clock.energy != nil) == isKnown, "\(schedule)")
    }
  }

  /// 2^26 tokens: N^2 + 4 cycles, the closed form, lie just above 2^52.
  @Test("Cycles are exact up to 2^53, and more are refused")
  func cycles() throws {
    let device = DataflowTruthTests.machine()
    func run(_ tokens: Int, heads: Int = 1) throws -> SimulationResult {
      try Simulation.run(
        .init(
          schedule: "sdpa-memory-free",
          shape: try AttentionShape(batch: 1, headsQ: heads, seqQ: tokens, headDim: 1, dataType: .fp32),
          device: device))
    }
    for tokens in [94_906_265, 1 << 26, 67_108_863] {
      #expect(Int(exactly: try run(tokens).cycles.value) == tokens * tokens + 4)
    }
    // 94,906,266^2 + 4 is more than 2^53.
    for tokens in [94_906_266, 100_000_000] {
      #expect { try run(tokens) } throws: { "\($0)".contains("2^53 cycles") }
    }
    #expect {
      try spatial("fusemax-binding", tokens: 1 << 24) {
        ($0.rows, $0.columns, $0.lanes) = (Count(1), Count(1), Count(1))
      }
    } throws: {
      "\($0)".contains("2^53 cycles")
    }
  }

  @Test("Every number of a machine that the time depends on is tried")
  func elasticities() throws {
    let shape = try AttentionShape(batch: 1, headsQ: 3, seqQ: 192, headDim: 64, dataType: .fp16)
    for (schedule, device, paths) in [
      (
        "fusemax-cascade", "flat-cloud",
        ["clock.maximum", "spatial.lanes", "spatial.columns", "spatial.exponentialCycles"]
      ),
      ("unfused", "flat-cloud", ["spatial.dramBandwidth", "clock.maximum"]),
      (
        "sdpa-naive", "streaming-dam",
        ["streaming.latency", "streaming.interval", "FIFO scores", "FIFO held-scores"]
      ),
      ("ubimoe", "zcu102", ["clock.nominal", "queries", "FIFO scores"]),
      ("ubimoe-vit", "alveo-u50", ["clock.nominal", "queries", "linear"]),
    ] {
      let request = SimulationRequest(schedule: schedule, shape: shape, device: try Devices.named(device))
      let explained = try Simulation.explain(request)
      for path in paths {
        let found = try #require(explained.elasticities.first { $0.path == path }, "\(schedule) \(path)")
        // A step is what the run with that number says.
        guard let ratio = found.steps?.twice.ratio else { continue }
        var other = request
        if let parameter = found.parameter {
          other.parameters.values[parameter.name] = parameter.twice
        } else if let field = DeviceField.at(path), let value = field.value(on: request.device) {
          field.set(2 * value, on: &other.device)
        }
        #expect(
          try Simulation.run(other).time.value / explained.result.time.value == ratio, "\(schedule) \(path)")
      }
    }
  }

  @Test("A depth that a graph cannot run with is impossible, not slow")
  func stuck() throws {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 64, headDim: 64)
    let explained = try Simulation.explain(
      .init(schedule: "sdpa-naive", shape: shape, device: try Devices.named("streaming-abstract")))
    let held = try #require(explained.elasticities.first { $0.path == "FIFO held-scores" })
    #expect(held.steps?.half == .impossible && held.steps?.twice == .time(1))
  }
}
