import ArgumentParser
import Attention
import HWModels
import InputFiles
import Programs
import Reports
import Results
import Schedules
import Simulator

/// What a planner would choose over batch and context: attention schemes by roofline, or kernels by simulation.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Which attention scheme, or which kernel, is fastest over batch and context.",
    discussion: """
      attnsim plan --model deepseek-v3 --device h100-sxm5 -o schemes.svg
      attnsim plan --model deepseek-v3 --device h100-sxm5 --counts --context 4096
      attnsim plan --model llama-3-8b --device h100-sxm5 --kernel flash-decoding:splits=1 \
      --kernel flash-decoding:splits=8 --kernel lean -o kernels.svg
      attnsim plan --model deepseek-v3 --device h100-sxm5 --device h20 --scheme mla-reuse --scheme mla-recompute

      Schemes are compared by their multiply-adds and bytes alone (weights read once a step, the cache once a \
      sequence); kernels by simulated time, attention without projections.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Option(help: "Model by name; --list names them.") var model = "deepseek-v3"
  @Option(help: "Device by its id, or a path to its file; several are compared.") var device: [String] = []
  @Option(help: ArgumentHelp("Scheme to compare (default: all that run the model).", valueName: "name"))
  var scheme: [String] = []
  @Option(help: ArgumentHelp("Kernel to compare instead: schedule[:name=value,...].", valueName: "kernel"))
  var kernel: [String] = []
  @Option(help: "Batch sizes, with commas.") var batch = "1,2,4,8,16,32,64,128"
  @Option(help: "Tokens in the cache, with commas; 4k is 4096.") var context = "1k,2k,4k,8k,16k,32k,64k,128k"
  @Option(help: "New tokens of each sequence.") var tokens = "1"
  @Option(name: .customLong("weight-bits"), help: "Bits of a weight.") var weightBits = 16
  @Option(name: .customLong("cache-bits"), help: "Bits of a cached element.") var cacheBits = 16
  @Option(name: .customLong("tensor-parallel"), help: "Devices over which heads are divided.")
  var tensorParallel = 1
  @Flag(name: .customLong("core"), help: "Attention alone, without projections.") var coreOnly = false
  @Flag(
    help: "Print multiply-adds, elements and operations a byte of each scheme, and where their order changes."
  )
  var counts = false
  @Flag(help: "Name the models and schemes.") var list = false
  @Option(help: "text or json.") var format: Format = .text
  @Option(name: .shortAndLong, help: ArgumentHelp("Write the map as a picture.", valueName: "file.svg"))
  var output: String?
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Change of a device number: 'dram.bandwidth=400 GB/s'.", valueName: "path=value"))
  var set: [String] = []
  @OptionGroup var library: LibraryOptions

  func run() throws {
    try Failure.reporting {
      if list { return printLists() }
      guard let chosen = AttentionModel[model] else {
        throw Failure(
          .usage,
          "error: no model '\(model)'; there are \(AttentionModel.all.map(\.name).joined(separator: ", "))")
      }
      for (name, bits) in [("--weight-bits", weightBits), ("--cache-bits", cacheBits)]
      where !(1...64).contains(bits) {
        throw Failure(.usage, "error: \(name) \(bits): must lie between 1 and 64")
      }
      guard (1...chosen.heads).contains(tensorParallel), chosen.heads % tensorParallel == 0 else {
        throw Failure(
          .usage, "error: --tensor-parallel \(tensorParallel): must divide the \(chosen.heads) heads")
      }
      try requireAllUsed()
      if counts { return try printCounts(chosen) }
      let maps = try devices().map { device in
        (device: device.id, ridge: SchemePlan(device).ridge, map: try map(chosen, on: device))
      }
      switch format {
      case .text:
        Console.print(maps.map { CrossoverText.text($0.map) }.joined(separator: "\n\n"))
        if maps.count > 1 { Console.print("\n" + CrossoverText.choices(maps)) }
      case .json:
        Console.print(
          maps.count == 1 ? CrossoverText.json(maps[0].map) : CrossoverText.json(maps.map(\.map)))
      }
      if let output {
        for (device, _, map) in maps {
          try OutputFile.write(
            CrossoverFigure.svg(map), to: maps.count == 1 ? output : Self.name(output, of: device))
        }
      }
    }
  }

  private func printLists() {
    for model in AttentionModel.all {
      let names = AttentionScheme.allCases.filter { $0.applies(to: model) }.map(\.rawValue)
      Console.print("\(model.name): \(names.joined(separator: ", ")) (\(model.source))")
    }
  }

  // MARK: Arguments

  func numbers(_ text: String, _ option: String) throws -> [Int] {
    let numbers = try text.split(separator: ",").map { part -> Int in
      let scale = part.hasSuffix("k") ? 1024 : part.hasSuffix("M") ? 1 << 20 : 1
      guard let value = Int(scale == 1 ? part : part.dropLast()), value >= 1, value <= (1 << 28) / scale
      else {
        throw Failure(.usage, "error: \(option): '\(part)' is not a number from 1 to 2^28")
      }
      return value * scale
    }
    guard !numbers.isEmpty, numbers.count <= 64 else {
      throw Failure(.usage, "error: \(option) takes 1 to 64 numbers with commas")
    }
    return numbers
  }

  func newTokens() throws -> Int {
    let numbers = try numbers(tokens, "--tokens")
    guard numbers.count == 1 else {
      throw Failure(.usage, "error: --tokens \(tokens): one number is due; compare several in several calls")
    }
    return numbers[0]
  }

  /// Refuses options that another one leaves without effect.
  private func requireAllUsed() throws {
    if !kernel.isEmpty, !scheme.isEmpty {
      throw Failure(.usage, "error: --scheme and --kernel compare different things; give one of them")
    }
    guard counts else { return }
    for (option, isGiven) in [
      ("--kernel", !kernel.isEmpty), ("--set", !set.isEmpty), ("-o", output != nil),
    ] where isGiven {
      throw Failure(.usage, "error: \(option) goes with a map; --counts are those of schemes, on any device")
    }
  }

  private func devices() throws -> [Device] {
    guard !device.isEmpty else { throw Failure(.usage, "error: --device is missing") }
    var changes: [DeviceOverride] = []
    for argument in set { changes.append(try DeviceOverride(argument: argument)) }
    return try device.map { name in
      var chosen = try library.library.device(name)
      try DeviceOverride.apply(changes, to: &chosen)
      guard chosen.kind == .gpu else {
        throw Failure(
          .badInput, "error: \(name) is no GPU: schemes are compared by its rates of memory and matrix unit")
      }
      return chosen
    }
  }

  /// The picture of one of several devices: `map.svg` becomes `map-h20.svg`.
  private static func name(_ path: String, of device: String) -> String {
    guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return "\(path)-\(device)" }
    return "\(path[..<dot])-\(device)\(path[dot...])"
  }

  func schemes(_ model: AttentionModel) throws -> [AttentionScheme] {
    guard !scheme.isEmpty else {
      // Ways to run this model; other models' attention is compared when it is named. Cheaper arithmetic first: it wins ties.
      if counts { return AttentionScheme.allCases.filter { $0.applies(to: model) } }
      let latent: [AttentionScheme] = [.mlaTwoStep, .mlaReuse, .mlaReuseValue, .mlaRecompute, .mlaExpanded]
      return model.hasLatent ? latent : [.gqa, .mqa, .mha].filter { $0.applies(to: model) }
    }
    return try scheme.map { name in
      guard let scheme = AttentionScheme(rawValue: name) else {
        let known = AttentionScheme.allCases.map(\.rawValue).joined(separator: ", ")
        throw Failure(.usage, "error: no scheme '\(name)'; there are \(known)")
      }
      guard scheme.applies(to: model) else {
        throw Failure(.badInput, "error: \(model.name) has no dimensions for \(name)")
      }
      return scheme
    }
  }

  // MARK: Maps

  private func map(_ model: AttentionModel, on device: Device) throws -> CrossoverMap {
    let (batches, contexts) = (try numbers(batch, "--batch"), try numbers(context, "--context"))
    let tokens = try newTokens()
    guard kernel.isEmpty else { return try kernels(model, device, batches, contexts, tokens) }
    let schemes = try schemes(model)
    let plan = SchemePlan(device, weightBits: Double(weightBits), cacheBits: Double(cacheBits))
    var map = CrossoverMap(
      title:
        "\(model.name), one layer, \(tokens == 1 ? "decode" : "\(tokens) tokens"): fastest scheme on \(device.name)",
      candidates: schemes.map(\.rawValue), batches: batches, contexts: contexts
    ) { candidate, batch, context in
      plan.seconds(
        schemes[candidate].counts(
          model,
          .init(
            batch: batch, tokens: tokens, context: context, tensorParallel: tensorParallel, coreOnly: coreOnly
          )))
    }
    map.assumptions = [
      Self.evenBatch,
      "work and bytes spread evenly over the device's cores, without parts of keys, their merge or a last wave",
      coreOnly
        ? "attention alone; the cache is read once for each sequence"
        : "weights are read once a step, the cache once for each sequence",
    ]
    if tensorParallel > 1 {
      map.assumptions.append(
        "heads divided evenly over \(tensorParallel) devices; a latent cache is whole on each of them")
    }
    return map
  }

  private static let evenBatch = "an even batch: all sequences have the same context, and share none of it"

  private func kernels(
    _ model: AttentionModel, _ device: Device, _ batches: [Int], _ contexts: [Int], _ tokens: Int
  ) throws -> CrossoverMap {
    let requests = try kernel.map { text -> (String, ScheduleParameters) in
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      guard let name = parts.first, let schedule = ScheduleRegistry.standard[name] else {
        throw Failure(.usage, "error: --kernel '\(text)': no such schedule; `attnsim schedules` lists them")
      }
      var values: [String: String] = [:]
      for pair in (parts.count > 1 ? parts[1] : "").split(separator: ",") {
        let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
        guard sides.count == 2 else {
          throw Failure(.usage, "error: --kernel '\(text)': '\(pair)' is not name=value")
        }
        values[sides[0]] = sides[1]
      }
      do { _ = try schedule.init(parameters: ScheduleParameters(values)) } catch {
        throw Failure(.usage, "error: --kernel '\(text)': \(error)")
      }
      return (name, ScheduleParameters(values))
    }
    var map = CrossoverMap(
      title: "\(model.name), attention of one layer: fastest kernel on \(device.name)", candidates: kernel,
      batches: batches, contexts: contexts
    ) { candidate, batch, context in
      guard
        let full = try? AttentionShape(
          batch: batch, headsQ: model.heads / tensorParallel, headsKV: max(model.headsKV / tensorParallel, 1),
          seqQ: tokens, seqKV: context, headDim: model.headDim + model.positionDim, headDimV: model.valueDim)
      else { return nil }
      let (name, parameters) = requests[candidate]
      // Kernels over the latent have its dimensions; the others take keys and values of every head.
      let shape = model.hasLatent ? full.fitted(to: ScheduleRegistry.standard[name]?.geometry) : full
      return
        (try? Simulation.run(
          .init(schedule: name, parameters: parameters, shape: shape, device: device, mode: .burst)))?
        .kernelTime.value
    }
    map.assumptions = [
      Self.evenBatch,
      "each kernel cuts the keys as its own parameters say; merges, waves and tails are simulated",
      "one call at a time at the clock of a short run, without launches",
    ]
    return map
  }

  // MARK: Counts
}
