import Attention
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

private let plain = """
  device: h100-sxm5
  schedule: fa3
  shape:
    batch: 4
    heads: 16
    seq: 4k
    head-dim: 128

  """

private func read(_ text: String) throws(InputError) -> Scenario {
  try ScenarioFile.read(SourceText(name: "question.yaml", text: text), devices: library)
}

struct ScenarioMistake: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// Added to, or replaced in, the plain scenario.
  var text: String
  var parts: [String]
  init(_ name: String, _ text: String, _ parts: String...) {
    (testDescription, self.text, self.parts) = (name, text, parts)
  }
  init(_ name: String, _ old: String, _ new: String, saying parts: String...) {
    (testDescription, text, self.parts) = (name, plain.replacing(old, with: new), parts)
  }
}

@Suite("Scenario files")
struct ScenarioFileTests {
  static let mistakes: [ScenarioMistake] = [
    .init("unknown device", "h100-sxm5", "‸h100", saying: "unknown device 'h100'"),
    .init("unknown schedule", "schedule: fa3", "schedule: ‸fa33", saying: "did you mean 'fa3'?"),
    .init(
      "unknown parameter", "schedule: fa3", "schedule: { name: fa3, parameters: { ‸biuld: cute } }",
      saying: "did you mean 'build'?"),
    .init(
      "wrong parameter", "schedule: fa3", "schedule: { name: fa3, parameters: { build: ‸rust } }",
      saying: "is not one of cute, cpp"),
    .init(
      "missing schedule", "device: h100-sxm5\nschedule: fa3", "‸device: h100-sxm5",
      saying: "missing key 'schedule'"),
    .init("missing length", "shape:\n  batch: 4", "‸shape:", saying: "missing key 'batch' in 'shape'"),
    .init("zero head dim", "head-dim: 128", "head-dim: ‸0", saying: "between 1 and"),
    .init("huge sequence", "seq: 4k", "seq: ‸1099511627776", saying: "between 1 and"),
    .init("overflow", "seq: 4k", "seq: ‸99999999999999999999", saying: "too large"),
    .init("no number", "seq: 4k", "seq: ‸long", saying: "16k is 16384"),
    .init("a decimal", "seq: 4k", "seq: ‸4.5", saying: "not a whole number"),
    .init("sexagesimal is text", "seq: 4k", "seq: ‸1:30", saying: "not a whole number"),
    .init("heads that do not divide", "heads: 16", "heads: 16\n  kv-heads: ‸5", saying: "do not divide"),
    .init("too many pairs", "seq: 4k", "seq: ‸200M\n  seq-kv: 200M", saying: "more than 10^17"),
    .init(
      "unknown mask", "head-dim: 128", "head-dim: 128\n  mask: ‸casual", saying: "did you mean 'causal'?"),
    .init("unknown type", "head-dim: 128", "head-dim: 128\n  dtype: ‸bf61", saying: "did you mean 'bf16'?"),
    .init(
      "a prefix longer than its sequences", "head-dim: 128", "head-dim: 128\n  shared-prefix: ‸5k",
      saying: "between 0 and 4096"),
    .init(
      "a prefix of less than nothing", "head-dim: 128", "head-dim: 128\n  shared-prefix: ‸-1",
      saying: "between 0"),
    .init("a list for a number", "heads: 16", "heads: ‸[16, 32]", saying: "is a list where"),
    .init("no value", "heads: 16", "‸heads:", saying: "has no value"),
    .init("unknown key", plain + "‸mod: burst\n", "did you mean 'mode'?"),
    .init("unknown mode", plain + "mode: ‸bursty\n", "did you mean 'burst'?"),
    .init("clock without unit", plain + "mode: { locked: ‸1755 }\n", "has no unit"),
    .init("clock above the highest", "‸" + plain + "mode: { locked: 3 GHz }\n", "above the highest"),
    .init("unknown number", plain + "set:\n  ‸vector.exq: x2\n", "did you mean 'vector.exp'?"),
    .init("wrong unit", plain + "set:\n  dram.bandwidth: 5 ‸GBs\n", "did you mean 'GB/s'?"),
    .init("impossible change", plain + "set:\n  power.idle: ‸x50\n", "idle power leaves nothing"),
    .init(
      "a change of another kind of machine", "device: h100-sxm5\nschedule: fa3\n",
      "device: fusemax-cloud\nschedule: flat\nset:\n  ‸dram.bandwidth: 4 TB/s\n",
      saying: "unknown key 'dram.bandwidth': fusemax-cloud is a device of kind 'spatial'"),
    .init(
      "an axis of another kind of machine", "device: h100-sxm5\nschedule: fa3\n",
      "device: zcu102\nschedule: ubimoe\naxes:\n  ‸device.cores.count: [8, 16]\n",
      saying: "unknown key 'cores.count': zcu102 is a device of kind 'fpga'"),
    .init("unknown axis", plain + "axes:\n  ‸sequence: [1k]\n", "unknown axis 'sequence'"),
    .init(
      "unknown device axis", plain + "axes:\n  ‸device.vector.exq: [x1]\n",
      "did you mean 'device.vector.exp'?"),
    .init(
      "set and varied", "seq: 4k\n  head-dim: 128\n", "‸seq: 4k\n  head-dim: 128\naxes:\n  seq: [1k, 2k]\n",
      saying: "is set here and is an axis too"),
    .init("no values", plain + "axes:\n  mask: ‸[]\n", "the axis has no values"),
    .init("endless range", plain + "axes:\n  seq-kv: { from: 1k, to: 4k, factor: ‸1 }\n", "would never end"),
    .init(
      "step and factor", plain + "axes:\n  ‸seq-kv: { from: 1k, to: 4k, factor: 2, step: 1k }\n",
      "either a step or a factor"),
    .init(
      "backward range", plain + "axes:\n  seq-kv: { from: ‸4k, to: 1k, factor: 2 }\n", "begins above its end"),
    .init(
      "uneven rows", plain + "axes:\n  seq-kv, head-dim-v:\n    - [1k, 64]\n    - ‸[2k]\n", "2 values are due"
    ),
    .init(
      "value of an axis", plain + "axes:\n  mask: [none, ‸casual]\n  dtype: [‸bf61]\n", "'causal'", "'bf16'"),
    .init(
      "too many points",
      plain
        + "‸axes:\n  seq-kv: { from: 1, to: 99999, step: 1 }\n  head-dim-v: { from: 1, to: 4096, step: 1 }\n  kv-heads: [1, 2, 4, 8, 16]\n",
      "more than 1000000000 points"),
  ]

  @Test("Each mistake is reported where it stands", arguments: mistakes)
  func place(mistake: ScenarioMistake) {
    let marked = Marked(mistake.text)
    check(
      diagnostics { () throws(InputError) in try read(marked.text) }, at: marked.places, saying: mistake.parts
    )
  }

  @Test("What is left out has defaults")
  func defaults() throws {
    let scenario = try read(plain)
    let request = try scenario.request(0)
    #expect(scenario.count == 1)
    #expect(scenario.name == "question")
    #expect(request.shape == (try AttentionShape(batch: 4, headsQ: 16, seqQ: 4096, headDim: 128)))
    #expect(request.mode == .sustained)
    #expect(request.overrides.isEmpty)
  }

  @Test("The product of the axes, in the order written, the last fastest")
  func product() throws {
    let scenario = try read(
      plain.replacing("  seq: 4k\n", with: "") + """
        set:
          dram.bandwidth: x2
        axes:
          mask: [none, causal]
          seq: { from: 1k, to: 4k, factor: 2 }
          device.vector.exp: { from: x1, to: x2, step: 0.5 }
        """)
    #expect(scenario.count == 18)
    let labels = (0..<scenario.count).map { index in
      scenario.values(at: index).map(\.value).joined(separator: " ")
    }
    #expect(labels.prefix(4) == ["none 1024 x1", "none 1024 x1.5", "none 1024 x2", "none 2048 x1"])
    #expect(labels.last == "causal 4096 x2")
    let request = try scenario.request(16)
    #expect(request.shape.mask == .causal && request.shape.seqQ == 4096)
    #expect(request.device.vector.exp.value == 24)
    #expect(request.device.dram.bandwidth.value == 6.7e12)
    #expect(request.overrides.map(\.path) == ["dram.bandwidth", "vector.exp"])
    #expect(request.overrides.map(\.value) == ["x2", "x1.5"])
  }

  @Test("Several devices are the slowest axis; schedules bring their parameters")
  func devices() throws {
    let scenario = try read(
      plain.replacing("device: h100-sxm5\nschedule: fa3\n", with: "device: [a100-sxm4-80, h100-sxm5]\n") + """
        axes:
          schedule: [fa2, { name: fa3, parameters: { build: cpp } }]
          mode: [burst, "locked:1 GHz"]
        """)
    #expect(scenario.axes.map(\.name) == ["device", "schedule", "mode"])
    let last = try scenario.request(7)
    #expect(last.device.id == "h100-sxm5" && last.schedule == "fa3")
    #expect(last.parameters.values == ["build": "cpp"])
    #expect(last.mode == .locked(Frequency(1e9)))
    #expect(try scenario.request(0).parameters.values.isEmpty)
  }

  @Test("A point that cannot be asked says why, and the others can")
  func points() throws {
    let scenario = try read(plain + "axes:\n  kv-heads: [16, 5, 8]\n")
    #expect(try scenario.request(0).shape.headsKV == 16)
    #expect(throws: Scenario.PointError.self) { try scenario.request(1) }
    #expect(try scenario.request(2).shape.headsKV == 8)
  }

  @Test(
    "Every scenario in scenarios/ loads",
    arguments: [
      "fa3-h100", "fa2-a100", "fa2-h100", "fa3-causal-gqa", "sweep-seq", "exp-throughput",
    ])
  func repository(name: String) throws {
    let found = diagnostics { () throws(InputError) in
      try ScenarioFile.load("\(checkout)/scenarios/\(name).yaml", devices: library)
    }
    #expect(found.isEmpty, "\(InputError(found))")
  }
}

@Suite("Schemas")
struct SchemaTests {
  @Test("Every number of a device, and every field of a shape, is in its schema")
  func complete() {
    for field in DeviceField.all {
      let name = field.path.split(separator: ".").last.map(String.init) ?? ""
      #expect(FileSchema.device.contains("\"\(name)\": {"))
      #expect(FileSchema.scenario.contains("\"device.\(field.path)\": {"))
    }
    for field in ShapeField.allCases { #expect(FileSchema.scenario.contains("\"\(field.rawValue)\": {")) }
    #expect(FileSchema.device.contains("https://json-schema.org/draft/2020-12/schema"))
  }
}
