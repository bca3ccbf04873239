import Foundation
import GRDB

/// Results kept in a SQLite file: one row for each run, lists in child tables, the same run once.
///
/// One process writes at a time; others may read meanwhile (write-ahead log). Opening never changes a file that is
/// not a database of this tool; see `StoreError` for what can be wrong.
public final class ResultStore: Sendable {
  /// What the file is opened for.
  public enum Mode: Sendable {
    /// Makes the file where there is none, and brings an older one up to this version's tables.
    case readWrite
    case readOnly
  }

  public let path: String
  private let queue: DatabaseQueue

  public init(path: String, mode: Mode = .readWrite) throws(StoreError) {
    self.path = path
    let state = try StoreFile.inspect(path)
    switch mode {
    case .readOnly:
      guard state != .absent, state != .empty else { throw .missing(path: path) }
      queue = try Self.openForReading(path)
    case .readWrite:
      queue = try Self.openForWriting(path, state)
    }
  }

  /// Adds one run; a run that is there already keeps its id.
  @discardableResult
  public func insert(_ record: RunRecord) throws(StoreError) -> Int64 {
    let writer = writer()
    try writer.add(record)
    guard let id = try writer.finish().last else { throw .noSuchRun("just written") }
    return id
  }

  /// A writer for many runs, `batch` to a transaction.
  public func writer(
    sweep: SweepID? = nil, shard: Int? = nil, detail: RunWriter.Detail = .full, batch: Int = 1000
  ) -> RunWriter {
    RunWriter(self, sweep: sweep, shard: shard, detail: detail, batch: max(batch, 1))
  }

  /// Closes the file and folds the log into it. Later calls throw.
  public func close() throws(StoreError) {
    do { try queue.close() } catch { throw Self.error(error, path) }
  }

  func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do { return try queue.write(body) } catch { throw Self.error(error, path) }
  }

  /// Writes in one transaction with the database at `other`, which stays as it is, attached as `other`.
  func writeAttached<Value>(_ other: String, _ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do {
      return try queue.writeWithoutTransaction { database in
        do {
          try database.execute(sql: "ATTACH ? AS other", arguments: [Self.address(other) + "?mode=ro"])
        } catch { throw Self.error(error, other) }
        defer { try? database.execute(sql: "DETACH other") }
        var value: Value?
        try database.inTransaction {
          value = try body(database)
          return .commit
        }
        return value!
      }
    } catch { throw Self.error(error, path) }
  }

  private static func address(_ path: String) -> String {
    "file:" + (path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path)
  }

  func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do { return try queue.read(body) } catch { throw Self.error(error, path) }
  }

  // MARK: - Opening

  private static func openForReading(_ path: String) throws(StoreError) -> DatabaseQueue {
    var configuration = configuration
    configuration.readonly = true
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.read(requireTables)
      return queue
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
      // A log needs a writable folder even to read; nobody can be writing there, so read the file as it stands.
      do {
        let queue = try DatabaseQueue(path: address(path) + "?immutable=1", configuration: configuration)
        try queue.read(requireTables)
        return queue
      } catch { throw Self.error(error, path) }
    } catch { throw Self.error(error, path) }
  }

  private static func openForWriting(_ path: String, _ state: StoreFile.State) throws(StoreError)
    -> DatabaseQueue
  {
    try requireWritable(path, state)
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      if case .ours = state { try queue.read(requireTables) }
      // Made under the rollback journal, so that the file says whose it is from its first moment.
      if state != .ours(version: StoreSchema.version) { try StoreSchema.migrator.migrate(queue) }
      try queue.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
      }
      return queue
    } catch {
      if state == .absent { try? FileManager.default.removeItem(atPath: path) }
      throw Self.error(error, path)
    }
  }

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.label = "attnsim results"
    return configuration
  }

  /// SQLite opens what it may not write without a word and fails at the first row; say so at once.
  private static func requireWritable(_ path: String, _ state: StoreFile.State) throws(StoreError) {
    let folder = (path as NSString).deletingLastPathComponent
    let place = folder.isEmpty ? "." : folder
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: place, isDirectory: &isDirectory), isDirectory.boolValue
    else {
      throw .unavailable(path: path, reason: "the folder \(place) does not exist")
    }
    guard FileManager.default.isWritableFile(atPath: place) else {
      throw .unavailable(path: path, reason: "the folder \(place) cannot be written")
    }
    if state != .absent, !FileManager.default.isWritableFile(atPath: path) {
      throw .unavailable(path: path, reason: "the file cannot be written")
    }
  }

  private static func requireTables(_ database: Database) throws {
    guard try database.tableExists("runs"), try database.tableExists("devices") else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "its tables are missing")
    }
  }

  private static func error(_ error: any Error, _ path: String) -> StoreError {
    guard let error = error as? DatabaseError else {
      return error as? StoreError ?? .unavailable(path: path, reason: "\(error)")
    }
    let reason = error.message ?? "code \(error.resultCode.rawValue)"
    return switch error.resultCode {
    case .SQLITE_NOTADB: .notADatabase(path: path)
    case .SQLITE_CORRUPT: .damaged(path: path, reason: reason)
    case .SQLITE_BUSY: .unavailable(path: path, reason: "another process is writing it")
    case .SQLITE_READONLY: .unavailable(path: path, reason: "it cannot be written")
    case .SQLITE_CANTOPEN: .unavailable(path: path, reason: "it cannot be opened")
    default: .unavailable(path: path, reason: reason)
    }
  }
}
