import GRDB
import HWModels

extension ResultStore {
  /// The run of an id, whole.
  ///
  /// - Throws: `StoreError.noSuchRun`, or `.unreadable` where a later version wrote something that this one lacks.
  public func run(_ id: Int64) throws(StoreError) -> RunRecord {
    try read { database in
      let sql = """
        SELECT runs.*, devices.device_id, devices.name, devices.kind, devices.file_hash, devices.values_json,
          provenances.provenance_json, sources.kind AS source_kind, sources.name AS source_name, sources.text
        FROM runs JOIN devices USING (device_key) JOIN provenances USING (provenance_key) JOIN sources USING (source_key)
        WHERE run_id = ?
        """
      guard let row = try Row.fetchOne(database, sql: sql, arguments: [id]) else {
        throw StoreError.noSuchRun(String(id))
      }
      return try RunReading(id: id, row: row, database: database).record()
    }
  }

  /// Runs that match, the latest first.
  public func runs(matching filter: RunFilter = RunFilter(), limit: Int = 100) throws(StoreError)
    -> [RunSummary]
  {
    var conditions: [String] = []
    var arguments: [(any DatabaseValueConvertible)?] = []
    func require(_ column: String, _ value: (any DatabaseValueConvertible)?) {
      guard let value else { return }
      conditions.append("\(column) = ?")
      arguments.append(value)
    }
    require("device_id", filter.device)
    require("schedule", filter.schedule)
    require("mask", filter.mask)
    require("seq_q", filter.seqQ)
    require("seq_kv", filter.seqKV)
    require("head_dim", filter.headDim)
    let matching = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    let bound = StatementArguments(arguments + [limit])
    return try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT runs.*, device_id FROM runs JOIN devices USING (device_key)
          \(matching) ORDER BY run_id DESC LIMIT ?
          """, arguments: bound
      ).map(Self.summary)
    }
  }

  /// The id of the latest run, if there is one: what `report` shows when no run is named.
  public func latestRun() throws(StoreError) -> Int64? {
    try read { try Int64.fetchOne($0, sql: "SELECT max(run_id) FROM runs") }
  }

  public func runCount() throws(StoreError) -> Int {
    try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM runs") ?? 0 }
  }

  /// Visits runs in order of id, one at a time, so that memory stays flat.
  public func forEachRun(_ visit: (Int64, RunRecord) throws -> Void) throws(StoreError) {
    let ids = try read { try Int64.fetchAll($0, sql: "SELECT run_id FROM runs ORDER BY run_id") }
    for id in ids {
      let record = try run(id)
      do { try visit(id, record) } catch {
        throw error as? StoreError ?? .unavailable(path: path, reason: "\(error)")
      }
    }
  }

  private static func summary(_ row: Row) throws -> RunSummary {
    let id: Int64 = row["run_id"]
    let shape = try RunReading.shape(row, id)
    let (flops, time): (Double, Double) = (row["useful_flops"], row["time_s"])
    return RunSummary(
      id: id, device: row["device_id"], schedule: row["schedule"], shape: RequestText.shape(shape),
      mode: row["mode"],
      timeSeconds: time, usefulFlopsPerSecond: flops / time)
  }
}
