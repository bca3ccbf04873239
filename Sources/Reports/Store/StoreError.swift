/// Why a result database cannot be used. The file is as it was before.
public enum StoreError: Error, Sendable, Equatable, CustomStringConvertible {
  case missing(path: String)
  /// The path cannot be opened or written: a directory, no permission, a full disk, another writer.
  case unavailable(path: String, reason: String)
  /// Some other kind of file.
  case notADatabase(path: String)
  /// A SQLite database of another program.
  case foreign(path: String)
  /// Written by a later version of this tool.
  case newerSchema(path: String, found: Int, known: Int)
  case damaged(path: String, reason: String)
  case noSuchRun(String)
  case noSuchSweep(String)
  /// A value in the database that this version cannot read back.
  case unreadable(run: Int64, field: String)

  public var description: String {
    switch self {
    case .missing(let path): "\(path): there is no such database"
    case .unavailable(let path, let reason): "\(path): cannot be used as a result database: \(reason)"
    case .notADatabase(let path):
      "\(path): is not a SQLite database; name a new file or one that attnsim wrote"
    case .foreign(let path):
      "\(path): is a database of another program; name a new file or one that attnsim wrote"
    case .newerSchema(let path, let found, let known):
      "\(path): was written by a later attnsim (schema \(found); this one knows \(known)); use that version"
    case .damaged(let path, let reason): "\(path): the database is damaged: \(reason)"
    case .noSuchRun(let id): "there is no run \(id) in the database"
    case .noSuchSweep(let id): "there is no sweep \(id) in the database"
    case .unreadable(let run, let field): "run \(run): its \(field) cannot be read by this version"
    }
  }
}
