import Foundation
import GRDB
import GRDBSQLite

/// Values bound straight to one prepared insert: four times as fast as arguments passed as database values.
struct RowInsert {
  private let statement: OpaquePointer
  private let database: Database
  private var next: Int32 = 1

  init(_ database: Database, _ sql: String) throws {
    self.database = database
    statement = try database.cachedStatement(sql: sql).sqliteStatement
    sqlite3_reset(statement)
    sqlite3_clear_bindings(statement)
  }

  mutating func bind(_ value: Int) { sqlite3_bind_int64(statement, place(), Int64(value)) }
  mutating func bind(_ value: Int64) { sqlite3_bind_int64(statement, place(), value) }
  mutating func bind(_ value: Double) { sqlite3_bind_double(statement, place(), value) }

  mutating func bind(_ value: Int?) {
    if let value { bind(value) } else { sqlite3_bind_null(statement, place()) }
  }

  mutating func bind(_ value: Double?) {
    if let value { bind(value) } else { sqlite3_bind_null(statement, place()) }
  }

  mutating func bind(_ value: String?) {
    guard var value else {
      sqlite3_bind_null(statement, place())
      return
    }
    let at = place()
    value.withUTF8 { bytes in
      _ = bytes.withMemoryRebound(to: CChar.self) {
        // An empty buffer has no address, which SQLite would take for NULL.
        sqlite3_bind_text(statement, at, $0.baseAddress ?? Self.empty, Int32($0.count), Self.copied)
      }
    }
  }

  mutating func bind(_ value: [UInt8]) {
    sqlite3_bind_blob(statement, place(), value, Int32(value.count), Self.copied)
  }

  /// Runs the insert; true where a row was written.
  mutating func run() throws -> Bool {
    let code = sqlite3_step(statement)
    sqlite3_reset(statement)
    next = 1
    guard code == SQLITE_DONE else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: code),
        message: String(cString: sqlite3_errmsg(database.sqliteConnection)))
    }
    return sqlite3_changes(database.sqliteConnection) > 0
  }

  private mutating func place() -> Int32 {
    defer { next += 1 }
    return next
  }

  /// SQLite copies the bytes before the call returns.
  nonisolated(unsafe) private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
  nonisolated(unsafe) private static let empty: UnsafePointer<CChar> = UnsafePointer(strdup(""))
}
