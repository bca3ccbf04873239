import Attention
import HWModels
import InputFiles
import Reports
import Results

/// A number that tables of published results print, and where it is in a result.
struct PublishedMetric {
  let name: String

  /// nil for numbers that are not compared.
  init?(_ name: String) {
    guard PublishedTable.isCompared(name) else { return nil }
    self.name = name
  }

  /// Why numbers of a name are not compared.
  static func reason(_ name: String) -> String {
    switch name {
    case "macs", "weight_elements", "kv_elements":
      "\(name) of a layer with its projections: a count that 'attnsim plan' makes and no kernel has"
    default: "the metric '\(name)' is not compared"
    }
  }

  /// What the planner counts of a layer under the names of counts; nil for other names.
  static func count(_ name: String, _ counts: AttentionScheme.Counts) -> (
    shown: ValidationMetric, value: Double
  )? {
    switch name {
    case "macs": (.init(name: name, unit: "MAC"), counts.macs)
    case "weight_elements": (.init(name: name, unit: "elements"), counts.weights)
    case "kv_elements": (.init(name: name, unit: "elements"), counts.cache)
    default: nil
    }
  }

  /// Whether a graph gets stuck: 1 or 0.
  var isDeadlock: Bool { name == "deadlock" }

  var shown: ValidationMetric {
    switch name {
    case "tflops": .init(name: name, unit: "TFLOP/s")
    case "cycles": .init(name: name, unit: "cycles")
    case "traffic_bytes": .init(name: name, unit: "B")
    case "energy_j": .init(name: name, unit: "J")
    case "deadlock": .init(name: name, unit: "", error: .difference)
    case _ where name.hasPrefix("utilization"): .init(name: name, unit: "", error: .difference)
    default: .init(name: name, unit: "µs")
    }
  }

  /// nil where the result has no such number.
  func value(of result: SimulationResult) -> Double? {
    func use(_ resource: Resource) -> Double? {
      result.resources.first { $0.resource == resource }?.utilisation
    }
    func cycles(_ array: String) -> Double? {
      result.spatial.map { $0.einsums.reduce(0) { $0 + ($1.array == array ? $1.cycles : 0) } }
    }
    let clock = result.clock.frequency.value
    switch name {
    case "tflops": return result.usefulFlopsPerSecond / 1e12
    case "time_us": return result.time.value * 1e6
    case "cycles": return result.cycles.value
    case "deadlock": return 0
    case "traffic_bytes":
      return result.traffic.first { $0.level == "dram" }.map { $0.readBytes + $0.writeBytes }
    case "energy_j": return result.clock.energy?.value
    case "utilization_2d": return use(.array2D)
    case "utilization_1d": return use(.array1D)
    case "mem_time_us": return result.spatial.map { $0.memorySeconds * 1e6 }
    case "compute_2d_time_us": return cycles("2d").map { $0 / clock * 1e6 }
    case "compute_1d_time_us": return cycles("1d").map { $0 / clock * 1e6 }
    default:
      let einsum = name.dropFirst("utilization_2d_".count)
      return result.spatial?.einsums.first { $0.name == einsum }?.utilisation
    }
  }
}
