import Attention
import GRDB
import HWModels
import Programs
import Results

/// Results as rows: the run itself and its lists. Statements are prepared once and serve a whole transaction.
struct RunRows {
  private let database: Database
  private(set) var keys: RunKeys
  private var run: RowInsert
  private var point: RowInsert
  private var lists: ListRows
  private var machine: MachineRows

  init(_ database: Database, keys: RunKeys) throws {
    self.database = database
    self.keys = keys
    run = try RowInsert(database, Self.insertRun)
    point = try RowInsert(database, "INSERT OR REPLACE INTO sweep_points VALUES (?, ?, ?, ?, ?, ?)")
    lists = try ListRows(database)
    machine = MachineRows(database)
  }

  /// Writes the run unless the same one is there; returns its id either way.
  mutating func insert(_ record: RunRecord, _ detail: RunWriter.Detail) throws -> Int64 {
    let result = record.result
    let device = try keys.device(result.request.device, fileHash: record.deviceFileHash, database)
    let source = try keys.source(record.source, database)
    let texts = Texts(result)
    let hash = Self.contentHash(record, texts, device.hash, source.hash)
    run.bind(hash)
    run.bind(record.toolVersion)
    run.bind(source.key)
    run.bind(device.key)
    Self.bind(asked: result.request, texts, &run)
    Self.bind(answered: result, texts, &run)
    guard try run.run() else {
      // Nothing written: the same run is there already, perhaps from before there were tables for all of it.
      let id = try RunKeys.key("runs", "run_id", hash, database) ?? database.lastInsertedRowID
      if detail != .summary { try machine.insert(result, id) }
      return id
    }
    let id = database.lastInsertedRowID
    if detail != .summary {
      try lists.insert(result, id)
      try machine.insert(result, id)
    }
    if detail == .full { try lists.insertClasses(of: result, id) }
    return id
  }

  /// Row of one point of a sweep. A point written twice keeps its latest outcome.
  mutating func insert(
    point index: Int, of sweep: SweepID, shard: Int?, axisValues: [String], run: Int64?, problem: String?
  ) throws {
    point.bind(sweep.value)
    point.bind(index)
    point.bind(shard)
    point.bind(StoredText.list(axisValues))
    point.bind(run.map { Int($0) })
    point.bind(problem)
    _ = try point.run()
  }

  /// Parts of the row that are written as text, made once for hash and row.
  private struct Texts {
    let overrides: String
    let parameters: String
    let mask: String
    let work: String
    let utilisation: String
    init(_ result: SimulationResult) {
      overrides = JSONReport.overrides(result.request.overrides).text(indented: false)
      parameters = JSONReport.parameters(result.request.parameters).text(indented: false)
      mask = result.request.shape.mask.description
      work = StoredText.work(result.work)
      utilisation = StoredText.utilisation(result.resources)
    }
  }

  /// The hash of question and answer: the same run twice gives the same, a changed model another.
  private static func contentHash(
    _ record: RunRecord, _ texts: Texts, _ device: [UInt8], _ source: [UInt8]
  ) -> [UInt8] {
    let result = record.result
    var hash = ContentHash()
    hash.add(device)
    hash.add(source)
    for text in [
      record.toolVersion, result.request.schedule, texts.overrides, texts.parameters, texts.mask, texts.work,
    ] {
      hash.add(text)
    }
    let shape = result.request.shape
    hash.add(shape.pass.rawValue)
    hash.add(shape.dataType.rawValue)
    for extent in [
      shape.batch, shape.headsQ, shape.headsKV, shape.seqQ, shape.seqKV, shape.headDim, shape.headDimV,
    ] { hash.add(extent) }
    if let lengths = shape.lengths { hash.add(lengths.description) }
    if shape.sharedPrefix > 0 { hash.add("shared prefix \(shape.sharedPrefix)") }
    hash.add(result.request.mode.name)
    if case .locked(let clock) = result.request.mode { hash.add(clock.value) }
    let numbers = [
      result.time.value, result.kernelTime.value, result.cycles.value, result.clock.frequency.value,
      // As before there were unknown ones, so that the same run keeps its hash.
      result.clock.power?.value ?? 0, result.clock.energy?.value ?? 0, result.usefulFlops,
      result.executedFlops,
    ]
    for number in numbers { hash.add(number) }
    for phase in result.phases { hash.add(phase.time.value) }
    for use in result.resources { hash.add(use.busyCycles) }
    for bound in result.bounds { hash.add(bound.time.value) }
    for warning in result.warnings { hash.add(warning.description) }
    return hash.finish()
  }

  private static let insertRun = """
    INSERT INTO runs (content_hash, tool_version, source_key, device_key, overrides_json, schedule, parameters_json,
      pass, data_type, mask, batch, heads_q, heads_kv, seq_q, seq_kv, head_dim, head_dim_v, mode, locked_clock_hz,
      time_s, kernel_time_s, cycles, clock_hz, clock_limiter, power_w, energy_j, useful_flops, executed_flops,
      tightest_bound, tightest_bound_s, utilisation_json, work_json, events, jumped_events, lengths,
      shared_prefix)
    VALUES (\(Array(repeating: "?", count: 36).joined(separator: ", ")))
    ON CONFLICT (content_hash) DO NOTHING
    """

  private static func bind(asked request: SimulationRequest, _ texts: Texts, _ row: inout RowInsert) {
    let shape = request.shape
    row.bind(texts.overrides)
    row.bind(request.schedule)
    row.bind(texts.parameters)
    row.bind(shape.pass.rawValue)
    row.bind(shape.dataType.rawValue)
    row.bind(texts.mask)
    row.bind(shape.batch)
    row.bind(shape.headsQ)
    row.bind(shape.headsKV)
    row.bind(shape.seqQ)
    row.bind(shape.seqKV)
    row.bind(shape.headDim)
    row.bind(shape.headDimV)
    row.bind(request.mode.name)
    if case .locked(let clock) = request.mode { row.bind(clock.value) } else { row.bind(nil as Double?) }
  }

  private static func bind(answered result: SimulationResult, _ texts: Texts, _ row: inout RowInsert) {
    row.bind(result.time.value)
    row.bind(result.kernelTime.value)
    row.bind(result.cycles.value)
    row.bind(result.clock.frequency.value)
    row.bind(result.clock.limiter.rawValue)
    row.bind(result.clock.power?.value)
    row.bind(result.clock.energy?.value)
    row.bind(result.usefulFlops)
    row.bind(result.executedFlops)
    row.bind(result.tightestBound?.resource.name)
    row.bind(result.tightestBound?.time.value)
    row.bind(texts.utilisation)
    row.bind(texts.work)
    row.bind(result.statistics.events)
    row.bind(result.statistics.jumpedEvents)
    row.bind(result.request.shape.lengths?.description)
    let prefix = result.request.shape.sharedPrefix
    row.bind(prefix > 0 ? prefix : nil)
  }
}
