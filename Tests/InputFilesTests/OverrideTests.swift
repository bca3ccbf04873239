import HWModels
import InputFiles
import Results
import Simulator
import Testing

@Suite("Changes of a device")
struct OverrideTests {
  static let mistakes: [(argument: String, part: String)] = [
    ("‸dram.bandwith=3 TB/s", "did you mean 'dram.bandwidth'?"),
    ("‸bandwidth=3 TB/s", "did you mean shared.bandwidth or l2.bandwidth or dram.bandwidth?"),
    ("‸speed.of.light=3 TB/s", "a path begins with clock, power"),
    ("‸dram=3 TB/s", "dram.capacity, dram.bandwidth"),
    ("‸dram.bandwidth", "has no '='"),
    ("dram.bandwidth=‸3", "has no unit"),
    ("dram.bandwidth=3 ‸GBs", "did you mean 'GB/s'?"),
    ("dram.bandwidth=‸-3 GB/s", "must be greater than zero"),
    ("dram.bandwidth=‸", "is not a number"),
    ("vector.exp=‸x", "is not a factor"),
    ("vector.exp=‸x-2", "is not a factor"),
    ("vector.exp=‸xnan", "is not a factor"),
    ("cores.count=‸13.5", "must be a whole number"),
    ("cores.count=‸1e300", "must be a whole number"),
    ("tensorMemory.columns=‸512", "h100-sxm5 has no tensorMemory"),
    ("power.idle=‸800 W", "idle power leaves nothing"),
    ("power.idle=‸x50", "idle power leaves nothing"),
  ]

  @Test("A change that cannot be is reported inside the argument", arguments: mistakes)
  func place(argument: String, part: String) throws {
    let marked = Marked(argument)
    let device = try library.device("h100-sxm5")
    let found = diagnostics { () throws(InputError) in
      var changed = device
      try DeviceOverride.apply([DeviceOverride(argument: marked.text)], to: &changed)
    }
    check(found, at: marked.places, saying: [part])
    #expect(found.first?.location?.file == "--set")
    #expect(found.first?.sourceLine == marked.text)
  }

  /// Numbers of other kinds of machine, each with what the device has instead.
  static let foreign: [(device: String, argument: String, part: String)] = [
    ("fusemax-cloud", "‸dram.bandwidth=4 TB/s", "there are: clock.maximum, spatial.rows"),
    ("fusemax-cloud", "‸cores.count=4", "unknown key 'cores.count'"),
    ("fusemax-cloud", "‸vector.exp=x2", "a device of kind 'spatial'"),
    ("fusemax-cloud", "‸power.limit=x2", "unknown key 'power.limit'"),
    ("fusemax-cloud", "‸fpga.dsp=x2", "unknown key 'fpga.dsp'"),
    ("fusemax-cloud", "‸clock.nominal=x2", "unknown key 'clock.nominal'"),
    ("zcu102", "‸dram.bandwidth=x2", "fpga.ddrBandwidth"),
    ("streaming-dam", "‸dram.bandwidth=x2", "streaming.nodes"),
    ("h100-sxm5", "‸spatial.rows=x2", "a device of kind 'gpu'"),
  ]

  @Test("What a kind of machine does not have is refused, not ignored", arguments: foreign.indices)
  func refuses(index: Int) throws {
    let (id, argument, part) = Self.foreign[index]
    let marked = Marked(argument)
    let device = try library.device(id)
    let found = diagnostics { () throws(InputError) in
      var changed = device
      try DeviceOverride.apply([DeviceOverride(argument: marked.text)], to: &changed)
    }
    check(found, at: marked.places, saying: [part])
  }

  @Test(
    "All that a kind has can be changed",
    arguments: ["h100-sxm5", "fusemax-cloud", "zcu102", "streaming-dam"])
  func own(id: String) throws {
    let device = try library.device(id)
    for field in DeviceField.all {
      guard device.kind.has(field), field.value(on: device) != nil else { continue }
      var changed = device
      try DeviceOverride.apply([DeviceOverride(argument: "\(field.path)=x1")], to: &changed)
      #expect(field.value(on: changed) == field.value(on: device))
    }
  }

  @Test("Amounts and factors; the provenance says what-if")
  func changes() throws {
    var device = try library.device("h100-sxm5")
    try DeviceOverride.apply(
      [
        DeviceOverride(argument: "dram.bandwidth=4.8 TB/s"), DeviceOverride(argument: "vector.exp = x1.5"),
        DeviceOverride(argument: "l2.effectiveShare=70 %"), DeviceOverride(argument: "cores.count=66"),
      ], to: &device)
    #expect(device.dram.bandwidth.value == 4.8e12)
    #expect(device.vector.exp.value == 24)
    #expect(abs(device.l2.effectiveShare.value - 0.7) < 1e-12)
    #expect(device.cores.count.value == 66)
    #expect(
      device.provenance["vector.exp"] == Provenance(kind: .assumed, source: "what-if", note: "set to x1.5"))
  }

  @Test("Changes that are only right together are judged together")
  func together() throws {
    var device = try library.device("h100-sxm5")
    try DeviceOverride.apply(
      [DeviceOverride(argument: "power.limit=400 W"), DeviceOverride(argument: "power.idle=90 W")],
      to: &device)
    #expect(device.power.limit.value == 400)
  }

  @Test("Clock modes in text")
  func modes() throws {
    #expect(try ClockMode(argument: "burst") == .burst)
    #expect(try ClockMode(argument: "locked:1755 MHz") == .locked(Frequency(1.755e9)))
    check(
      diagnostics { () throws(InputError) in try ClockMode(argument: "locked:1755") },
      at: [.init(line: 1, column: 8)], saying: ["has no unit"])
    check(
      diagnostics { () throws(InputError) in try ClockMode(argument: "sustaned") },
      at: [.init(line: 1, column: 1)],
      saying: ["did you mean 'sustained'?"])
  }
}
