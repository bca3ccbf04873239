import Foundation
import GRDB
import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Reports
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

@Suite("Databases that cannot be used")
struct DamageTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Opening `path` either way must throw `error` and leave the bytes as they are.
  private func expectRefusal(_ path: String, _ error: StoreError) throws {
    let before = FileManager.default.contents(atPath: path)
    let neighbours = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
    for mode in [ResultStore.Mode.readWrite, .readOnly] {
      #expect(throws: error) { try ResultStore(path: path, mode: mode) }
    }
    #expect(FileManager.default.contents(atPath: path) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == neighbours)
  }

  private func database(_ name: String = "a.sqlite") throws -> String {
    let path = folder.path(name)
    let store = try ResultStore(path: path)
    try store.insert(
      RunRecord(result: try Sample.result(), source: .flags("run"), deviceFileHash: nil, toolVersion: "0.1.0")
    )
    try store.close()
    return path
  }

  @Test("Not a database", arguments: ["hello\n", "SQLite format 3", String(repeating: "x", count: 5000)])
  func otherFile(text: String) throws {
    let path = folder.path("a.sqlite")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try expectRefusal(path, .notADatabase(path: path))
  }

  @Test("A database of another program")
  func foreign() throws {
    let path = folder.path("a.sqlite")
    let other = try DatabaseQueue(path: path)
    try other.write { try $0.execute(sql: "CREATE TABLE t (a); INSERT INTO t VALUES (1)") }
    try other.close()
    try expectRefusal(path, .foreign(path: path))
  }

  @Test("Of a later version")
  func newer() throws {
    let path = try database()
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)")
    }
    try queue.close()
    try expectRefusal(path, .newerSchema(path: path, found: 99, known: StoreSchema.version))
  }

  @Test("Cut short", arguments: [50, 100, 4096, 20_000])
  func truncated(bytes: Int) throws {
    let path = try database()
    let whole = try #require(FileManager.default.contents(atPath: path))
    try whole.prefix(bytes).write(to: URL(filePath: path))
    let reason = bytes < 100 ? "it ends inside its header" : "it has \(bytes) of \(whole.count) bytes"
    try expectRefusal(path, .damaged(path: path, reason: reason))
  }

  @Test("Bytes overwritten inside")
  func overwritten() throws {
    let path = try database()
    var bytes = try #require(FileManager.default.contents(atPath: path))
    bytes.replaceSubrange(100..<4096, with: Data(repeating: 0x55, count: 3996))
    try bytes.write(to: URL(filePath: path))
    for mode in [ResultStore.Mode.readWrite, .readOnly] {
      let error = #expect(throws: StoreError.self) { try ResultStore(path: path, mode: mode) }
      guard case .damaged = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(FileManager.default.contents(atPath: path) == bytes)
  }

  @Test("A directory, a missing folder, a missing file, a folder nobody can write")
  func places() throws {
    let path = folder.url.path
    #expect(throws: StoreError.unavailable(path: path, reason: "it is a directory")) {
      try ResultStore(path: path)
    }
    let lost = folder.path("no/such/a.sqlite")
    #expect(throws: StoreError.self) { try ResultStore(path: lost) }
    let missing = folder.path("b.sqlite")
    #expect(throws: StoreError.missing(path: missing)) { try ResultStore(path: missing, mode: .readOnly) }
    #expect(!FileManager.default.fileExists(atPath: missing))
    #expect(throws: StoreError.self) { try ResultStore(path: "/proc/attnsim.sqlite") }
  }

  @Test("A folder without write permission", .enabled(if: geteuid() != 0))
  func readOnlyFolder() throws {
    let path = try database()
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.url.path)
    defer {
      try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.url.path)
    }
    #expect(throws: StoreError.self) { try ResultStore(path: path) }
    #expect(try ResultStore(path: path, mode: .readOnly).runCount() == 1)
  }

  @Test("An empty file is as good as none")
  func empty() throws {
    let path = folder.path("a.sqlite")
    try Data().write(to: URL(filePath: path))
    #expect(throws: StoreError.missing(path: path)) { try ResultStore(path: path, mode: .readOnly) }
    #expect(try ResultStore(path: path).runCount() == 0)
  }

  @Test("Every known version migrates to the present one, and its rows stay")
  func migrations() throws {
    #expect(
      StoreSchema.migrationNames == [
        "v1 runs, devices, sources, sweeps", "v2 nodes and FIFOs, einsums and energies",
        "v3 lengths of a batch", "v4 power that is not known", "v5 lengths of queries",
        "v6 keys shared by a batch",
      ])
    for version in 1...StoreSchema.version {
      let path = folder.path("v\(version).sqlite")
      let queue = try DatabaseQueue(path: path)
      try StoreSchema.migrator.migrate(queue, upTo: StoreSchema.migrationNames[version - 1])
      #expect(try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == version)
      try queue.close()
      #expect(try ResultStore(path: path).runCount() == 0)
    }
    // A file of version 3, with a run.
    let path = try database()
    let queue = try DatabaseQueue(path: path)
    try queue.write { database in
      for name in StoreSchema.migrationNames[3...] {
        try database.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = ?", arguments: [name])
      }
      try database.execute(sql: "ALTER TABLE runs DROP COLUMN shared_prefix; PRAGMA user_version = 3")
    }
    try queue.close()
    let store = try ResultStore(path: path)
    #expect(try store.runCount() == 1)
    let kept = try store.run(#require(try store.latestRun())).result
    #expect(JSONReport.render(kept) == JSONReport.render(try Sample.result()))
  }
}
