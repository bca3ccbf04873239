import GRDB
import HWModels
import Testing

@testable import Dataflow
@testable import Reports
@testable import Results
@testable import Simulator
@testable import Spatial

@Suite("Streaming runs as text and pictures")
struct StreamingTests {
  @Test("The result, the graph and the search")
  func texts() throws {
    let request = try Sample.streaming("sdpa-naive")
    try Golden.check(TextReport.render(try Simulation.run(request)), "streaming.txt")
    try Golden.check(ProgramGraph.dot(try Simulation.program(request)), "streaming.dot")
    try Golden.check(DepthReport.text(try DepthSearch.run(request)), "depths.txt")
  }

  @Test("An FPGA's kernels, stages and resources, and the search")
  func fpga() throws {
    let request = try Sample.fpga("ubimoe-vit", parameters: ["hidden": "96", "layers": "3"])
    try Golden.check(TextReport.render(try Simulation.run(request)), "ubimoe.txt")
    let result = try ParallelismSearch.run(request)
    try Golden.check(
      ParallelismReport.text(result, request: request) + ParallelismReport.json(result), "parallelism.txt")
  }

  @Test("A deadlock, as text, as JSON and over time")
  func deadlock() throws {
    let request = try Sample.streaming("sdpa-naive", parameters: ["long": "N-1"])
    let trace = try #require(try Simulation.dataflowTrace(request))
    let deadlock = try #require(trace.deadlock)
    try Golden.check("\(deadlock)\n" + DataflowJSON.render(deadlock), "deadlock.txt")
    // The ring is one of full and empty FIFOs, each node waiting for the next.
    for (link, next) in zip(deadlock.ring, deadlock.ring.dropFirst() + deadlock.ring.prefix(1)) {
      #expect(link.partner == next.node)
    }
    #expect(deadlock.full == ["held-weights"])
    try Golden.check(OccupancyFigure.svg(trace, title: "deadlock"), "occupancy.svg")
  }

  @Test("Names of FIFOs lie inside the picture")
  func names() throws {
    let request = try Sample.fpga("ubimoe-vit", parameters: ["hidden": "96", "layers": "3"])
    let trace = try #require(try Simulation.dataflowTrace(request))
    let svg = OccupancyFigure.svg(trace, title: "layers")
    try Picture.check(svg, "occupancy-layers.svg")
    let labels = svg.matches(of: /x="([0-9.]+)" y="[0-9.]+" text-anchor="end">([^<]+)</)
    #expect(labels.contains { $0.2 == "feed-forward 1: outputs" })
    for label in labels {
      // Type of 12 pixels is about half as wide as it is high.
      #expect((Double(label.1) ?? 0) >= 6.5 * Double(label.2.count), "\(label.2) ends at \(label.1)")
    }
  }

  @Test("Occupancy never exceeds the depth, and its peak is the result's")
  func occupancy() throws {
    for schedule in ["sdpa-naive", "sdpa-memory-free"] {
      let request = try Sample.streaming(schedule)
      let trace = try #require(try Simulation.dataflowTrace(request))
      let fifos = try #require(try Simulation.run(request).dataflow).fifos
      for (track, fifo) in zip(trace.tracks, fifos) {
        let peak = track.steps.map(\.count).max()
        #expect(peak == fifo.peak, "\(schedule) \(fifo.name)")
        #expect((fifo.peak ?? 0) <= (fifo.depth ?? .max))
        // The slot of the very last element is free again a cycle after the run.
        #expect(track.steps.last?.count == (fifo.reader == "write outputs" ? 1 : 0))
      }
    }
  }
}

@Suite("Power that is not known")
struct UnknownPowerTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test("No output makes a number of it", arguments: ["sdpa-naive", "ubimoe"])
  func outputs(schedule: String) throws {
    let request = try schedule == "ubimoe" ? Sample.fpga(schedule) : Sample.streaming(schedule)
    let result = try Simulation.run(request)
    let json = JSONReport.render(result, indented: false)
    #expect(json.contains("\"power_w\":null,\"energy_j\":null"))
    let names = CSVReport.header.split(separator: ",").map(String.init)
    let values = CSVReport.row(result).split(separator: ",", omittingEmptySubsequences: false)
    for name in ["power_w", "energy_j"] { #expect(values[try #require(names.firstIndex(of: name))].isEmpty) }
    let record = RunRecord(result: result, source: .flags("run"), toolVersion: "0.1.0")
    let page = RunPage.html(record)
    for text in [
      TextReport.render(result), page, CompareReport.text(result, try Simulation.run(Sample.spatial("flat"))),
    ] {
      #expect(text.contains("not known"))
      #expect(!text.contains(" 0 W") && !text.contains(">0 W") && !text.contains(" 0 J"))
    }
    let store = try ResultStore(path: folder.path("a.sqlite"))
    try store.insert(record)
    try store.close()
    let queue = try DatabaseQueue(path: folder.path("a.sqlite"))
    let row = try queue.read { try Row.fetchOne($0, sql: "SELECT power_w, energy_j FROM run_summary") }
    #expect(row?["power_w"] == nil as Double? && row?["energy_j"] == nil as Double?)
  }

  @Test("A database of before that has 0 says unknown, and its runs stay the same")
  func older() throws {
    let record = RunRecord(
      result: try Simulation.run(Sample.streaming("sdpa-naive")), source: .flags("run"), toolVersion: "0.1.0")
    let path = folder.path("old.sqlite")
    let queue = try DatabaseQueue(path: path)
    try StoreSchema.migrator.migrate(queue, upTo: StoreSchema.migrationNames[2])
    let new = try ResultStore(path: folder.path("new.sqlite"))
    try new.insert(record)
    try new.close()
    try queue.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA foreign_keys = OFF")
      try database.execute(sql: "ATTACH ? AS other", arguments: [folder.path("new.sqlite")])
      for table in try String.fetchAll(
        database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'grdb%'")
      {
        let columns = try database.columns(in: table, in: "main").map(\.name)
        let values = columns.map { ["power_w", "energy_j"].contains($0) ? "0" : $0 }
        try database.execute(
          sql:
            "INSERT INTO main.\(table) (\(columns.joined(separator: ", "))) SELECT \(values.joined(separator: ", ")) FROM other.\(table)"
        )
      }
      try database.execute(sql: "DETACH other")
    }
    try queue.close()
    let reader = try ResultStore(path: path, mode: .readOnly)
    #expect(JSONReport.render(try reader.run(1).result) == JSONReport.render(record.result))
    try reader.close()
    let store = try ResultStore(path: path)
    #expect(JSONReport.render(try store.run(1).result) == JSONReport.render(record.result))
    #expect(try store.insert(record) == 1)
    try store.close()
    let migrated = try DatabaseQueue(path: path)
    #expect(try migrated.read { try Bool.fetchOne($0, sql: "SELECT power_w IS NULL FROM runs") } == true)
  }
}
