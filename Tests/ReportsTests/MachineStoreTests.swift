import GRDB
import HWModels
import Testing

@testable import Dataflow
@testable import Reports
@testable import Results
@testable import Simulator
@testable import Spatial

@Suite("Runs of machines that are no GPU in the store")
struct MachineStoreTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// One run of each machine that is no GPU; a pipeline with and without an assumed clock.
  private static func requests() throws -> [SimulationRequest] {
    var locked = try Sample.fpga("ubimoe")
    locked.mode = .locked(Frequency(1.5e8))
    return [
      try Sample.streaming("sdpa-naive", parameters: ["depths": "values=inf"]),
      try Sample.streaming("sdpa-memory-free"), try Sample.spatial("fusemax-architecture"),
      try Sample.spatial("fusemax-binding"),
      try Sample.fpga("ubimoe-vit", parameters: ["hidden": "96", "layers": "3"]), locked,
    ]
  }

  private func machineRecord(_ request: SimulationRequest) throws -> RunRecord {
    RunRecord(result: try Simulation.run(request), source: .flags("run"), toolVersion: "0.1.0")
  }

  @Test("Nodes, FIFOs, stages, einsums and energies come back, on a run and on a sweep", arguments: 0..<6)
  func machines(index: Int) throws {
    let record = try machineRecord(Self.requests()[index])
    #expect(record.result.dataflow != nil || record.result.spatial != nil)
    for detail in [RunWriter.Detail.full, .withoutClasses] {
      let store = try ResultStore(path: folder.path("\(detail).sqlite"))
      let writer = store.writer(detail: detail)
      try writer.add(record)
      let read = try store.run(try #require(try writer.finish().last)).result
      #expect(read.dataflow == record.result.dataflow)
      #expect(read.spatial == record.result.spatial)
      guard detail == .full else { continue }
      #expect(JSONReport.render(read) == JSONReport.render(record.result))
      #expect(TextReport.render(read) == TextReport.render(record.result))
    }
    let merged = try ResultStore(path: folder.path("merged"))
    _ = try merged.merge(from: folder.path("full.sqlite"))
    #expect(JSONReport.render(try merged.run(1).result) == JSONReport.render(record.result))
  }

  @Test("A database of version 1 opens, and a run in it gains what it had no tables for")
  func version1() throws {
    let requests = try Self.requests()
    let kernels = RunRecord(result: try Sample.result(), source: .flags("run"), toolVersion: "0.1.0")
    let records = [kernels, try machineRecord(requests[0]), try machineRecord(requests[2])]
    let new = try ResultStore(path: folder.path("new"))
    for record in records { try new.insert(record) }
    try new.close()
    // The old migration makes the tables; the rows are those of today.
    let queue = try DatabaseQueue(path: folder.path("old"))
    try StoreSchema.migrator.migrate(queue, upTo: StoreSchema.migrationNames[0])
    try queue.writeWithoutTransaction { database in
      // Children before their parents.
      try database.execute(sql: "PRAGMA foreign_keys = OFF")
      try database.execute(sql: "ATTACH ? AS other", arguments: [folder.path("new")])
      let tables = try String.fetchAll(
        database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'grdb%'")
      #expect(tables.contains("runs") && !tables.contains("dataflow_nodes"))
      try database.inTransaction {
        for table in tables {
          let names = try database.columns(in: table, in: "main").map(\.name)
          let columns = names.joined(separator: ", ")
          // What is not known was 0 then.
          let values = names.map { ["power_w", "energy_j"].contains($0) ? "coalesce(\($0), 0)" : $0 }
          try database.execute(
            sql:
              "INSERT INTO main.\(table) (\(columns)) SELECT \(values.joined(separator: ", ")) FROM other.\(table)"
          )
        }
        return .commit
      }
      try database.execute(sql: "DETACH other")
    }
    try queue.close()
    #expect(try StoreFile.inspect(folder.path("old")) == .ours(version: 1))
    let reader = try ResultStore(path: folder.path("old"), mode: .readOnly)
    #expect(JSONReport.render(try reader.run(1).result) == JSONReport.render(records[0].result))
    #expect(try reader.run(2).result.dataflow == nil && reader.run(3).result.spatial == nil)
    try reader.close()
    let store = try ResultStore(path: folder.path("old"))
    for (id, record) in zip(1..., records) {
      #expect(try store.insert(record) == Int64(id))
      #expect(JSONReport.render(try store.run(Int64(id)).result) == JSONReport.render(record.result))
    }
    try store.close()
    #expect(try StoreFile.inspect(folder.path("old")) == .ours(version: StoreSchema.version))
  }
}
