import Foundation
import Testing

@Suite("The command")
struct CommandTests {
  static let mistakes: [(arguments: String, status: Int32, part: String)] = [
    ("run /nonexistent.yaml", 65, "cannot open"),
    ("mask causal --seq-q 4x", 64, "not a whole number"),
    ("mask causal --seq-q 4k --share 1.2", 64, "from 0 to 1"),
    ("mask prefix:4 --seq-q 256M --tile-q 1", 65, "take larger tiles"),
    ("mask gna:16x16:w8x8 --dynamic --layout flat", 64, "--dynamic is for boxes"),
    ("mask causal --seq-q 4k --dynamic", 64, "masks of a token grid"),
    ("mask gna:16384x16384:w2x2 --tile-q 268435456x268435456", 65, "more than 268435456 tokens"),
    ("mask gna:268435456:w2 --tile-q 1", 65, "take larger tiles"),
    ("mask gna:268435456:w2 --layout tiled --tile-q 1", 65, "take larger tiles"),
    ("mask swa:-2 --seq-q 4k", 65, "-1 for no limit"),
    ("mask " + String(repeating: "(", count: 60_000) + "causal --seq-q 4k", 65, "at most 64 deep"),
    (
      "run scenarios/flex-flash-documents.yaml --mask block_sparse:128x128:file=/nonexistent", 64,
      "block list: cannot open"
    ),
    (
      "run scenarios/flex-flash-documents.yaml --mask block_sparse:128x128:file=README.md", 64,
      "block list, character"
    ),
    ("run scenarios/gna-flux.yaml --mask causal", 65, "takes gna masks"),
    ("run scenarios/gna-flux.yaml --param tile-q=8x8", 65, "has no effect on this call"),
    ("gna-search 30x48x80 18x24x90 --device h100-sxm5", 65, "larger than the axis, which has 80"),
    ("gna-search 30x48 9x9x9 --device h100-sxm5", 65, "window"),
    (
      "gna-search 30x48 9x9 --device h100-sxm5 --head-dim 96", 65, "equal head dimensions of 32, 64, 128, 256"
    ),
    ("gna-search 30x48 9x9 --device h100-sxm5 --schedule fa3", 64, "gna-hopper"),
    ("run /tmp", 65, "is a directory"),
    ("run /dev/null", 65, "the file is empty"),
    ("run /dev/zero", 65, "larger than the limit"),
    ("run scenarios/sweep-seq.yaml", 64, "has 24 points"),
    ("run scenarios/sweep-seq.yaml --point 24", 64, "points 0 to 23"),
    ("run", 64, "missing --device, --schedule, --batch, --heads, --seq, --head-dim"),
    ("run --bogus", 64, "Unknown option"),
    ("run scenarios/fa3-h100.yaml --schedule fa33", 64, "did you mean 'fa3'?"),
    ("run scenarios/fa3-h100.yaml --device h100-sxm", 64, "did you mean 'h100-sxm5'?"),
    ("run scenarios/fa3-h100.yaml --device a100-sxm4-80", 65, "needs 'asyncTensor'"),
    ("run scenarios/fa3-h100.yaml --head-dim 0", 64, "between 1 and"),
    ("run scenarios/fa3-h100.yaml --head-dim 4096", 65, "up to 256"),
    ("run scenarios/fa3-h100.yaml --seq 1099511627776", 64, "between 1 and"),
    ("run scenarios/fa3-h100.yaml --seq 256M", 64, "more than 10^17"),
    ("run scenarios/fa3-h100.yaml --kv-heads 5", 64, "do not divide"),
    ("run scenarios/fa3-h100.yaml --mask swa:9223372036854775807", 64, "is larger than"),
    ("run scenarios/fa3-h100.yaml --mask causla", 64, "did you mean 'causal'?"),
    ("run scenarios/fa3-h100.yaml --clock 1755", 64, "has no unit"),
    ("run scenarios/fa3-h100.yaml --set vector.exq=x2", 64, "did you mean 'vector.exp'?"),
    ("run scenarios/fa3-h100.yaml --set cores.count=1e300", 64, "whole number"),
    ("run scenarios/fa3-h100.yaml --set shared.perWorkItem=1KiB", 65, "does not fit"),
    ("run scenarios/fa3-h100.yaml --param biuld=cute", 64, "did you mean 'build'?"),
    ("run scenarios/fa3-h100.yaml --db /nonexistent/x.sqlite", 73, "cannot be used"),
    ("run scenarios/fa3-h100.yaml --db scenarios/fa3-h100.yaml", 65, "not a SQLite database"),
    ("run scenarios/fa3-h100.yaml --roofline /nonexistent/x.svg", 73, "cannot be written"),
    ("sweep scenarios/sweep-seq.yaml", 64, "--db"),
    ("sweep scenarios/sweep-seq.yaml --db /nonexistent/x.sqlite", 73, "cannot be used"),
    ("sweep scenarios/sweep-seq.yaml --db /tmp/x.sqlite --shard 3/2", 64, "--shard"),
    ("sweep scenarios/sweep-seq.yaml --db /tmp/x.sqlite --jobs 0", 64, "--jobs"),
    ("report --db /nonexistent.sqlite", 65, "no such database"),
    ("compare fa2 fa9 --scenario scenarios/fa2-h100.yaml", 64, "there are"),
    ("compare fa2 h100-sxm5 --scenario scenarios/fa2-h100.yaml", 64, "compare two of one kind"),
    ("merge /tmp/x.sqlite /nonexistent.sqlite", 65, "no such database"),
    ("merge /nonexistent/x.sqlite", 64, "<inputs>"),
    ("check validation/README.md", 65, "error"),
    ("validate validation/power_h100.csv", 65, "no table of measured times"),
    ("validate validation/h100.csv --map hardware/h100-sxm5.yaml", 65, "missing key"),
    ("validate", 64, "name a measured table"),
    ("verify --schedule fa9", 64, "there are"),
    ("verify --schedule fa2 --jobs 0", 64, "--jobs"),
    ("verify --schedule fa2 --shapes 0", 64, "--shapes lies between"),
    ("verify --schedule fa2 --param splits=x", 64, "parameter 'splits'"),
    ("cascade /nonexistent.cascade", 65, "cannot open"),
    ("cascade README.md", 65, "the cascade has no name"),
    ("run scenarios/ubimoe-zcu102.yaml --set fpga.ddrBandwidth=0B/s", 64, "neither DDR nor HBM"),
    (
      "cascade scenarios/cascades/attention-1-pass.cascade --rank M1=8", 64,
      "say --rank M=2048 or --rank M0=128"
    ),
    ("cascade scenarios/cascades/attention-1-pass.cascade --rank M1=3", 64, "say --rank M=768"),
    ("run scenarios/fa3-h100.yaml --clock 1MHz", 64, "which runs at 345 MHz to 1980 MHz"),
    ("run scenarios/fusemax-cascade.yaml --clock 1MHz", 64, "below a hundredth of the highest"),
    (
      "run --device streaming-abstract --schedule sdpa-memory-free --batch 1 --heads 1 --seq 99999999 --head-dim 1",
      65, "2^53 cycles"
    ),
    ("cascade scenarios/cascades/mha.cascade --rank NN=4", 64, "did you mean 'N'?"),
    ("cascade scenarios/cascades/mha.cascade --rank N=0", 64, "--rank N=0: the shape of rank N"),
    ("cascade scenarios/cascades/mha.cascade --rank N", 64, "--rank N: it is written RANK=SHAPE"),
    ("cascade scenarios/cascades/mha.cascade --rank N=-4", 64, "whole number from 1"),
    (
      "cascade scenarios/cascades/attention-1-pass.cascade --rank M=1000", 64, "--rank M=1000: error: line 13"
    ),
    ("cascade scenarios/cascades/attention-1-pass.cascade --rank M0=300", 64, "take a divisor of 1024"),
    ("cascade scenarios/cascades/mha.cascade --rank N=9999999999999", 64, "from 1 to 2^40"),
    ("cascade scenarios/cascades/mha.cascade --graph x.png", 64, "ends in .svg or .dot"),
    ("run scenarios/unfused.yaml --mask causal", 65, "takes no mask"),
    ("run scenarios/unfused.yaml --param ffn=-1", 64, "whole number from 0"),
    ("run scenarios/unfused.yaml --set spatial.bufferCapacity=1KiB", 65, "does not fit"),
    ("run scenarios/unfused.yaml --set dram.bandwidth=x2", 64, "unknown key 'dram.bandwidth'"),
    (
      "sweep scenarios/fusemax-pareto.yaml --device h100-sxm5 --schedule fa3 --db /tmp/x.sqlite", 65,
      "h100-sxm5 is a device of kind 'gpu'"
    ),
    ("explain scenarios/ubimoe-zcu102.yaml --set cores.count=x2", 64, "unknown key 'cores.count'"),
    ("validate validation/h100.csv --device zcu102 --set power.limit=x2", 64, "unknown key 'power.limit'"),
    ("run scenarios/unfused.yaml --schedule fusemax-binding", 65, "needs 'spatial.gridVector'"),
    ("compare scenarios/fusemax-headline-flat.yaml scenarios/fusemax-pareto.yaml", 64, "as many of both"),
    ("schema car", 64, "device"),
    ("plan --counts --kernel lean", 64, "--kernel goes with a map"),
    ("plan --counts --set dram.bandwidth=x2", 64, "--set goes with a map"),
    ("plan --device h100-sxm5 --kernel lean --scheme mla-reuse", 64, "give one of them"),
    ("plan --device h100-sxm5 --tokens 1,2", 64, "one number is due"),
    ("check README.md", 65, "README.md:4:"),
    ("calibrate validation/h100.csv --device hardware/h100-pcie.yaml", 65, "mark those to fit"),
  ]

  @Test("Counts of schemes are data too")
  func counts() throws {
    let run = try attnsim("plan", "--counts", "--batch", "1,2", "--context", "4k", "--format", "json")
    let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    let rows = try #require(object?["counts"] as? [[String: Any]])
    #expect(rows.count == 16)
    #expect(rows.allSatisfy { ($0["macs"] as? Double ?? 0) > 0 })
    // Reuse against recompute at 16 bits: validation/README.md, sources of mla.csv.
    let crossover = try #require(object?["crossover"] as? [String: Any])
    #expect(abs((crossover["op_per_byte"] as? Double ?? 0) - 53) < 1)
  }

  static let refusals = [
    ("device: h100-sxm5\nschedule: flashmla\nshape: { batch: 1, heads: 4, seq: 1k, head-dim: >64 }", "576"),
    ("device: >a100-sxm4-80\nschedule: fa3\nshape: { batch: 1, heads: 4, seq: 1k, head-dim: 64 }", "needs"),
    (
      "device: h100-sxm5\nschedule: fa3\nshape: { batch: 1, heads: 4, seq: 1k, head-dim: 64, dtype: >fp32 }",
      "bf16"
    ),
    (
      "device: h100-sxm5\nschedule: >fa2\nset: { shared.perWorkItem: 1 KiB }\nshape: { batch: 1, heads: 4, seq: 1k, head-dim: 64 }",
      "does not fit"
    ),
    (
      "device: h100-sxm5\nschedule: { name: fa2, parameters: { layout: >varlen } }\nshape: { batch: 1, heads: 4, seq: 1k, head-dim: 64, pass: bwd }",
      "has no effect on this call"
    ),
  ]

  /// The mark stands before the value that is to blame.
  @Test(
    "What a schedule refuses has a place in the scenario", arguments: refusals, ["check", "run", "explain"])
  func refusal(scenario: (marked: String, part: String), subcommand: String) throws {
    try withFolder { folder in
      let lines = scenario.marked.split(separator: "\n")
      let line = try #require(lines.firstIndex { $0.contains(">") })
      let column = lines[line].prefix { $0 != ">" }.count
      let file = folder.appendingPathComponent("scenario.yaml")
      try scenario.marked.replacingOccurrences(of: ">", with: "").write(
        to: file, atomically: true, encoding: .utf8)
      let run = try attnsim(subcommand, file.path)
      #expect(run.status == 65)
      #expect(run.errors.contains("scenario.yaml:\(line + 1):\(column + 1): error: "), "\(run.errors)")
      #expect(run.errors.contains(scenario.part), "\(run.errors)")
    }
  }

  @Test("A table without rows says where it ends", arguments: ["", "gpu,kernel"])
  func emptyTable(text: String) throws {
    try withFolder { folder in
      let header = try String(
        contentsOf: checkout.appendingPathComponent("validation/h100.csv"), encoding: .utf8
      ).prefix { !$0.isNewline }
      let file = folder.appendingPathComponent("table.csv")
      try (text.isEmpty ? "" : String(header) + "\n").write(to: file, atomically: true, encoding: .utf8)
      let run = try attnsim("check", file.path)
      #expect(run.status == 65)
      #expect(run.errors.contains("table.csv:1:1: error: "), "\(run.errors)")
    }
  }

  @Test(
    "A fit refuses what says nothing about the chip",
    arguments: [("validation/h200.csv", "was measured on 'H200'"), ("unknown", "0 measurements cannot fit")])
  func calibrationInput(table: String, message: String) throws {
    try withFolder { folder in
      var path = table
      if table == "unknown" {
        let rows = try String(
          contentsOf: checkout.appendingPathComponent("validation/h100.csv"), encoding: .utf8
        )
        .split(whereSeparator: \.isNewline).prefix(4).joined(separator: "\n").replacingOccurrences(
          of: ",cudnn,", with: ",nobodys,")
        let file = folder.appendingPathComponent("unknown.csv")
        try rows.write(to: file, atomically: true, encoding: .utf8)
        path = file.path
      }
      let fit = try attnsim("calibrate", path, "--device", "hardware/h100-sxm5.yaml")
      #expect(fit.status == 65)
      #expect(fit.errors.contains(message))
    }
  }

  @Test("An answer that cannot be written ends with 73", arguments: ["text", "json", "csv"])
  func fullDevice(format: String) throws {
    let process = Process()
    process.executableURL = command
    process.arguments = ["run", "scenarios/fa3-h100.yaml", "--format", format]
    process.currentDirectoryURL = checkout
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 73)
  }

  @Test("Wrong input gives one clear error and the right exit code", arguments: mistakes)
  func mistake(arguments: String, status: Int32, part: String) throws {
    let run = try attnsim(arguments.split(separator: " ").map(String.init))
    #expect(run.status == status, "\(run.errors)")
    #expect(run.errors.contains(part), "\(run.errors)")
    #expect(run.output.isEmpty)
  }

  @Test(
    "Right questions are answered",
    arguments: [
      "devices", "devices h100-sxm5", "devices --json", "schedules", "schedules --json", "schema device",
      "run scenarios/fa3-h100.yaml", "run scenarios/fa3-h100.yaml --format csv",
      "run scenarios/sweep-seq.yaml --point 23",
      "run --device h100-sxm5 --schedule fa2 --batch 1 --heads 8 --seq 1k --head-dim 64 --mode burst",
      "run scenarios/fa3-h100.yaml --dump-program", "explain scenarios/fa3-causal-gqa.yaml",
      "compare fa2 fa3 --scenario scenarios/fa2-h100.yaml",
      "compare scenarios/fusemax-headline-binding.yaml scenarios/fusemax-headline-flat.yaml --format json",
      "run scenarios/fusemax-cascade.yaml --format json", "run scenarios/unfused.yaml --dump-program",
      "explain scenarios/fusemax-architecture.yaml", "check scenarios/cascades/mamba-scan.cascade",
      "cascade scenarios/cascades/attention-3-pass.cascade --format json --rank M=4096",
      "cascade scenarios/cascades/mla-two-step.cascade --format dot",
      "compare a100-sxm4-80 h100-sxm5 --scenario scenarios/fa2-h100.yaml",
      "validate --show-map", "validate validation/counters_h100.csv --json",
    ])
  func answer(arguments: String) throws {
    let run = try attnsim(arguments.split(separator: " ").map(String.init))
    #expect(run.status == 0, "\(run.errors)")
    #expect(!run.output.isEmpty)
    #expect(run.errors.isEmpty, "\(run.errors)")
  }

  @Test("Every file in hardware/ and scenarios/ checks")
  func files() throws {
    for folder in ["hardware", "scenarios"] {
      let names = try FileManager.default.contentsOfDirectory(
        atPath: checkout.appendingPathComponent(folder).path)
      let paths = names.filter { $0.hasSuffix(".yaml") }.map { "\(folder)/\($0)" }
      let run = try attnsim(["check"] + paths)
      #expect(run.status == 0, "\(run.errors)")
    }
  }

  @Test("Devices are found from any folder")
  func elsewhere() throws {
    try withFolder { folder in
      let scenario = checkout.appendingPathComponent("scenarios/fa3-h100.yaml").path
      let run = try attnsim(["run", scenario, "--format", "csv"], in: folder)
      #expect(run.status == 0, "\(run.errors)")
    }
  }

  @Test("A sweep gives the same rows on one thread, on four, in shards and resumed")
  func sweeps() throws {
    try withFolder { folder in
      func rows(_ name: String, _ runs: [[String]]) throws -> String {
        let db = folder.appendingPathComponent(name).path
        for flags in runs {
          let run = try attnsim(["sweep", "scenarios/sweep-seq.yaml", "--db", db] + flags)
          #expect(run.status == 0, "\(run.errors)")
        }
        let report = try attnsim("report", "--db", db, "--format", "csv")
        #expect(report.status == 0, "\(report.errors)")
        return report.output
      }
      let one = try rows("one.sqlite", [["--jobs", "1"]])
      #expect(one.split(separator: "\n").count == 25)
      #expect(try rows("four.sqlite", [["--jobs", "4"]]) == one)
      let shards = try rows("shards.sqlite", [["--shard", "1/2"], ["--resume"], ["--resume"]])
      #expect(Set(shards.split(separator: "\n")) == Set(one.split(separator: "\n")))
    }
  }

  @Test("A verification prints the same on one thread as on three", arguments: ["", "--verbose", "--json"])
  func verification(form: String) throws {
    let arguments =
      ["verify", "--schedule", "lean", "--shapes", "2", "--orders", "2"] + (form.isEmpty ? [] : [form])
    let one = try attnsim(arguments + ["--jobs", "1"])
    #expect(one.status == 0)
    #expect(one.output.contains("lean") && !one.output.contains("WRONG"))
    #expect(try attnsim(arguments + ["--jobs", "3"]).output == one.output)
  }

  @Test("Every picture and page is written")
  func pictures() throws {
    try withFolder { folder in
      func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
      let run = try attnsim(
        "run", "scenarios/fa3-h100.yaml", "--roofline", file("roofline.svg"), "--graph", file("program.svg"),
        "--trace", file("trace.json"), "--db", file("runs.sqlite"))
      #expect(run.status == 0, "\(run.errors)")
      for format in ["text", "json", "csv", "svg", "dot", "html"] {
        let report = try attnsim(
          "report", "--db", file("runs.sqlite"), "--format", format, "-o", file("report.\(format)"))
        #expect(report.status == 0, "\(report.errors)")
      }
      // The name of the output says the format where no flag does.
      let named = try attnsim("report", "--db", file("runs.sqlite"), "-o", file("named.html"))
      #expect(named.status == 0, "\(named.errors)")
      let validation = try attnsim("validate", "validation/counters_h100.csv", "-o", file("validation.html"))
      #expect(validation.status == 0, "\(validation.errors)")
      let starts = [
        "roofline.svg": "<svg", "program.svg": "<?xml", "trace.json": "{", "report.html": "<!DOCTYPE html>",
        "named.html": "<!DOCTYPE html>",
        "report.dot": "digraph", "validation.html": "<!DOCTYPE html>", "report.json": "{",
      ]
      for (name, start) in starts {
        let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        #expect(text.hasPrefix(start), "\(name) begins with \(text.prefix(40))")
      }
    }
  }

  @Test("A stored run is reported as it was printed, and a damaged database stays as it is")
  func stored() throws {
    try withFolder { folder in
      let db = folder.appendingPathComponent("runs.sqlite").path
      let run = try attnsim("run", "scenarios/fa3-h100.yaml", "--db", db)
      #expect(run.status == 0, "\(run.errors)")
      #expect(try attnsim("report", "--db", db).output == run.output)
      let other = folder.appendingPathComponent("other.txt")
      try "not a database".write(to: other, atomically: true, encoding: .utf8)
      #expect(try attnsim("run", "scenarios/fa3-h100.yaml", "--db", other.path).status == 65)
      #expect(try String(contentsOf: other, encoding: .utf8) == "not a database")
    }
  }

  @Test(
    "Published tables of other machines are compared, row by row",
    arguments: [
      // Rows, and the largest error of what is a closed form.
      ("fusemax", "time_us", 171, 0.005), ("fusemax", "traffic_bytes", 171, 0.02),
      ("fusemax", "energy_j", 120, 0.1),
      ("fusemax", "utilization_2d", 147, 0.005), ("streaming", "cycles", 103, 0),
      ("streaming", "deadlock", 14, 0),
    ])
  func published(table: String, metric: String, rows: Int, worst: Double) throws {
    let run = try attnsim("validate", "validation/\(table).csv", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let json = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let groups = try #require(json["groups"] as? [[String: Any]]).filter { $0["metric"] as? String == metric }
    #expect(groups.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } >= rows)
    for group in groups { #expect((group["max_abs_error"] as? Double ?? .infinity) <= worst, "\(group)") }
    let skipped = try #require(json["skipped"] as? [[String: Any]])
    #expect(!skipped.contains { "\($0["reason"] ?? "")".contains("no device file") })
  }

  @Test(
    "Stored runs of other machines are reported as they were printed",
    arguments: ["streaming-naive", "fusemax-cascade", "ubimoe-zcu102"])
  func storedElsewhere(scenario: String) throws {
    try withFolder { folder in
      let db = folder.appendingPathComponent("runs.sqlite").path
      for format in ["text", "json"] {
        let run = try attnsim("run", "scenarios/\(scenario).yaml", "--db", db, "--format", format)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try attnsim("report", "--db", db, "--format", format).output == run.output)
      }
    }
  }

  @Test(
    "A trace of a long streaming run covers its first cycles and says so", arguments: ["json", "svg"])
  func longTrace(ending: String) throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent("trace.\(ending)")
      let run = try attnsim(
        "run", "scenarios/streaming-naive.yaml", "--seq", "4k", "--trace", file.path)
      #expect(run.status == 0, "\(run.errors)")
      let text = try String(contentsOf: file, encoding: .utf8)
      // 4096 x 4096 + 2 x 4096 + 4
      let match = try #require(text.firstMatch(of: /the first ([0-9,]+) cycles \([0-9.]+ %\) of 16,785,412/))
      // A row and more.
      #expect(try #require(Int(match.1.filter { $0 != "," })) > 4096)
    }
  }

  @Test(
    "Odd requests are refused before anything is lost",
    arguments: [
      ["mask", "doc:9223372036854775807,9223372036854775807"],
      ["run", "scenarios/fa3-h100.yaml", "--db", ""],
      ["run", "scenarios/fa3-h100.yaml", "--db", ":memory:"],
      ["run", "scenarios/fa3-h100.yaml", "--roofline", "roofline.pdf"],
      ["run", "scenarios/fa3-h100.yaml", "--dump-program", "--format", "json"],
    ])
  func refused(_ arguments: [String]) throws {
    let run = try attnsim(arguments)
    #expect([64, 65, 73].contains(run.status), "\(run.errors)")
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("error: "), "\(run.errors)")
  }

  @Test("A block list in a file is read by flags and beside a scenario, kept and shown again")
  func blockListFile() throws {
    try withFolder { folder in
      try Data("# kept\n0:0, 1:1\n2:0; 3:3\n".utf8).write(to: folder.appendingPathComponent("kept.txt"))
      let flags = [
        "run", "--device", "h100-sxm5", "--schedule", "fa3", "--batch", "1", "--heads", "1", "--head-dim",
        "128",
        "--format", "csv", "--hardware", checkout.appendingPathComponent("hardware").path,
      ]
      let listed = try attnsim(
        flags + ["--seq", "512", "--mask", "block_sparse:128x128:list=0:0,1:1,2:0,3:3"], in: folder)
      let read = try attnsim(
        flags + ["--seq", "512", "--mask", "block_sparse:128x128:file=kept.txt", "--db", "x.sqlite"],
        in: folder)
      #expect(read.status == 0, "\(read.errors)")
      func time(_ run: Run) -> [Substring] {
        run.output.split(separator: "\n").suffix(1).flatMap {
          $0.split(separator: ",").filter { $0.contains("e-") }
        }
      }
      #expect(!time(read).isEmpty)
      #expect(time(read) == time(listed))
      #expect(try attnsim("report", "--db", "x.sqlite", in: folder).output.contains("file=kept.txt"))
      let scenario = """
        device: h100-sxm5
        schedule: fa3
        shape: { batch: 1, heads: 1, seq: 512, head-dim: 128, mask: "block_sparse:128x128:file=kept.txt" }

        """
      try Data(scenario.utf8).write(to: folder.appendingPathComponent("kept.yaml"))
      #expect(try attnsim("check", folder.appendingPathComponent("kept.yaml").path).status == 0)
    }
  }
}
