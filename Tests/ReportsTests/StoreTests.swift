import Foundation
import GRDB
import HWModels
import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Reports
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

/// A folder of its own for each test, removed at the end.
final class TemporaryFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "attnsim-reports-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func path(_ name: String) -> String { url.appending(path: name).path }
}

@Suite("Result store")
struct StoreTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func record(seq: Int = 4096) throws -> RunRecord {
    RunRecord(
      result: try Sample.result(seq: seq), source: .scenario(name: "main.yaml", text: "device: sample-h\n"),
      deviceFileHash: ContentHash.hex("file"), toolVersion: "0.1.0")
  }

  @Test("A run comes back as it was")
  func roundTrip() throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    var record = try record()
    record.result.request.mode = .locked(Frequency(1.2e9))
    record.result.clock.mode = .locked(Frequency(1.2e9))
    record.result.request.overrides = [(path: "vector.exp", value: "32 op/clk")]
    let id = try store.insert(record)
    let read = try store.run(id)
    #expect(JSONReport.render(read.result) == JSONReport.render(record.result))
    #expect(TextReport.render(read.result) == TextReport.render(record.result))
    #expect(read.result.request.device.provenance == record.result.request.device.provenance)
    #expect(
      StoredText.values(of: read.result.request.device) == StoredText.values(of: record.result.request.device)
    )
    #expect(read.result.request.device.tensorMemory == nil)
    #expect(read.result.request.mode == record.result.request.mode)
    #expect(read.source == record.source)
    #expect(read.deviceFileHash == record.deviceFileHash)
    #expect(read.toolVersion == "0.1.0")
  }

  @Test(
    "The lengths of a batch come back as they were written",
    arguments: ["uniform:100-2k:n=4:seed=3", "3x1/100,2k/2k"])
  func lengths(text: String) throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    var record = try record()
    let lengths = try BatchLengths(parsing: text)
    record.result.request.shape = try AttentionShape(
      batch: 4, headsQ: 4, seqQ: lengths.mostQueries ?? 1, headDim: 64, lengths: lengths)
    let read = try store.run(try store.insert(record))
    #expect(read.result.request.shape == record.result.request.shape)
    #expect(JSONReport.render(read.result) == JSONReport.render(record.result))
    #expect(RequestText.flags(read.result.request).contains("--lengths \(text)"))
    let csv = CSVReport.render(read.result).split(separator: "\n")
    #expect(csv[0].contains(",seq_kv,lengths,"))
    #expect(csv[1].contains(text.contains(",") ? ",\"\(text)\"," : ",\(text),"))
  }

  @Test("A shared prefix comes back, and is asked again by its flag")
  func sharedPrefix() throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    var record = try record()
    let plain = try store.insert(record)
    let shape = record.result.request.shape
    record.result.request.shape = try AttentionShape(
      batch: shape.batch, headsQ: shape.headsQ, headsKV: shape.headsKV, seqQ: shape.seqQ, seqKV: shape.seqKV,
      headDim: shape.headDim, headDimV: shape.headDimV, dataType: shape.dataType, mask: shape.mask,
      sharedPrefix: 48)
    let id = try store.insert(record)
    #expect(id != plain)
    let read = try store.run(id)
    #expect(read.result.request.shape == record.result.request.shape)
    #expect(JSONReport.render(read.result) == JSONReport.render(record.result))
    #expect(JSONReport.render(read.result).contains("\"shared_prefix\": 48"))
    #expect(RequestText.flags(read.result.request).contains("--shared-prefix 48"))
    #expect(RequestText.shape(read.result.request.shape).contains("the first 48 shared"))
  }

  @Test("Every kind of work comes back")
  func work() throws {
    var work = Work()
    withUnsafeMutableBytes(of: &work) { bytes in
      let counts = bytes.bindMemory(to: Double.self)
      for index in counts.indices { counts[index] = Double(index + 1) }
    }
    #expect(work.named.count == MemoryLayout<Work>.size / MemoryLayout<Double>.size)
    #expect(StoredText.work(StoredText.work(work)) == work)
  }

  @Test("The same run is stored once, a changed answer beside it")
  func identicalRows() throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    let first = try store.insert(record())
    #expect(try store.insert(record()) == first)
    var changed = try record()
    changed.result.time = Duration(changed.result.time.value * 1.01)
    #expect(try store.insert(changed) != first)
    var other = try record()
    other.toolVersion = "0.2.0"
    #expect(try store.insert(other) != first)
    #expect(try store.runCount() == 3)
    try store.close()
    let again = try ResultStore(path: folder.path("a.sqlite"))
    #expect(try again.insert(record()) == first)
    #expect(try again.runCount() == 3)
  }

  @Test("Listing and filters")
  func listing() throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    for seq in [1024, 2048, 4096] { try store.insert(record(seq: seq)) }
    #expect(try store.runs().map(\.id) == [3, 2, 1])
    #expect(
      try store.runs(matching: RunFilter(device: "sample-h", schedule: "fa3", seqKV: 2048)).map(\.id) == [2])
    #expect(try store.runs(matching: RunFilter(device: "other")).isEmpty)
    #expect(try store.runs(limit: 1).count == 1)
    #expect(try store.latestRun() == 3)
    #expect(throws: StoreError.noSuchRun("9")) { try store.run(9) }
    var visited: [Int64] = []
    try store.forEachRun { id, _ in visited.append(id) }
    #expect(visited == [1, 2, 3])
  }

  @Test("A sweep is written in batches, resumes, and keeps its problems")
  func sweeps() throws {
    let path = folder.path("a.sqlite")
    let sweep = SweepRecord(
      name: "lengths", source: .scenario(name: "s.yaml", text: "x"), axes: ["shape.seq", "schedule"],
      pointCount: 5)
    do {
      let store = try ResultStore(path: path)
      let id = try store.sweep(sweep)
      let writer = store.writer(sweep: id, shard: 0, detail: .withoutClasses, batch: 2)
      for point in 0..<3 {
        try writer.add(try record(seq: 1024 << point), point: point, axisValues: ["\(1024 << point)", "fa3"])
      }
      try writer.add(problem: "does not fit", point: 3, axisValues: ["8192", "fa3"])
      try writer.finish()
    }
    let store = try ResultStore(path: path)
    let id = try store.sweep(sweep)
    #expect(try store.finishedPoints(of: id) == [0, 1, 2, 3])
    let points = try store.points(of: id)
    #expect(points.map(\.index) == [0, 1, 2, 3])
    #expect(points[1] == SweepPoint(index: 1, axisValues: ["2048", "fa3"], outcome: .run(2)))
    #expect(points[3].outcome == .problem("does not fit"))
    #expect(try store.run(1).result.kernels[0].classes.isEmpty)
    let all = try store.sweeps()
    #expect(all.map(\.record) == [sweep])
    let brief = store.writer(detail: .summary)
    try brief.add(try record(seq: 512))
    let summary = try store.run(try #require(try brief.finish().last)).result
    #expect(summary.phases.isEmpty && summary.bounds.isEmpty)
    #expect(summary.time == (try Sample.result(seq: 512)).time)
    #expect(throws: StoreError.noSuchSweep("7")) { try store.points(of: SweepID(7)) }
  }

  @Test("Shards join to what one sweep writes, the same row once, a run before a problem")
  func merging() throws {
    let sweep = SweepRecord(
      name: "lengths", source: .scenario(name: "s.yaml", text: "x"), axes: ["shape.seq"], pointCount: 4)
    func write(_ name: String, points: [Int], problems: [Int] = [], shard: Int) throws -> String {
      let store = try ResultStore(path: folder.path(name))
      let writer = store.writer(sweep: try store.sweep(sweep), shard: shard)
      for point in points {
        try writer.add(try record(seq: 1024 << point), point: point, axisValues: ["\(1024 << point)"])
      }
      for point in problems { try writer.add(problem: "does not fit", point: point, axisValues: ["x"]) }
      try writer.finish()
      try store.close()
      return store.path
    }
    let whole = try ResultStore(path: try write("whole", points: [0, 1, 2, 3], shard: 1), mode: .readOnly)
    let odd = try write("odd", points: [1, 3], problems: [2], shard: 2)
    let even = try write("even", points: [0, 2], shard: 1)
    let merged = try ResultStore(path: folder.path("merged"))
    #expect(try merged.merge(from: odd) == MergeCount(added: 2, known: 0, points: 3))
    #expect(try merged.merge(from: even) == MergeCount(added: 2, known: 0, points: 2))
    #expect(try merged.merge(from: even) == MergeCount(added: 0, known: 2, points: 0))
    let id = try merged.sweep(sweep)
    let points = try merged.points(of: id)
    #expect(points.map(\.index) == [0, 1, 2, 3])
    #expect(try merged.problemCount(of: id) == 0)
    let same = try whole.points(of: try #require(try whole.sweeps().first).id)
    for (ours, theirs) in zip(points, same) {
      guard case .run(let a) = ours.outcome, case .run(let b) = theirs.outcome else {
        Issue.record("point \(ours.index) has no run")
        continue
      }
      #expect(JSONReport.render(try merged.run(a).result) == JSONReport.render(try whole.run(b).result))
    }
    // Details come with a run that was a summary here.
    let brief = try ResultStore(path: folder.path("brief"))
    let writer = brief.writer(detail: .summary)
    try writer.add(try record(seq: 1024))
    let summary = try #require(try writer.finish().last)
    #expect(try brief.merge(from: even) == MergeCount(added: 1, known: 1, points: 2))
    #expect(
      JSONReport.render(try brief.run(summary).result) == JSONReport.render(try Sample.result(seq: 1024)))
    // What is no database of ours leaves everything as it was.
    try Data("text".utf8).write(to: URL(fileURLWithPath: folder.path("text")))
    #expect(throws: StoreError.notADatabase(path: folder.path("text"))) {
      try merged.merge(from: folder.path("text"))
    }
    #expect(throws: StoreError.self) { try merged.merge(from: merged.path) }
    #expect(try merged.runCount() == 4)
  }

  @Test("A reader sees what a writer has flushed")
  func reader() throws {
    let path = folder.path("a.sqlite")
    let store = try ResultStore(path: path)
    try store.insert(record())
    let reader = try ResultStore(path: path, mode: .readOnly)
    #expect(try reader.runCount() == 1)
    #expect(throws: StoreError.self) { try reader.insert(record(seq: 8192)) }
    #expect(try reader.runCount() == 1)
  }

  @Test("Every column states its unit and tables are strict")
  func schema() throws {
    let path = folder.path("a.sqlite")
    try ResultStore(path: path).close()
    let text = try DatabaseQueue(path: path).read { database in
      try String.fetchAll(
        database,
        sql:
          "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'grdb%' ORDER BY type, name")
    }
    try Golden.check(text.joined(separator: ";\n") + ";\n", "schema.sql")
    #expect(text.filter { $0.hasPrefix("CREATE TABLE") }.allSatisfy { $0.contains("STRICT") })
  }

  @Test(
    "SHA-256 as in FIPS 180-4",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func hash(text: String, expected: String) { #expect(ContentHash.hex(text) == expected) }

  @Test(
    "Runs a second", .serialized, .enabled(if: ProcessInfo.processInfo.environment["ATTNSIM_SPEED"] != nil),
    arguments: [RunWriter.Detail.full, .withoutClasses, .summary])
  func speed(detail: RunWriter.Detail) throws {
    let store = try ResultStore(path: folder.path("a.sqlite"))
    let count = 50_000
    let sweep = try store.sweep(SweepRecord(name: "s", source: .flags(""), axes: ["n"], pointCount: count))
    let writer = store.writer(sweep: sweep, detail: detail)
    var record = try record()
    let time = try ContinuousClock().measure {
      for n in 0..<count {
        record.result.time = Duration(Double(n))
        try writer.add(record, point: n, axisValues: ["\(n)"])
      }
      try writer.finish()
    }
    print("\(detail): \(count) runs in \(time), \(Int(Double(count) / (time / .seconds(1)))) a second")
  }
}
