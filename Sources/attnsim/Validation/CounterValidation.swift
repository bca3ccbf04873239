import HWModels
import InputFiles
import Schedules
import Simulator

/// Predicted against counted cycles, use of units and bytes: free of the clock.
struct CounterValidation {
  struct Point {
    var row: CounterTable.Row
    var cycles: Double
    var tensorPercent: Double
    var expPercent: Double
    var dramReadBytes: Double
    var cycleError: Double { cycles / row.cycles - 1 }
    /// In points of the busy share.
    var tensorError: Double? { row.tensorPercent.map { tensorPercent - $0 } }
    var expError: Double? { row.expPercent.map { expPercent - $0 } }
    var dramReadError: Double? { row.dramReadBytes.flatMap { $0 > 0 ? dramReadBytes / $0 - 1 : nil } }
  }

  private(set) var points: [Point] = []
  private(set) var skipped: [(skip: TimeValidation.Skip, count: Int)] = []
  let gpu: String

  init(_ table: CounterTable, map: KernelMap, gpu: String, device: Device) {
    self.gpu = gpu
    for row in table.rows {
      // Auxiliary kernels of a call: their rows say which part they are.
      guard row.part == "main" else {
        skip(row, "part '\(row.part)' of a call: not modelled on its own yet")
        continue
      }
      switch map.target(kernel: row.kernel, gpu: gpu, pass: row.pass, launches: nil) {
      case .notModelled(let reason): skip(row, reason)
      case .schedule(let name, let parameters):
        predict(row, schedule: name, parameters: parameters, device: device)
      }
    }
  }

  private mutating func predict(
    _ row: CounterTable.Row, schedule: String, parameters: [String: String], device: Device
  ) {
    do {
      // At the clock of the counted run, where it is known: then cycles compare with cycles.
      let mode: ClockMode = row.clockHertz.map { .locked(Frequency($0)) } ?? .burst
      let request = SimulationRequest(
        schedule: schedule, parameters: ScheduleParameters(parameters), shape: try row.shape(),
        device: device, mode: mode)
      let result = try Simulation.run(request)
      func percent(_ resource: Resource) -> Double {
        (result.resources.first { $0.resource == resource }?.utilisation ?? 0) * 100
      }
      let dram = result.traffic.first { $0.level == "dram" }?.readBytes ?? 0
      points.append(
        Point(
          row: row, cycles: result.cycles.value, tensorPercent: percent(.tensor),
          expPercent: percent(.exp), dramReadBytes: dram))
    } catch let error as MeasuredTable.RowError {
      skip(row, "not modelled: \(error.message)")
    } catch {
      skip(row, "not modelled: \(error)")
    }
  }

  private mutating func skip(_ row: CounterTable.Row, _ reason: String) {
    let kernel = String(row.kernel.prefix { $0 != ":" })
    let skip = TimeValidation.Skip(kernel: kernel, pass: row.pass, reason: reason)
    if let index = skipped.firstIndex(where: { $0.skip == skip }) {
      skipped[index].count += 1
    } else {
      skipped.append((skip, 1))
    }
  }
}
