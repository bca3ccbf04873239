import HWModels
import Results

/// Runs on spatial arrays as JSON.
enum SpatialJSON {
  static func value(_ spatial: SpatialResult?) -> JSONValue {
    guard let spatial else { return .null }
    return .object([
      "einsums": .array(
        spatial.einsums.map {
          .object([
            "name": .string($0.name), "section": .string($0.section), "array": .string($0.array),
            "cycles": .number($0.cycles), "utilisation": .number($0.utilisation),
          ])
        }),
      "stall_cycles": .number(spatial.stallCycles),
      "compute_cycles": .number(spatial.computeCycles),
      "memory_s": .number(spatial.memorySeconds),
      "energy_j": .object(spatial.energy.map { (key: $0.name, value: .number($0.value)) }),
      "traffic_bytes": .object(spatial.traffic.map { (key: $0.name, value: .number($0.value)) }),
      "mapping": .object(spatial.mapping.map { (key: $0.name, value: .string($0.value)) }),
      "area_mm2": spatial.areaSquareMillimetres.map { .number($0) } ?? .null,
    ])
  }
}
