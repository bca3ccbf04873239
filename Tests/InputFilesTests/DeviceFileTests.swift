import HWModels
import InputFiles
import Testing

/// The text of the H100's file with one piece replaced; marks in `new` are where diagnostics are expected.
private func h100(_ changes: [(old: String, new: String)]) throws -> Marked {
  var text = try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text
  for change in changes {
    let range = try #require(text.firstRange(of: change.old), "\(change.old)")
    text.replaceSubrange(range, with: change.new)
  }
  return Marked(text)
}

private let bandwidth = "bandwidth: { value: 3.35 TB/s, kind: quoted,"

struct DeviceMistake: CustomTestStringConvertible, Sendable {
  var name: String
  var changes: [(old: String, new: String)]
  var parts: [String]
  var testDescription: String { name }
  init(_ name: String, _ old: String, _ new: String, _ parts: String...) {
    (self.name, changes, self.parts) = (name, [(old, new)], parts)
  }
  init(_ name: String, _ changes: [(String, String)], _ parts: String...) {
    (self.name, self.changes, self.parts) = (name, changes.map { ($0.0, $0.1) }, parts)
  }
}

@Suite("Device files")
struct DeviceFileTests {
  static let mistakes: [DeviceMistake] = [
    .init("unknown unit", bandwidth, "bandwidth: { value: 3350 ‸GBs, kind: quoted,", "did you mean 'GB/s'?"),
    .init(
      "per-second slip", bandwidth, "bandwidth: { value: 3350 ‸GBps, kind: quoted,", "did you mean 'GB/s'?"),
    .init(
      "quoted amount", bandwidth, "bandwidth: { value: \"3350 ‸GBs\", kind: quoted,", "unknown unit 'GBs'"),
    .init(
      "foreign unit", bandwidth, "bandwidth: { value: 3350 ‸GB, kind: quoted,", "bytes per second are due"),
    .init("bare number", bandwidth, "bandwidth: { value: ‸3350, kind: quoted,", "has no unit"),
    .init("unit on a count", "count: { value: 132,", "count: { value: 132 ‸clk,", "plain counts are due"),
    .init("no number", bandwidth, "bandwidth: { value: ‸fast, kind: quoted,", "'fast' is not a number"),
    .init(
      "hexadecimal", bandwidth, "bandwidth: { value: 0‸x10 TB/s, kind: quoted,", "unknown unit 'x10 TB/s'"),
    .init("negative", bandwidth, "bandwidth: { value: ‸-3 TB/s, kind: quoted,", "must be greater than zero"),
    .init("zero", bandwidth, "bandwidth: { value: ‸0 TB/s, kind: quoted,", "must be greater than zero"),
    .init("not whole", "count: { value: 132,", "count: { value: ‸132.5,", "must be a whole number"),
    .init(
      "beyond the model", bandwidth, "bandwidth: { value: ‸1e30 TB/s, kind: quoted,",
      "outside what the model computes"),
    .init(
      "unknown kind", "kind: measured, source: \"validation/power_h100.csv, idle",
      "kind: ‸mesured, source: \"validation/power_h100.csv, idle", "did you mean 'measured'?"),
    .init(
      "derived without a formula",
      "l2Byte:\n    { value: 30.2 pJ, kind: measured, source: \"validation/power_h100.csv, l2_read_24MiB\",\n      note: \"(444.8 - 115.5) W / 1.091e13 B/s\" }",
      "‸l2Byte:\n    { value: 30.2 pJ, kind: derived, source: \"x\" }", "has no note"),
    .init(
      "fitted without data", "idle: { value: 115.5 W, kind: measured,",
      "idle: { value: 115.5 W, kind: ‸fitted,", "without its fit data"),
    .init(
      "fit on a measured number", "idle: { value: 115.5 W,",
      "idle: { value: 115.5 W, ‸fit: { data: x, residual: 0.1, date: 2026-11-21 },",
      "only kind fitted has a fit"),
    .init(
      "wrong date", "idle: { value: 115.5 W, kind: measured,",
      "idle: { value: 115.5 W, kind: fitted, fit: { data: x, residual: 0.1, date: ‸21.11.2026 },",
      "is not a date"),
    .init(
      "scalar for a number",
      "limit: { value: 700 W, kind: quoted, source: \"NVIDIA H100 data sheet, SXM5 column\" }",
      "limit: ‸700 W", "needs its value, kind and source"),
    .init("another id", "id: h100-sxm5", "id: ‸h100", "differs from the name of its file"),
    .init("unknown device kind", "kind: gpu", "kind: ‸gpus", "did you mean 'gpu'?"),
    .init(
      "cache smaller than shared memory", "capacity: { value: 50 MiB,", "capacity: { value: ‸50 KiB,",
      "smaller than shared memory"),
    .init(
      "idle above the limit", "idle: { value: 115.5 W,", "idle: { value: ‸900 W,", "idle power leaves nothing"
    ),
    .init(
      "several, in file order",
      [
        (bandwidth, "bandwidth: { value: 3350 ‸GBs, kind: quoted,"),
        ("idle: { value: 115.5 W,", "idle: { value: ‸900 W,"),
        ("count: { value: 132,", "count: { value: ‸-1,"),
      ],
      "idle power", "whole number", "GB/s"),
  ]

  @Test("Each mistake is reported where it stands", arguments: mistakes)
  func place(mistake: DeviceMistake) throws {
    let marked = try h100(mistake.changes)
    check(
      diagnostics { () throws(InputError) in
        try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: marked.text))
      },
      at: marked.places, saying: mistake.parts)
  }

  @Test("A misspelt key is unknown, and the right one missing")
  func misspelt() throws {
    let marked = try h100([("power:\n", "‸power:\n"), ("  idle: {", "  ‸idel: {")])
    check(
      diagnostics { () throws(InputError) in
        try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: marked.text))
      },
      at: marked.places, saying: ["missing key 'idle' in 'power'", "did you mean 'idle'?"])
  }

  @Test("A duplicate key is reported at its second place, and the rest is read on")
  func duplicates() throws {
    let marked = try h100([
      ("  idle: {", "  ‸limit: { value: 1 W, kind: quoted, source: \"x\" }\n  idle: {"),
      ("count: { value: 132,", "count: { value: 132, ‸value: 131,"),
      (bandwidth, "bandwidth: { value: 3350 ‸GBs, kind: quoted,"),
    ])
    check(
      diagnostics { () throws(InputError) in
        try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: marked.text))
      },
      at: marked.places,
      saying: ["'limit' is already set", "'value' is already set", "did you mean 'GB/s'?"])
  }

  @Test("The printed form has the place, the line, a caret and the hint")
  func printed() throws {
    let marked = try h100([(bandwidth, "bandwidth: { value: 3350 ‸GBs, kind: quoted,")])
    let found = diagnostics { () throws(InputError) in
      try DeviceFile.read(SourceText(name: "hardware/h100-sxm5.yaml", text: marked.text))
    }
    let line = try #require(marked.places.first).line
    #expect(
      found.first?.description == """
        hardware/h100-sxm5.yaml:\(line):28: error: unknown unit 'GBs' in '3350 GBs'
          \(line) |   bandwidth: { value: 3350 GBs, kind: quoted, source: "NVIDIA H100 data sheet, SXM5 column" }
              |                            ^ did you mean 'GB/s'?
        """)
  }

  @Test("Numbers are read in their units, with their sources")
  func values() throws {
    let device = try DeviceFile.load("\(checkout)/hardware/h100-sxm5.yaml")
    #expect(device.dram.bandwidth.value == 3.35e12)
    #expect(device.shared.capacity.value == 228 * 1024)
    #expect(device.power.tensorFlop.value == 0.96e-12)
    #expect(device.asyncTensor?.rate16.value == 4096)
    #expect(device.tensorMemory == nil)
    #expect(device.provenance["dram.bandwidth"]?.kind == .quoted)
    let present = DeviceField.all.filter { $0.value(on: device) != nil }
    #expect(Set(device.provenance.keys) == Set(present.map(\.path)))
  }

  @Test("Every device in hardware/ loads", arguments: library.ids())
  func repository(id: String) throws {
    let found = diagnostics { () throws(InputError) in try library.device(id) }
    #expect(found.isEmpty, "\(InputError(found))")
  }

  @Test("An unknown device is answered with the nearest")
  func unknown() {
    let found = diagnostics { () throws(InputError) in try library.device("h100-sxm") }
    #expect(found.first?.hint == "did you mean 'h100-sxm5'?")
  }
}

@Suite("Replacing numbers in device files")
struct DeviceFileEditorTests {
  private func edited(_ text: String, _ path: String, _ value: Double) throws -> String {
    let fit = Provenance.Fit(data: "counters_h100.csv, fa_cute fwd", residual: 0.0312345, date: "2026-11-21")
    let provenance = Provenance(kind: .fitted, source: "attnsim calibrate", note: "was 30", fit: fit)
    return try DeviceFileEditor.replacing(
      [.init(path: path, value: value, provenance: provenance)],
      in: SourceText(name: "h100-sxm5.yaml", text: text))
  }

  @Test(
    "One number changes, in its own unit; every other line stays",
    arguments: ["sync.namedBarrier", "l2.bandwidth", "power.exp"])
  func replaces(path: String) throws {
    let before = try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text
    let field = try #require(DeviceField.at(path))
    let old = try #require(field.value(on: DeviceFile.load("\(checkout)/hardware/h100-sxm5.yaml")))
    let after = try edited(before, path, old * 1.25)
    let device = try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: after))
    let new = try #require(field.value(on: device))
    #expect(abs(new / old - 1.25) < 1e-5)
    #expect(device.provenance[path]?.kind == .fitted)
    #expect(device.provenance[path]?.fit?.residual == 0.0312345)
    let kept = Set(after.split(separator: "\n"))
    let lost = before.split(separator: "\n").filter { !kept.contains($0) }
    #expect(lost.count <= 3, "\(lost)")
    #expect(
      before.split(separator: "\n").filter { $0.hasPrefix("#") }
        == after.split(separator: "\n").filter { $0.hasPrefix("#") })
  }

  @Test("A number written as a block stays one, and its comments stay")
  func block() throws {
    let before = try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text.replacing(
      "  idle: { value: 115.5 W, kind: measured, source: \"validation/power_h100.csv, idle at 1980 MHz\" }",
      with: "  idle: # the meter's\n    value: 115.5 W\n    kind: measured\n    source: x\n  # next")
    let after = try edited(before, "power.idle", 100)
    #expect(after.contains("  idle: # the meter's\n    value: 100 W\n    kind: fitted\n"))
    #expect(after.contains("date: 2026-11-21 }\n  # next\n"))
  }
}
