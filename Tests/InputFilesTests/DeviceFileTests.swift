import HWModels
import InputFiles
import Testing

private func read(_ text: String) throws(InputError) -> Device {
  try DeviceFile.read(SourceText(name: "hardware/test-chip.yaml", text: text))
}

struct DeviceMistake: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var changes: [(path: String, line: String)]
  var parts: [String]

  /// A number's amount written as `value`.
  init(_ name: String, _ path: String, value: String, saying part: String) {
    let key = path.split(separator: ".").last.map(String.init) ?? ""
    self.init(name, path, line: "  \(key): { value: \(value), kind: quoted, source: x }", saying: part)
  }

  /// A line written as `line`.
  init(_ name: String, _ path: String, line: String, saying parts: String...) {
    (testDescription, changes, self.parts) = (name, [(path, line)], parts)
  }

  init(_ name: String, _ changes: [(path: String, line: String)], saying parts: String...) {
    (testDescription, self.changes, self.parts) = (name, changes, parts)
  }
}

@Suite("Device files")
struct DeviceFileTests {
  static let mistakes: [DeviceMistake] = [
    .init("unknown unit", "dram.bandwidth", value: "3350 ‸GBs", saying: "did you mean 'GB/s'?"),
    .init("per-second slip", "dram.bandwidth", value: "3350 ‸GBps", saying: "did you mean 'GB/s'?"),
    .init("quoted amount", "dram.bandwidth", value: "\"3350 ‸GBs\"", saying: "unknown unit 'GBs'"),
    .init("foreign unit", "dram.bandwidth", value: "3350 ‸GB", saying: "bytes per second are due"),
    .init("bare number", "dram.bandwidth", value: "‸3350", saying: "has no unit"),
    .init("unit on a count", "cores.count", value: "132 ‸clk", saying: "plain counts are due"),
    .init("no number", "dram.bandwidth", value: "‸fast", saying: "'fast' is not a number"),
    .init("hexadecimal", "dram.bandwidth", value: "0‸x10 TB/s", saying: "unknown unit 'x10 TB/s'"),
    .init("negative", "dram.bandwidth", value: "‸-3 TB/s", saying: "must be greater than zero"),
    .init("zero", "dram.bandwidth", value: "‸0 TB/s", saying: "must be greater than zero"),
    .init("not whole", "cores.count", value: "‸132.5", saying: "must be a whole number"),
    .init(
      "beyond the model", "dram.bandwidth", value: "‸1e30 TB/s", saying: "outside what the model computes"),
    .init(
      "no value", "dram.bandwidth", line: "  bandwidth: { ‸value: , kind: quoted, source: x }",
      saying: "has no value"),
    .init(
      "unknown key in a number", "power.idle", line: "  ‸idle: { value: 1 W, kind: quoted, ‸sauce: x }",
      saying: "missing key 'source' in 'power.idle'", "did you mean 'source'?"),
    .init(
      "unknown kind", "power.idle", line: "  idle: { value: 1 W, kind: ‸mesured, source: x }",
      saying: "did you mean 'measured'?"),
    .init(
      "derived without a formula", "power.idle", line: "  ‸idle: { value: 1 W, kind: derived, source: x }",
      saying: "has no note"),
    .init(
      "fitted without data", "power.idle", line: "  idle: { value: 1 W, kind: ‸fitted, source: x }",
      saying: "without its fit data"),
    .init(
      "fit on a measured number", "power.idle",
      line:
        "  idle: { value: 1 W, kind: measured, source: x, ‸fit: { data: x, residual: 0.1, date: 2026-11-21 } }",
      saying: "only kind fitted has a fit"),
    .init(
      "wrong date", "power.idle",
      line:
        "  idle: { value: 1 W, kind: fitted, source: x, fit: { data: x, residual: 0.1, date: ‸21.11.2026 } }",
      saying: "is not a date"),
    .init(
      "scalar for a number", "power.idle", line: "  idle: ‸100 W", saying: "needs its value, kind and source"),
    .init("another id", "id", line: "id: ‸chip", saying: "differs from the name of its file"),
    .init("unknown device kind", "kind", line: "kind: ‸gpus", saying: "did you mean 'gpu'?"),
    .init("small cache", "l2.capacity", value: "‸50 KiB", saying: "smaller than shared memory"),
    .init("idle above the limit", "power.idle", value: "‸900 W", saying: "idle power leaves nothing"),
    .init(
      "a misspelt key is unknown, and the right one missing",
      [("power", "‸power:"), ("power.idle", "  ‸idel: { value: 1 W, kind: quoted, source: x }")],
      saying: "missing key 'idle' in 'power'", "did you mean 'idle'?"),
    .init(
      "duplicate keys, and what follows them",
      [
        (
          "power.idle",
          "  idle: { value: 1 W, kind: quoted, source: x }\n  ‸idle: { value: 2 W, kind: quoted, source: x }"
        ),
        ("cores.count", "  count: { value: 132, kind: quoted, ‸value: 131, source: x }"),
        ("dram.bandwidth", "  bandwidth: { value: 3350 ‸GBs, kind: quoted, source: x }"),
      ], saying: "'idle' is already set", "'value' is already set", "did you mean 'GB/s'?"),
    .init(
      "several, in file order",
      [
        ("dram.bandwidth", "  bandwidth: { value: 3350 ‸GBs, kind: quoted, source: x }"),
        ("power.idle", "  idle: { value: ‸900 W, kind: quoted, source: x }"),
        ("cores.count", "  count: { value: ‸-1, kind: quoted, source: x }"),
      ], saying: "idle power leaves nothing", "whole number", "did you mean 'GB/s'?"),
  ]

  @Test("Each mistake is reported where it stands", arguments: mistakes)
  func place(mistake: DeviceMistake) {
    let marked = Marked(DeviceText(mistake.changes).text)
    check(
      diagnostics { () throws(InputError) in try read(marked.text) }, at: marked.places, saying: mistake.parts
    )
  }

  @Test("The printed form has the place, the line, a caret and the hint")
  func printed() throws {
    let text = DeviceText([("clock.maximum", "  maximum: { value: 1980 mhz, kind: quoted, source: x }")]).text
    let found = diagnostics { () throws(InputError) in try read(text) }
    #expect(
      found.map(\.description) == [
        """
        hardware/test-chip.yaml:5:26: error: unknown unit 'mhz' in '1980 mhz'
            5 |   maximum: { value: 1980 mhz, kind: quoted, source: x }
              |                          ^ did you mean 'MHz'?
        """
      ])
  }

  @Test("Numbers are read in their units, with their sources")
  func values() throws {
    let device = try read(DeviceText().text)
    #expect(device.dram.bandwidth.value == 3.35e12)
    #expect(device.shared.capacity.value == 228 * 1024)
    #expect(device.power.tensorFlop.value == 0.96e-12)
    #expect(device.asyncTensor?.rate16.value == 4096)
    #expect(device.tensorMemory == nil)
    #expect(device.provenance["dram.bandwidth"] == Provenance(kind: .measured, source: "bench"))
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
      in: SourceText(name: "hardware/h100-sxm5.yaml", text: text))
  }

  @Test(
    "One number changes, in its own unit; every other line stays",
    arguments: ["sync.namedBarrier", "l2.bandwidth", "power.exp", "cores.count"])
  func replaces(path: String) throws {
    let before = try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text
    let field = try #require(DeviceField.at(path))
    let old = try #require(field.value(on: library.device("h100-sxm5")))
    let after = try edited(before, path, old * 1.25)
    let device = try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: after))
    let new = try #require(field.value(on: device))
    #expect(abs(new / old - 1.25) < 1e-5)
    #expect(device.provenance[path]?.kind == .fitted)
    #expect(device.provenance[path]?.fit?.residual == 0.0312345)
    let kept = Set(after.split(separator: "\n"))
    let lost = before.split(separator: "\n").filter { !kept.contains($0) }
    #expect(lost.count <= 3, "\(lost)")
    func comments(_ text: String) -> [Substring] { text.split(separator: "\n").filter { $0.hasPrefix("#") } }
    #expect(comments(before) == comments(after))
  }

  @Test("A number written as a block stays one, and its comments stay")
  func block() throws {
    let line = "  idle: # the meter's\n    value: 115.5 W\n    kind: measured\n    source: x\n  # next"
    let before = DeviceText([("power.idle", line), ("id", "id: h100-sxm5")]).text
    let after = try edited(before, "power.idle", 100)
    #expect(after.contains("  idle: # the meter's\n    value: 100 W\n    kind: fitted\n"))
    #expect(after.contains("date: 2026-11-21 }\n  # next\n"))
  }
}
