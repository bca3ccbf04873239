import GRDB
import HWModels

/// Writes many runs, a thousand to a transaction. One writer belongs to one task.
///
/// What is not `finish`ed or flushed is lost; what was flushed is safe even if the process is killed.
public final class RunWriter {
  /// How much of a result to keep.
  public enum Detail: Sendable {
    case full
    /// Leaves out the list of work-item classes, which grows with the sequence.
    case withoutClasses
    /// The row of the run alone: answer, use of the units, nearest bound, work. For big sweeps; the lists can be made
    /// again from what the row holds.
    case summary
  }

  private struct Pending {
    var record: RunRecord
    var point: Int?
    var axisValues: [String]
  }

  private let store: ResultStore
  private let sweep: SweepID?
  private let shard: Int?
  private let detail: Detail
  private let batch: Int
  private var pending: [Pending] = []
  private var problems: [SweepPoint] = []
  private var keys = RunKeys()

  init(_ store: ResultStore, sweep: SweepID?, shard: Int?, detail: Detail, batch: Int) {
    self.store = store
    self.sweep = sweep
    self.shard = shard
    self.detail = detail
    self.batch = batch
    pending.reserveCapacity(batch)
  }

  /// Adds a run that belongs to no sweep.
  public func add(_ record: RunRecord) throws(StoreError) {
    pending.append(Pending(record: record, point: nil, axisValues: []))
    try flushIfFull()
  }

  /// Adds the run of a point of the sweep.
  public func add(_ record: RunRecord, point: Int, axisValues: [String]) throws(StoreError) {
    pending.append(Pending(record: record, point: point, axisValues: axisValues))
    try flushIfFull()
  }

  /// Notes why a point of the sweep has no run.
  public func add(problem: String, point: Int, axisValues: [String]) throws(StoreError) {
    problems.append(SweepPoint(index: point, axisValues: axisValues, outcome: .problem(problem)))
    try flushIfFull()
  }

  /// Writes what is waiting. Call once at the end.
  /// - Returns: the ids of the runs in this last batch, in the order in which they were added.
  @discardableResult
  public func finish() throws(StoreError) -> [Int64] { try flush() }

  private func flushIfFull() throws(StoreError) {
    if pending.count + problems.count >= batch { _ = try flush() }
  }

  private func flush() throws(StoreError) -> [Int64] {
    guard !pending.isEmpty || !problems.isEmpty else { return [] }
    let (pending, problems, shard, detail) = (pending, problems, shard, detail)
    let sweep = sweep
    // A rolled-back transaction takes its key rows with it: the memory of them is kept only if it commits.
    let known = keys
    let (ids, used) = try store.write { database -> ([Int64], RunKeys) in
      var rows = try RunRows(database, keys: known)
      var ids: [Int64] = []
      for entry in pending {
        let id = try rows.insert(entry.record, detail)
        ids.append(id)
        guard let sweep, let point = entry.point else { continue }
        try rows.insert(
          point: point, of: sweep, shard: shard, axisValues: entry.axisValues, run: id, problem: nil)
      }
      for entry in problems {
        guard let sweep, case .problem(let text) = entry.outcome else { continue }
        try rows.insert(
          point: entry.index, of: sweep, shard: shard, axisValues: entry.axisValues, run: nil, problem: text)
      }
      return (ids, rows.keys)
    }
    keys = used
    self.pending.removeAll(keepingCapacity: true)
    self.problems.removeAll(keepingCapacity: true)
    return ids
  }
}
