import Attention
import GRDB
import HWModels
import Programs
import Results

/// Rows back into a result.
struct RunReading {
  let id: Int64
  let row: Row
  let database: Database

  func record() throws -> RunRecord {
    let kind: String = row["source_kind"]
    let source: RunRecord.Source =
      kind == "scenario" ? .scenario(name: row["source_name"], text: row["text"]) : .flags(row["text"])
    return RunRecord(
      result: try result(), source: source, deviceFileHash: row["file_hash"], toolVersion: row["tool_version"]
    )
  }

  private func result() throws -> SimulationResult {
    guard let work = StoredText.work(row["work_json"]) else { throw unreadable("work") }
    var result = SimulationResult(
      request: try request(), time: Duration(row["time_s"]), kernelTime: Duration(row["kernel_time_s"]),
      cycles: Cycles(row["cycles"]), clock: try clock(), phases: try phases(), kernels: try kernels(),
      resources: try resources(), traffic: try traffic(), work: work, usefulFlops: row["useful_flops"],
      executedFlops: row["executed_flops"], bounds: try bounds(), warnings: try warnings(),
      statistics: .init(events: row["events"], jumpedEvents: row["jumped_events"]))
    let machine = MachineReading(id: id, database: database)
    result.dataflow = try machine.dataflow()
    result.spatial = try machine.spatial()
    return result
  }

  private func request() throws -> SimulationRequest {
    guard
      let device = StoredText.device(
        id: row["device_id"], name: row["name"], kind: row["kind"], values: row["values_json"],
        provenance: row["provenance_json"])
    else { throw unreadable("device") }
    guard let parameters = StoredText.parameters(row["parameters_json"]) else {
      throw unreadable("parameters")
    }
    guard let overrides = StoredText.overrides(row["overrides_json"]) else { throw unreadable("changes") }
    return SimulationRequest(
      schedule: row["schedule"], parameters: parameters, shape: try Self.shape(row, id), device: device,
      mode: try mode(), overrides: overrides)
  }

  static func shape(_ row: Row, _ id: Int64) throws -> AttentionShape {
    let texts: (String, String, String) = (row["data_type"], row["mask"], row["pass"])
    guard let dataType = DataType(rawValue: texts.0) else {
      throw StoreError.unreadable(run: id, field: "data type")
    }
    guard let mask = try? Mask(parsing: texts.1) else { throw StoreError.unreadable(run: id, field: "mask") }
    guard let pass = AttentionShape.Pass(rawValue: texts.2) else {
      throw StoreError.unreadable(run: id, field: "pass")
    }
    do {
      let written: String? = row["lengths"]
      let lengths = try written.map { try BatchLengths(parsing: $0) }
      return try AttentionShape(
        batch: row["batch"], headsQ: row["heads_q"], headsKV: row["heads_kv"], seqQ: row["seq_q"],
        seqKV: row["seq_kv"], headDim: row["head_dim"], headDimV: row["head_dim_v"], dataType: dataType,
        mask: mask,
        pass: pass, lengths: lengths, sharedPrefix: row["shared_prefix"] ?? 0, needsBlockLists: false)
    } catch { throw StoreError.unreadable(run: id, field: "shape") }
  }

  private func mode() throws -> ClockMode {
    let name: String = row["mode"]
    let locked: Double? = row["locked_clock_hz"]
    switch (name, locked) {
    case ("sustained", _): return .sustained
    case ("burst", _): return .burst
    case ("locked", .some(let clock)): return .locked(Frequency(clock))
    default: throw unreadable("clock mode")
    }
  }

  private func clock() throws -> SimulationResult.ClockResult {
    guard let limiter = SimulationResult.ClockResult.Limiter(rawValue: row["clock_limiter"]) else {
      throw unreadable("clock limiter")
    }
    return .init(
      mode: try mode(), frequency: Frequency(row["clock_hz"]), limiter: limiter,
      power: known("power_w").map { Power($0) },
      energy: known("energy_j").map { Energy($0) })
  }

  /// A number that may be unknown. No machine draws nothing: databases of before the fourth migration hold 0 for unknown.
  private func known(_ column: String) -> Double? {
    let value: Double? = row[column]
    return value == 0 ? nil : value
  }

  private func rows(_ table: String) throws -> [Row] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM \(table) WHERE run_id = ? ORDER BY position", arguments: [id])
  }

  private func phases() throws -> [SimulationResult.Phase] {
    try rows("phases").map {
      .init(name: $0["name"], time: Duration($0["time_s"]), cycles: Cycles($0["cycles"]))
    }
  }

  private func kernels() throws -> [SimulationResult.KernelResult] {
    try rows("kernels").map { kernel in
      .init(
        name: kernel["name"], cycles: Cycles(kernel["cycles"]), workItems: kernel["work_items"],
        residentItems: kernel["resident_items"], coresUsed: kernel["cores_used"], waves: kernel["waves"],
        classes: try classes(ofKernel: kernel["position"]), occupancy: kernel["occupancy"])
    }
  }

  private func classes(ofKernel position: Int) throws -> [SimulationResult.ClassResult] {
    try Row.fetchAll(
      database, sql: "SELECT * FROM item_classes WHERE run_id = ? AND kernel_position = ? ORDER BY position",
      arguments: [id, position]
    ).map { item in
      let (trips, ticks, jumped): (Int?, Int?, Int?) = (
        item["period_trips"], item["period_ticks"], item["jumped_trips"]
      )
      var period: SimulationResult.PeriodResult?
      if let trips, let ticks, let jumped {
        period = .init(trips: trips, ticks: ticks, jumpedTrips: jumped)
      }
      return .init(
        count: item["count"], trips: item["trips"], cycles: Cycles(item["cycles"]), period: period)
    }
  }

  private func resource(_ row: Row) throws -> Resource {
    let name: String = row["resource"]
    guard let resource = Resource.allCases.first(where: { $0.name == name }) else {
      throw unreadable("unit '\(name)'")
    }
    return resource
  }

  private func resources() throws -> [SimulationResult.ResourceUse] {
    try rows("resources").map {
      .init(resource: try resource($0), busyCycles: $0["busy_cycles"], utilisation: $0["utilisation"])
    }
  }

  private func traffic() throws -> [SimulationResult.Traffic] {
    try rows("traffic").map {
      .init(level: $0["level"], readBytes: $0["read_bytes"], writeBytes: $0["write_bytes"])
    }
  }

  private func bounds() throws -> [SimulationResult.Bound] {
    try rows("bounds").map {
      .init(
        resource: try resource($0), time: Duration($0["time_s"]), ceiling: $0["ceiling_per_s"],
        unit: $0["unit"],
        amount: $0["amount"])
    }
  }

  private func warnings() throws -> [ModelLimit] {
    try rows("warnings").map { ModelLimit(code: $0["code"], message: $0["message"]) }
  }

  private func unreadable(_ field: String) -> StoreError { .unreadable(run: id, field: field) }
}
