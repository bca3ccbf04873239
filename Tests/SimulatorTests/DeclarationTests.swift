import Attention
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Testing

/// What schedules declare of their parameters is what their programs do.
@Suite struct DeclarationTests {
  /// Small calls of every kind: masks, passes, groups, head dimensions, lengths, prefixes.
  private static let shapes: [AttentionShape] = {
    let masks = [
      "none", "causal", "swa:100", "gna:256:w100", "gna:16x16:w8x8", "gna:8x8x4:w4x4x2",
      "block_sparse:128x128:density=0.6:seed=3 & causal", "heads(0-1=causal;2-3=swa:64)",
    ]
    var all: [AttentionShape] = []
    func add(
      heads: Int = 4, headsKV: Int = 2, queries: Int = 256, keys: Int = 256, dim: Int = 64, _ mask: String,
      _ pass: AttentionShape.Pass = .forward, lengths: String? = nil, prefix: Int = 0
    ) {
      guard let mask = try? Mask(parsing: mask) else { return }
      let lengths = lengths.flatMap { try? BatchLengths(parsing: $0) }
      let shape = try? AttentionShape(
        batch: lengths?.keys.count ?? 2, headsQ: heads, headsKV: headsKV,
        seqQ: lengths?.mostQueries ?? queries,
        seqKV: lengths == nil ? keys : nil, headDim: dim, mask: mask, pass: pass, lengths: lengths,
        sharedPrefix: prefix)
      if let shape { all.append(shape) }
    }
    for mask in masks { for dim in [64, 256] { add(dim: dim, mask) } }
    for mask in ["none", "causal"] {
      add(headsKV: 4, mask)
      add(mask, .backward)
      add(headsKV: 4, mask, .backward)
    }
    for queries in [1, 8] {
      add(queries: queries, keys: 1024, "causal")
      add(queries: queries, keys: 1024, "causal", prefix: 256)
      add(queries: queries, "causal", lengths: "512,100,1024")
    }
    add("causal", lengths: "1/512,200/200")
    return all
  }()

  /// Values where the kind of a parameter lists too few.
  private static let more = [
    "short": ["4"], "long": ["600"], "scores": ["7", "inf"], "depths": ["queries=3"], "linear": ["32x32"],
    "tile-q": ["16x8", "8x16"], "tile-kv": ["16x8", "8x16"],
  ]

  private static func samples(_ parameter: any AnyParameter) -> [String] {
    parameter.kind.samples.filter { $0 != parameter.defaultValue } + (more[parameter.name] ?? [])
  }

  /// What a call's program is, or why there is none.
  private func program(
    _ type: any Schedule.Type, _ values: [String: String], _ shape: AttentionShape, _ device: Device
  ) -> String {
    do throws(ScheduleError) {
      let schedule = try type.init(parameters: ScheduleParameters(values))
      return String(reflecting: try schedule.admittedProgram(for: type.plain(shape), on: device))
    } catch {
      return "\(error)"
    }
  }

  /// No change, and each choice of each parameter.
  private func contexts(_ type: any Schedule.Type) -> [[String: String]] {
    [[:]]
      + type.parameters.flatMap { parameter in
        parameter.choices.filter { $0 != parameter.defaultValue }.map { [parameter.name: $0] }
      }
  }

  /// Those, two of them together, and pages.
  private func pairs(_ type: any Schedule.Type) -> [[String: String]] {
    let pages = type.parameters.contains { $0.name == "page-size" } ? [["page-size": "256"]] : []
    let single = contexts(type) + pages
    return single + single.flatMap { first in single.map { first.merging($0) { $1 } } }
  }

  private func calls(_ type: any Schedule.Type) throws -> (device: Device, shapes: [AttentionShape]) {
    let ids = try Devices.ids.filter { type.runs(on: try Devices.named($0)) }
    let shapes =
      type.needs.contains { $0.part == "cores.lanes" }
      ? Self.shapes
      : try [(1, 1), (2, 4)].map {
        try AttentionShape(batch: $0.0, headsQ: $0.1, seqQ: 64, headDim: 64)
      }
    return (try Devices.named(#require(ids.first)), shapes.map { $0.fitted(to: type.geometry) })
  }

  @Test("A parameter without effect on a call changes nothing", arguments: ScheduleRegistry.standard.names)
  func withoutEffect(name: String) throws {
    let type = try #require(ScheduleRegistry.standard[name])
    let (device, shapes) = try calls(type)
    var compared = 0
    for shape in shapes {
      for context in contexts(type) where type.admits(shape, ScheduleParameters(context), on: device) {
        let plain = type.plain(shape)
        let before = program(type, context, shape, device)
        for parameter in type.parameters where context[parameter.name] == nil {
          guard let condition = parameter.dependsOn else { continue }
          for value in Self.samples(parameter).suffix(2) {
            let values = context.merging([parameter.name: value]) { $1 }
            guard let read = try? ParameterValues(ScheduleParameters(values), of: type),
              !condition.holds(for: ScheduleCall(plain, read))
            else { continue }
            compared += 1
            let isSame = program(type, values, shape, device) == before
            #expect(isSame, "\(parameter.name)=\(value) \(context) \(shape)")
          }
        }
      }
    }
    #expect(compared > 0 || type.parameters.allSatisfy { $0.dependsOn == nil })
  }

  @Test(
    "Every value of every parameter makes a difference somewhere", arguments: ScheduleRegistry.standard.names)
  func withEffect(name: String) throws {
    let type = try #require(ScheduleRegistry.standard[name])
    let (device, shapes) = try calls(type)
    let pairs = pairs(type)
    for parameter in type.parameters {
      let values = Self.samples(parameter)
      for value in values {
        let others = [parameter.defaultValue] + values.filter { $0 != value }.prefix(2)
        let isSeen = shapes.contains { shape in
          pairs.contains { context in
            guard context[parameter.name] == nil else { return false }
            let own = context.merging([parameter.name: value]) { $1 }
            guard type.admits(shape, ScheduleParameters(own), on: device) else { return false }
            let with = program(type, own, shape, device)
            return others.contains { other in
              let values = context.merging([parameter.name: other]) { $1 }
              return type.admits(shape, ScheduleParameters(values), on: device)
                && program(type, values, shape, device) != with
            }
          }
        }
        #expect(isSeen, "\(parameter.name)=\(value)")
      }
    }
  }

  // MARK: Devices

  /// Matrix accumulators in a memory of their own, which kernels with accumulators in registers do not know.
  private func blackwellLike() throws -> Device {
    var device = try Devices.named("h100-sxm5")
    device.id = "invented"
    device.tensorMemory = Device.TensorMemory()
    let source = Provenance(kind: .assumed, source: "invented")
    device.words["asyncTensor.family"] = DeviceWord("tcgen05", provenance: source)
    device.words["asyncTensor.accumulators"] = DeviceWord("tensorMemory", provenance: source)
    return device
  }

  private func refusal(_ schedule: String, _ device: Device, queries: Int = 1024) throws -> String {
    let shape = try AttentionShape(batch: 1, headsQ: 8, headsKV: 8, seqQ: queries, seqKV: 1024, headDim: 128)
      .fitted(to: ScheduleRegistry.standard[schedule]?.geometry)
    do throws(SimulationError) {
      _ = try Simulation.program(.init(schedule: schedule, shape: shape, device: device))
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test(
    "Kernels for accumulators in registers are refused where there are none, with those that run",
    arguments: ["fa3", "flex", "flex-flash", "gna-hopper", "cudnn", "flashmla"])
  func accumulators(schedule: String) throws {
    var device = try blackwellLike()
    let text = try refusal(schedule, device, queries: schedule == "flashmla" ? 1 : 1024)
    #expect(text.contains("needs 'asyncTensor.family: wgmma'") && text.contains("it has tcgen05"))
    #expect(schedule == "flashmla" || text.contains("taken by fa2"))
    // The family alone is not enough.
    device.words["asyncTensor.family"]?.value = "wgmma"
    let second = try refusal(schedule, device, queries: schedule == "flashmla" ? 1 : 1024)
    #expect(second.contains("needs 'asyncTensor.accumulators: registers'"))
    device.words["asyncTensor.accumulators"]?.value = "registers"
    #expect(try refusal(schedule, device, queries: schedule == "flashmla" ? 1 : 1024) == "")
  }

  @Test("Kernels on the products of warps run beside other products", arguments: ["fa2", "sparse"])
  func warpProducts(schedule: String) throws {
    let device = try blackwellLike()
    #expect(try refusal(schedule, device) == "")
    // The sparse schedule's block-list kernel is that of a device without asynchronous products.
    let shape = try AttentionShape(batch: 1, headsQ: 8, seqQ: 1024, headDim: 128)
    let program = try Simulation.program(.init(schedule: schedule, shape: shape, device: device))
    #expect(program.kernels.allSatisfy { kernel in kernel.name != "flex_fwd" })
    var other = device
    other.words["tensor.family"]?.value = "mfma"
    #expect(try refusal(schedule, other).contains("needs 'tensor.family: mma.sync'"))
  }

  @Test("Warps of 64 lanes are refused by kernels of 32")
  func lanes() throws {
    for type in ScheduleRegistry.standard.all where type.needs.contains(where: { $0.part == "cores.lanes" }) {
      var device = try Devices.named("h100-sxm5")
      device.cores.lanes = Count(64)
      let text = try refusal(type.name, device, queries: 1)
      #expect(text.contains("needs 'cores.lanes: 32'") && text.contains("it has 64"), "\(type.name)")
    }
  }
}
