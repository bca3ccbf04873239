import GRDB
import HWModels
import Schedules
import Simulator

/// One result as rows: the run itself and its lists.
enum RunRow {
  /// Writes the run unless the same one is there; returns its id either way.
  static func insert(
    _ record: RunRecord, _ detail: RunWriter.Detail, _ keys: inout RunKeys, _ database: Database
  ) throws -> Int64 {
    let result = record.result
    let device = try keys.device(result.request.device, fileHash: record.deviceFileHash, database)
    let source = try keys.source(record.source, database)
    let texts = Texts(result)
    let hash = contentHash(record, texts, device.hash, source.hash)
    var row = try RowInsert(database, insertRun)
    row.bind(hash)
    row.bind(record.toolVersion)
    row.bind(source.key)
    row.bind(device.key)
    bind(asked: result.request, texts, &row)
    bind(answered: result, texts, &row)
    guard try row.run() else {
      // Nothing written: the same run is there already.
      return try RunKeys.key("runs", "run_id", hash, database) ?? database.lastInsertedRowID
    }
    let id = database.lastInsertedRowID
    try insertLists(of: result, id, database)
    if detail == .full { try insertClasses(of: result, id, database) }
    return id
  }

  /// Parts of the row that are written as text, made once for hash and row.
  private struct Texts {
    let overrides: String
    let parameters: String
    let mask: String
    let work: String
    init(_ result: SimulationResult) {
      overrides = JSONReport.overrides(result.request.overrides).text(indented: false)
      parameters = JSONReport.parameters(result.request.parameters).text(indented: false)
      mask = result.request.shape.mask.description
      work = StoredText.work(result.work)
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
    hash.add(result.request.mode.name)
    if case .locked(let clock) = result.request.mode { hash.add(clock.value) }
    let numbers = [
      result.time.value, result.kernelTime.value, result.cycles.value, result.clock.frequency.value,
      result.clock.power.value, result.clock.energy.value, result.usefulFlops, result.executedFlops,
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
      work_json, events, jumped_events)
    VALUES (\(Array(repeating: "?", count: 31).joined(separator: ", ")))
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
    row.bind(result.clock.power.value)
    row.bind(result.clock.energy.value)
    row.bind(result.usefulFlops)
    row.bind(result.executedFlops)
    row.bind(texts.work)
    row.bind(result.statistics.events)
    row.bind(result.statistics.jumpedEvents)
  }

  /// One row for each element of a list of the result, numbered in order.
  private static func insert<Element>(
    _ list: [Element], _ id: Int64, _ table: String, columns: Int, _ database: Database,
    _ bind: (Element, inout RowInsert) -> Void
  ) throws {
    guard !list.isEmpty else { return }
    let places = String(repeating: ", ?", count: columns)
    var row = try RowInsert(database, "INSERT INTO \(table) VALUES (?, ?\(places))")
    for (position, element) in list.enumerated() {
      row.bind(id)
      row.bind(position)
      bind(element, &row)
      _ = try row.run()
    }
  }

  private static func insertLists(of result: SimulationResult, _ id: Int64, _ database: Database) throws {
    try insert(result.phases, id, "phases", columns: 3, database) { phase, row in
      row.bind(phase.name)
      row.bind(phase.time.value)
      row.bind(phase.cycles.value)
    }
    try insert(result.kernels, id, "kernels", columns: 7, database) { kernel, row in
      row.bind(kernel.name)
      row.bind(kernel.cycles.value)
      row.bind(kernel.workItems)
      row.bind(kernel.residentItems)
      row.bind(kernel.coresUsed)
      row.bind(kernel.waves)
      row.bind(kernel.occupancy)
    }
    try insert(result.resources, id, "resources", columns: 3, database) { use, row in
      row.bind(use.resource.name)
      row.bind(use.busyCycles)
      row.bind(use.utilisation)
    }
    try insert(result.traffic, id, "traffic", columns: 3, database) { traffic, row in
      row.bind(traffic.level)
      row.bind(traffic.readBytes)
      row.bind(traffic.writeBytes)
    }
    try insert(result.bounds, id, "bounds", columns: 5, database) { bound, row in
      row.bind(bound.resource.name)
      row.bind(bound.time.value)
      row.bind(bound.ceiling)
      row.bind(bound.unit)
      row.bind(bound.amount)
    }
    try insert(result.warnings, id, "warnings", columns: 2, database) { warning, row in
      row.bind(warning.code)
      row.bind(warning.message)
    }
  }

  private static func insertClasses(of result: SimulationResult, _ id: Int64, _ database: Database) throws {
    for (kernelPosition, kernel) in result.kernels.enumerated() {
      var row = try RowInsert(database, "INSERT INTO item_classes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      for (position, item) in kernel.classes.enumerated() {
        row.bind(id)
        row.bind(kernelPosition)
        row.bind(position)
        row.bind(item.count)
        row.bind(item.trips)
        row.bind(item.cycles.value)
        row.bind(item.period?.trips)
        row.bind(item.period?.ticks)
        row.bind(item.period?.jumpedTrips)
        _ = try row.run()
      }
    }
  }
}
