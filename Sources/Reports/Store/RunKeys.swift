import Foundation
import GRDB
import HWModels

/// Keys of the rows that many runs share (devices, sources), remembered by a writer so that each is looked up once.
struct RunKeys: Sendable {
  private var devices: [DeviceIdentity: Shared] = [:]
  private var sources: [RunRecord.Source: Shared] = [:]

  /// A row that runs refer to, and the hash that stands for its content.
  struct Shared: Sendable {
    var key: Int64
    var hash: [UInt8]
  }

  /// What tells two devices of one process apart without writing them out.
  private struct DeviceIdentity: Hashable, Sendable {
    var id: String
    var fileHash: String?
    var sources: Int
    var values: [Double]
  }

  /// Key of the device's row; writes the row on first sight.
  mutating func device(_ device: Device, fileHash: String?, _ database: Database) throws -> Shared {
    let identity = DeviceIdentity(
      id: device.id, fileHash: fileHash, sources: device.provenance.count,
      values: DeviceField.all.map { $0.value(on: device) ?? .infinity })
    if let known = devices[identity] { return known }
    let sources = StoredText.provenance(of: device)
    let sourcesKey = try Self.row(
      "provenances", "provenance_key", ["provenance_json": sources], hashing: [sources], database)
    let values = StoredText.values(of: device)
    let shared = try Self.row(
      "devices", "device_key",
      [
        "device_id": device.id, "name": device.name, "kind": device.kind.rawValue, "file_hash": fileHash,
        "values_json": values, "provenance_key": sourcesKey.key,
      ],
      hashing: [device.id, device.name, device.kind.rawValue, fileHash ?? "", values, sources], database)
    devices[identity] = shared
    return shared
  }

  /// Key of the row of a scenario or a command line; writes the row on first sight.
  mutating func source(_ source: RunRecord.Source, _ database: Database) throws -> Shared {
    if let known = sources[source] { return known }
    let shared = try Self.source(source, database)
    sources[source] = shared
    return shared
  }

  static func source(_ source: RunRecord.Source, _ database: Database) throws -> Shared {
    try row(
      "sources", "source_key", ["kind": source.kind, "name": source.name, "text": source.text],
      hashing: [source.kind, source.name, source.text], database)
  }

  private static func row(
    _ table: String, _ keyColumn: String, _ values: [String: (any DatabaseValueConvertible)?],
    hashing: [String],
    _ database: Database
  ) throws -> Shared {
    var hash = ContentHash()
    for text in hashing { hash.add(text) }
    let bytes = hash.finish()
    if let key = try key(table, keyColumn, bytes, database) { return Shared(key: key, hash: bytes) }
    let columns = values.keys.sorted()
    try database.execute(
      sql: """
        INSERT INTO \(table) (content_hash, \(columns.joined(separator: ", ")))
        VALUES (?\(String(repeating: ", ?", count: columns.count)))
        """,
      arguments: StatementArguments([Data(bytes)] + columns.map { values[$0] ?? nil }))
    return Shared(key: database.lastInsertedRowID, hash: bytes)
  }

  static func key(_ table: String, _ keyColumn: String, _ hash: [UInt8], _ database: Database) throws
    -> Int64?
  {
    try Int64.fetchOne(
      database, sql: "SELECT \(keyColumn) FROM \(table) WHERE content_hash = ?", arguments: [Data(hash)])
  }
}
