import Foundation
import GRDB

/// The key of a sweep in one database.
public struct SweepID: Sendable, Hashable {
  public var value: Int64
  public init(_ value: Int64) { self.value = value }
}

extension ResultStore {
  /// The sweep's row: a new one, or the one of an earlier start of the same sweep, which is how a sweep resumes.
  public func sweep(_ record: SweepRecord) throws(StoreError) -> SweepID {
    try write { database in
      var hash = ContentHash()
      for text in [record.name, record.source.kind, record.source.name, record.source.text] { hash.add(text) }
      for axis in record.axes { hash.add(axis) }
      hash.add(record.pointCount)
      let bytes = hash.finish()
      if let known = try RunKeys.key("sweeps", "sweep_id", bytes, database) { return SweepID(known) }
      let source = try RunKeys.source(record.source, database)
      try database.execute(
        sql:
          "INSERT INTO sweeps (content_hash, name, source_key, axes_json, point_count) VALUES (?, ?, ?, ?, ?)",
        arguments: [Data(bytes), record.name, source.key, StoredText.list(record.axes), record.pointCount])
      return SweepID(database.lastInsertedRowID)
    }
  }

  /// Indices of the points that have a run or a problem, ascending: what `--resume` leaves out.
  public func finishedPoints(of sweep: SweepID) throws(StoreError) -> [Int] {
    try read {
      try Int.fetchAll(
        $0, sql: "SELECT point_index FROM sweep_points WHERE sweep_id = ? ORDER BY point_index",
        arguments: [sweep.value])
    }
  }

  /// How many points of a sweep have a problem in place of a run.
  public func problemCount(of sweep: SweepID) throws(StoreError) -> Int {
    try read {
      try Int.fetchOne(
        $0, sql: "SELECT count(*) FROM sweep_points WHERE sweep_id = ? AND run_id IS NULL",
        arguments: [sweep.value]) ?? 0
    }
  }

  /// All sweeps, in the order in which they were begun.
  public func sweeps() throws(StoreError) -> [(id: SweepID, record: SweepRecord)] {
    try read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT sweep_id, sweeps.name, axes_json, point_count, kind, sources.name AS source_name, text
          FROM sweeps JOIN sources USING (source_key) ORDER BY sweep_id
          """
      ).map { row in
        let kind: String = row["kind"]
        let source: RunRecord.Source =
          kind == "scenario" ? .scenario(name: row["source_name"], text: row["text"]) : .flags(row["text"])
        return (
          SweepID(row["sweep_id"]),
          SweepRecord(
            name: row["name"], source: source, axes: StoredText.strings(row["axes_json"]) ?? [],
            pointCount: row["point_count"])
        )
      }
    }
  }

  /// The points of a sweep in order.
  public func points(of sweep: SweepID) throws(StoreError) -> [SweepPoint] {
    try read { database in
      guard
        try Bool.fetchOne(database, sql: "SELECT 1 FROM sweeps WHERE sweep_id = ?", arguments: [sweep.value])
          != nil
      else { throw StoreError.noSuchSweep(String(sweep.value)) }
      return try Row.fetchAll(
        database, sql: "SELECT * FROM sweep_points WHERE sweep_id = ? ORDER BY point_index",
        arguments: [sweep.value]
      ).map { row in
        let run: Int64? = row["run_id"]
        return SweepPoint(
          index: row["point_index"], axisValues: StoredText.strings(row["axis_values_json"]) ?? [],
          outcome: run.map { .run($0) } ?? .problem(row["problem"]))
      }
    }
  }
}
