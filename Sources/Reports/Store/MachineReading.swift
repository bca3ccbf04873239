import GRDB
import Programs
import Results

/// Rows of `MachineRows` back into values; nil where the run has none, as in databases of before these tables.
struct MachineReading {
  let id: Int64
  let database: Database

  private func rows(_ table: String) throws -> [Row] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM \(table) WHERE run_id = ? ORDER BY position", arguments: [id])
  }

  private func head(_ table: String) throws -> Row? {
    guard try database.tableExists(table) else { return nil }
    return try Row.fetchOne(database, sql: "SELECT * FROM \(table) WHERE run_id = ?", arguments: [id])
  }

  func dataflow() throws -> DataflowResult? {
    guard let row = try head("dataflow_runs") else { return nil }
    let lines = try rows("dataflow_budget").map {
      Budget.Line(item: $0["item"], needed: $0["needed"], available: $0["available"])
    }
    return DataflowResult(
      graph: row["graph"], copies: row["copies"], headsPerCopy: row["heads_per_copy"],
      nodes: try rows("dataflow_nodes").map {
        .init(name: $0["name"], pattern: $0["pattern"], firings: $0["firings"], use: $0["utilisation"])
      },
      fifos: try rows("dataflow_fifos").map {
        .init(
          name: $0["name"], writer: $0["writer"], reader: $0["reader"], depth: $0["depth"],
          bytesPerElement: $0["bytes_per_element"], elements: $0["elements"], peak: $0["peak"])
      },
      pipeline: try pipeline(row), budget: lines.isEmpty ? nil : Budget(lines: lines))
  }

  private func pipeline(_ row: Row) throws -> DataflowResult.Pipeline? {
    let (layers, latency): (Int?, Int?) = (row["layers"], row["latency_cycles"])
    guard let layers, let latency else { return nil }
    var stages: [DataflowResult.Pipeline.Stage] = []
    for kernel in try rows("dataflow_kernels") {
      let stage: Int = kernel["stage"]
      if stage >= stages.count { stages.append(.init(kernels: [])) }
      stages[stages.count - 1].kernels.append(.init(name: kernel["name"], cycles: kernel["cycles"]))
    }
    let (fastest, slowest): (Double?, Double?) = (row["fastest_s"], row["slowest_s"])
    var range: DataflowResult.Pipeline.ClockRange?
    if let fastest, let slowest { range = .init(slowest: slowest, fastest: fastest) }
    return .init(layers: layers, stages: stages, latencyCycles: latency, clockRange: range)
  }

  func spatial() throws -> SpatialResult? {
    guard let row = try head("spatial_runs") else { return nil }
    return SpatialResult(
      einsums: try rows("spatial_einsums").map {
        .init(
          name: $0["name"], section: $0["section"], array: $0["array"], cycles: $0["cycles"],
          utilisation: $0["utilisation"])
      },
      stallCycles: row["stall_cycles"], computeCycles: row["compute_cycles"], memorySeconds: row["memory_s"],
      energy: try rows("spatial_energy").map { .init(name: $0["name"], value: $0["energy_j"]) },
      traffic: try rows("spatial_traffic").map { .init(name: $0["name"], value: $0["bytes"]) },
      mapping: try rows("spatial_mapping").map { .init(name: $0["name"], value: $0["value"]) },
      areaSquareMillimetres: row["area_mm2"])
  }
}
