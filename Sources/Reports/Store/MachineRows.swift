import GRDB
import Programs
import Results

/// What a run on a streaming machine, an FPGA or a spatial array has beyond the other lists, as rows. Rows that are there
/// stay, so that a run kept without them gains them.
struct MachineRows {
  private let database: Database
  private var inserts: [String: RowInsert] = [:]

  init(_ database: Database) { self.database = database }

  mutating func insert(_ result: SimulationResult, _ id: Int64) throws {
    if let dataflow = result.dataflow { try insert(dataflow, id) }
    if let spatial = result.spatial { try insert(spatial, id) }
  }

  /// One row; statements are made when a table is first needed, for most runs need none.
  private mutating func row(_ table: String, _ columns: Int, _ bind: (inout RowInsert) -> Void) throws {
    var insert = try inserts[table] ?? Self.insert(table, columns, database)
    bind(&insert)
    _ = try insert.run()
    inserts[table] = insert
  }

  private static func insert(_ table: String, _ columns: Int, _ database: Database) throws -> RowInsert {
    let places = Array(repeating: "?", count: columns).joined(separator: ", ")
    return try RowInsert(database, "INSERT OR IGNORE INTO \(table) VALUES (\(places))")
  }

  private mutating func insert(_ dataflow: DataflowResult, _ id: Int64) throws {
    let pipeline = dataflow.pipeline
    try row("dataflow_runs", 8) {
      $0.bind(id)
      $0.bind(dataflow.graph)
      $0.bind(dataflow.copies)
      $0.bind(dataflow.headsPerCopy)
      $0.bind(pipeline?.layers)
      $0.bind(pipeline?.latencyCycles)
      $0.bind(pipeline?.clockRange?.fastest)
      $0.bind(pipeline?.clockRange?.slowest)
    }
    for (position, node) in dataflow.nodes.enumerated() {
      try row("dataflow_nodes", 6) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(node.name)
        $0.bind(node.pattern)
        $0.bind(node.firings)
        $0.bind(node.use)
      }
    }
    for (position, fifo) in dataflow.fifos.enumerated() {
      try row("dataflow_fifos", 9) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(fifo.name)
        $0.bind(fifo.writer)
        $0.bind(fifo.reader)
        $0.bind(fifo.depth)
        $0.bind(fifo.bytesPerElement)
        $0.bind(fifo.elements)
        $0.bind(fifo.peak)
      }
    }
    let kernels = (pipeline?.stages ?? []).enumerated().flatMap { stage, value in
      value.kernels.map { (stage, $0) }
    }
    for (position, (stage, kernel)) in kernels.enumerated() {
      try row("dataflow_kernels", 5) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(stage)
        $0.bind(kernel.name)
        $0.bind(kernel.cycles)
      }
    }
    for (position, line) in (dataflow.budget?.lines ?? []).enumerated() {
      try row("dataflow_budget", 5) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(line.item)
        $0.bind(line.needed)
        $0.bind(line.available)
      }
    }
  }

  private mutating func insert(_ spatial: SpatialResult, _ id: Int64) throws {
    try row("spatial_runs", 5) {
      $0.bind(id)
      $0.bind(spatial.stallCycles)
      $0.bind(spatial.computeCycles)
      $0.bind(spatial.memorySeconds)
      $0.bind(spatial.areaSquareMillimetres)
    }
    for (position, einsum) in spatial.einsums.enumerated() {
      try row("spatial_einsums", 7) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(einsum.name)
        $0.bind(einsum.section)
        $0.bind(einsum.array)
        $0.bind(einsum.cycles)
        $0.bind(einsum.utilisation)
      }
    }
    for (table, amounts) in [("spatial_energy", spatial.energy), ("spatial_traffic", spatial.traffic)] {
      for (position, amount) in amounts.enumerated() {
        try row(table, 4) {
          $0.bind(id)
          $0.bind(position)
          $0.bind(amount.name)
          $0.bind(amount.value)
        }
      }
    }
    for (position, fact) in spatial.mapping.enumerated() {
      try row("spatial_mapping", 4) {
        $0.bind(id)
        $0.bind(position)
        $0.bind(fact.name)
        $0.bind(fact.value)
      }
    }
  }
}
