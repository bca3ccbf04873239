import Attention
import Dataflow
import Foundation
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// A schedule is a file, a line in the registry and a scenario; none may be missing.
@Suite struct RegistryTests {
  private func files(_ folder: String) throws -> [String] {
    let path = try #require(CheckoutFolder.find(folder))
    return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { path + "/" + $0 }
  }

  @Test("Every schedule in the folders of kernels is registered")
  func registered() throws {
    var declared: [String] = []
    let folders = try ["Sources/Schedules", "Sources/Dataflow", "Sources/Spatial"].map {
      try #require(CheckoutFolder.find($0))
    }
    let sources = folders.flatMap { folder in
      (FileManager.default.subpaths(atPath: folder) ?? []).map { "\(folder)/\($0)" }
    }
    for file in sources where file.hasSuffix(".swift") {
      for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
      where line.hasPrefix("public struct ") && line.contains(": Schedule {") {
        declared.append(String(line.dropFirst("public struct ".count).prefix { $0.isLetter || $0.isNumber }))
      }
    }
    #expect(!declared.isEmpty)
    #expect(Set(declared) == Set(ScheduleRegistry.standard.all.map { String(describing: $0) }))
    #expect(Set(ScheduleRegistry.standard.names).count == ScheduleRegistry.standard.all.count)
  }

  @Test("Every schedule has a scenario", arguments: ScheduleRegistry.standard.names)
  func scenarios(name: String) throws {
    let scenarios = try files("scenarios").filter { $0.hasSuffix(".yaml") }
    let used = try scenarios.contains { file in
      let scenario = try ScenarioFile.load(file, devices: Devices.library)
      return try scenario.request(0).schedule == name
    }
    #expect(used)
  }

  @Test(
    "Every schedule runs on every device that has what it needs",
    arguments: ScheduleRegistry.standard.names)
  func devices(name: String) throws {
    var shape = try AttentionShape(batch: 1, headsQ: 4, seqQ: 1024, headDim: 128)
      .fitted(to: ScheduleRegistry.standard[name]?.geometry)
    // Decode kernels take few queries.
    let usual = SimulationRequest(schedule: name, shape: shape, device: try Devices.running(name))
    if (try? Simulation.program(usual)) == nil { shape.seqQ = 1 }
    var ran = 0
    for id in Devices.ids {
      let request = SimulationRequest(schedule: name, shape: shape, device: try Devices.named(id))
      do {
        #expect(try Simulation.run(request).time.value > 0)
        ran += 1
      } catch SimulationError.schedule(.missingResource), SimulationError.schedule(.doesNotFit) {
        continue
      }
    }
    #expect(ran > 0)
  }

  /// What-ifs on these numbers keep the program of the call.
  @Test(
    "Programs do not depend on numbers that kernels are not built for",
    arguments: ScheduleRegistry.standard.names)
  func builtFor(name: String) throws {
    for queries in [1, 1024] {
      let shape = try AttentionShape(batch: 2, headsQ: 4, seqQ: queries, seqKV: 1024, headDim: 128)
        .fitted(to: ScheduleRegistry.standard[name]?.geometry)
      let device = try Devices.running(name)
      var changed = device
      var count = 0
      for field in DeviceField.all where !field.isBuiltFor && !field.rule.isWhole {
        guard let value = field.value(on: device) else { continue }
        field.set(value * 0.7, on: &changed)
        count += 1
      }
      #expect(count > 0 || device.kind != .gpu)
      let requests = [device, changed].map { SimulationRequest(schedule: name, shape: shape, device: $0) }
      guard let program = try? Simulation.program(requests[0]) else { continue }
      #expect(
        String(reflecting: program) == String(reflecting: try Simulation.program(requests[1])), "\(queries)")
    }
  }
}
