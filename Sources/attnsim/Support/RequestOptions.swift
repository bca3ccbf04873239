import ArgumentParser
import HWModels
import InputFiles
import Programs
import Reports
import Results

/// Where devices are found.
struct LibraryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder of device files, instead of $ATTNSIM_HARDWARE, ./hardware and the checkout's own.",
      valueName: "dir"))
  var hardware: String?

  var library: DeviceLibrary { DeviceLibrary.standard(hardware: hardware) }

  /// Hash of the text of a device's file.
  func deviceFileHash(of id: String) -> String? {
    guard let path = library.path(of: id), let text = try? SourceText.load(path) else { return nil }
    return ContentHash.hex(text.text)
  }
}

/// Flags of a call whose lengths and mask are told another way, or not yet.
struct CallOptions: ParsableArguments {
  @Option(help: "Device by its id, or a path to its file.") var device: String?
  @Option(help: "Schedule: the kernel.") var schedule: String?
  @Option(
    name: .customLong("param"), help: ArgumentHelp("Parameter of the schedule.", valueName: "name=value"))
  var parameters: [String] = []
  @Option(help: "Independent sequences.") var batch: String?
  @Option(help: "Query heads.") var heads: String?
  @Option(name: .customLong("kv-heads"), help: "Key-value heads (default: heads).") var headsKV: String?
  @Option(name: .customLong("head-dim"), help: "Elements of a query or key.") var headDim: String?
  @Option(name: .customLong("head-dim-v"), help: "Elements of a value (default: head-dim).") var headDimV:
    String?
  @Option(help: "bf16, fp16, fp8 or fp32.") var dtype: String?
  @Option(help: "sustained, burst or locked:CLOCK.") var mode: String?
  @Option(help: ArgumentHelp("A clock that you give, for example '1755 MHz'.", valueName: "clock")) var clock:
    String?
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Change of a device number: 'dram.bandwidth=4.8 TB/s', 'vector.exp=x2'.", valueName: "path=value"))
  var set: [String] = []
  @OptionGroup var library: LibraryOptions

  var flags: ScenarioFlags {
    var flags = ScenarioFlags()
    (flags.device, flags.schedule, flags.parameters) = (device, schedule, parameters)
    (flags.mode, flags.clock, flags.set) = (mode, clock, set)
    let shape = [
      "batch": batch, "heads": heads, "kv-heads": headsKV, "head-dim": headDim, "head-dim-v": headDimV,
      "dtype": dtype,
    ]
    flags.shape = shape.compactMapValues { $0 }
    return flags
  }
}

/// Flags that ask one question, on their own or over a scenario file.
struct RequestOptions: ParsableArguments {
  @OptionGroup var call: CallOptions
  @Option(help: "Queries of a sequence; 4k is 4096.") var seq: String?
  @Option(name: .customLong("seq-kv"), help: "Keys of a sequence (default: seq).") var seqKV: String?
  @Option(
    help: ArgumentHelp(
      "Keys of each sequence: 8k,4096,6x1024; queries over keys: 32x1/4k,2048/2048; uniform:LOW-HIGH:n=COUNT:seed=S or lognormal:MEDIAN:sigma=S:n=COUNT, with q=QUERIES or q=LOW-HIGH.",
      valueName: "list"))
  var lengths: String?
  @Option(
    name: .customLong("shared-prefix"),
    help: "Leading keys that all sequences share (default: 0); 4k is 4096.")
  var sharedPrefix: String?
  @Option(
    help: ArgumentHelp(
      "\(MaskGrammar.forms). 'attnsim schedules' says which a schedule takes.", valueName: "mask"))
  var mask: String?
  @Option(help: "fwd or bwd.") var pass: String?
  @Option(help: ArgumentHelp("Which point of a scenario with axes, from 0.", valueName: "n")) var point: Int?

  var library: LibraryOptions { call.library }

  var flags: ScenarioFlags {
    var flags = call.flags
    let own = [
      "seq": seq, "seq-kv": seqKV, "lengths": lengths, "shared-prefix": sharedPrefix, "mask": mask,
      "pass": pass,
    ].compactMapValues { $0 }
    flags.shape.merge(own) { _, own in own }
    return flags
  }

  /// The scenario of a file, of the flags, or of both.
  func scenario(file: String?) throws -> Scenario {
    let library = library.library
    let base = try file.map { path throws(InputError) in try ScenarioFile.load(path, devices: library) }
    let flags = flags
    if let base, flags.isEmpty, flags.set.isEmpty { return base }
    return try flags.scenario(over: base, devices: library)
  }

  /// The one request that is asked.
  ///
  /// - Throws: `Failure` where the scenario has axes and no point is named.
  func request(file: String?) throws -> SimulationRequest {
    let scenario = try scenario(file: file)
    if let point {
      guard (0..<scenario.count).contains(point) else {
        throw Failure(.usage, "error: --point \(point): the scenario has points 0 to \(scenario.count - 1)")
      }
      return try scenario.request(point)
    }
    guard scenario.count == 1 else {
      throw Failure(
        .usage,
        "error: \(file ?? "the scenario") has \(scenario.count) points; sweep it, or take one with --point N")
    }
    return try scenario.request(0)
  }

  /// What a schedule refuses at its place in the scenario, where no flag asks for it; any other error as it is.
  func located(_ error: SimulationError, in scenario: String?) -> any Error {
    guard case .schedule(let refusal) = error, let scenario, flags.isEmpty, flags.set.isEmpty, point == nil,
      let diagnostic = ScenarioFile.diagnostic(of: refusal, in: scenario)
    else { return error }
    return InputError(diagnostic)
  }
}
