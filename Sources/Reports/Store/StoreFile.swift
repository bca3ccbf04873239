import Foundation

/// A look at a database file before SQLite may touch it.
///
/// SQLite file format, section 1.3 "The Database Header": https://www.sqlite.org/fileformat2.html
enum StoreFile {
  enum State: Equatable {
    case absent
    /// Nothing in it: as good as absent.
    case empty
    /// Ours, at a schema version that we know.
    case ours(version: Int)
  }

  /// - Throws: `StoreError` for anything that is not a database of ours, whole and not newer than this tool.
  static func inspect(_ path: String) throws(StoreError) -> State {
    // SQLite takes these for databases that vanish at the end.
    if path.isEmpty || path == ":memory:" {
      throw .unavailable(path: path, reason: "it is not the name of a file")
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return .absent }
    if isDirectory.boolValue { throw .unavailable(path: path, reason: "it is a directory") }
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw .unavailable(path: path, reason: "it cannot be read")
    }
    defer { try? file.close() }
    let header: [UInt8]
    let size: UInt64
    do {
      header = [UInt8](try file.read(upToCount: headerBytes) ?? Data())
      size = try file.seekToEnd()
    } catch {
      throw .unavailable(path: path, reason: "it cannot be read")
    }
    if header.isEmpty { return .empty }
    guard header.starts(with: magic) else { throw .notADatabase(path: path) }
    guard header.count == headerBytes else { throw .damaged(path: path, reason: "it ends inside its header") }
    guard number(header, at: 68) == UInt32(StoreSchema.applicationID) else { throw .foreign(path: path) }
    try requireWhole(header, size, path)
    let version = Int(number(header, at: 60))
    if version > StoreSchema.version {
      throw .newerSchema(path: path, found: version, known: StoreSchema.version)
    }
    return .ours(version: version)
  }

  private static let headerBytes = 100
  private static let magic = Array("SQLite format 3\0".utf8)

  private static func requireWhole(_ header: [UInt8], _ size: UInt64, _ path: String) throws(StoreError) {
    let stored = UInt64(header[16]) << 8 | UInt64(header[17])
    let pageSize = stored == 1 ? 65_536 : stored
    let expected = UInt64(number(header, at: 28)) * pageSize
    // The page count counts only where the two change counters agree.
    guard number(header, at: 24) == number(header, at: 92), size < expected else { return }
    throw .damaged(path: path, reason: "it has \(size) of \(expected) bytes")
  }

  private static func number(_ header: [UInt8], at offset: Int) -> UInt32 {
    header[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
