import Foundation
import GRDB

/// What joining a database added.
public struct MergeCount: Sendable, Equatable {
  /// Runs that were not there before, and runs that were.
  public var added = 0
  public var known = 0
  /// Points of sweeps that were not there before, or had only a problem where now there is a run.
  public var points = 0
}

extension ResultStore {
  /// Adds everything that another result database holds: shards of a sweep become one.
  ///
  /// Rows are matched by the hash of what they hold, so that the same run stands once however often it is joined, and a
  /// run that one side keeps as a summary gains the details of the other. All or nothing: one transaction.
  /// Linear in the rows of the other database.
  ///
  /// - Throws: `StoreError` where the other file is not a whole database of ours; this one is then as before.
  public func merge(from other: String) throws(StoreError) -> MergeCount {
    guard !Self.isSameFile(path, other) else {
      throw .unavailable(path: other, reason: "it is the database that is written")
    }
    try ResultStore(path: other, mode: .readOnly).close()
    return try writeAttached(other) { database in
      var count = MergeCount()
      try Self.copyKeyed("provenances", key: "provenance_key", references: [:], database)
      try Self.copyKeyed(
        "devices", key: "device_key", references: ["provenance_key": "provenances"], database)
      try Self.copyKeyed("sources", key: "source_key", references: [:], database)
      let total = try Int.fetchOne(database, sql: "SELECT count(*) FROM other.runs") ?? 0
      count.added = try Self.copyKeyed(
        "runs", key: "run_id", references: ["source_key": "sources", "device_key": "devices"], database)
      count.known = total - count.added
      // A database of before the fourth migration has 0 for what is not known.
      for column in ["power_w", "energy_j"] {
        try database.execute(sql: "UPDATE main.runs SET \(column) = NULL WHERE \(column) = 0")
      }
      for table in try Self.tablesOfRuns(database) { try Self.copyRows(of: table, database) }
      try Self.copyKeyed("sweeps", key: "sweep_id", references: ["source_key": "sources"], database)
      count.points = try Self.copyPoints(database)
      return count
    }
  }

  private static func isSameFile(_ a: String, _ b: String) -> Bool {
    func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
    return real(a) == real(b)
  }

  // MARK: - Tables

  /// Columns that both databases have: an older one lacks some.
  private static func sharedColumns(_ table: String, _ database: Database) throws -> [String] {
    let here = try String.fetchAll(
      database, sql: "SELECT name FROM pragma_table_info(?, 'main') ORDER BY cid", arguments: [table])
    let there = Set(
      try String.fetchAll(
        database, sql: "SELECT name FROM pragma_table_info(?, 'other')", arguments: [table]))
    return here.filter(there.contains)
  }

  /// Copies a table whose rows a hash identifies; `references` are columns that hold a key of another such table.
  /// - Returns: how many rows are new.
  @discardableResult
  private static func copyKeyed(
    _ table: String, key: String, references: [String: String], _ database: Database
  ) throws -> Int {
    let columns = try sharedColumns(table, database).filter { $0 != key }
    var joins = ""
    let values = columns.map { column in
      guard let target = references[column] else { return "row.\(column)" }
      joins += """
         JOIN other.\(target) AS their_\(target) ON their_\(target).\(column) = row.\(column)
         JOIN main.\(target) AS our_\(target) ON our_\(target).content_hash = their_\(target).content_hash
        """
      return "our_\(target).\(column)"
    }
    try database.execute(
      sql: """
        INSERT OR IGNORE INTO main.\(table) (\(columns.joined(separator: ", ")))
        SELECT \(values.joined(separator: ", ")) FROM other.\(table) AS row\(joins) ORDER BY row.\(key)
        """)
    return database.changesCount
  }

  /// Child tables: all that name a run, beside the runs themselves and the points of sweeps.
  private static func tablesOfRuns(_ database: Database) throws -> [String] {
    try String.fetchAll(
      database,
      sql: """
        SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT IN ('runs', 'sweep_points')
        AND EXISTS (SELECT 1 FROM pragma_table_info(sqlite_master.name, 'main') WHERE name = 'run_id')
        AND name IN (SELECT name FROM other.sqlite_master) ORDER BY name
        """)
  }

  private static func copyRows(of table: String, _ database: Database) throws {
    let columns = try sharedColumns(table, database).filter { $0 != "run_id" }
    let names = columns.joined(separator: ", ")
    try database.execute(
      sql: """
        INSERT OR IGNORE INTO main.\(table) (run_id, \(names))
        SELECT ours.run_id, \(columns.map { "row.\($0)" }.joined(separator: ", "))
        FROM other.\(table) AS row JOIN other.runs AS theirs ON theirs.run_id = row.run_id
        JOIN main.runs AS ours ON ours.content_hash = theirs.content_hash
        """)
  }

  /// A run beats a problem: the point was tried again.
  private static func copyPoints(_ database: Database) throws -> Int {
    try database.execute(
      sql: """
        INSERT INTO main.sweep_points (sweep_id, point_index, shard, axis_values_json, run_id, problem)
        SELECT ours.sweep_id, row.point_index, row.shard, row.axis_values_json, our_runs.run_id, row.problem
        FROM other.sweep_points AS row
        JOIN other.sweeps AS theirs ON theirs.sweep_id = row.sweep_id
        JOIN main.sweeps AS ours ON ours.content_hash = theirs.content_hash
        LEFT JOIN other.runs AS their_runs ON their_runs.run_id = row.run_id
        LEFT JOIN main.runs AS our_runs ON our_runs.content_hash = their_runs.content_hash
        WHERE true
        ON CONFLICT (sweep_id, point_index) DO UPDATE
        SET run_id = excluded.run_id, problem = NULL, shard = excluded.shard
        WHERE main.sweep_points.run_id IS NULL AND excluded.run_id IS NOT NULL
        """)
    return database.changesCount
  }
}
