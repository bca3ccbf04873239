public import Attention
import HWModels
import Schedules

/// What the names in measured tables are here: GPUs to device ids, kernels to schedules or to the reason why not.
///
/// Read from `validation/map.yaml`; the first rule that matches a row decides.
public struct KernelMap: Sendable {
  /// GPU names of the benchmark to device ids, in file order.
  public let gpus: [(name: String, device: String)]
  /// The GPU of tables that do not name one (the counters).
  public let countersGPU: String?
  /// Kernels that are compiled for each shape: the board idles before each of their rows.
  public let compiledPerShape: [String]
  public let rules: [Rule]
  /// Rules for published tables, whose kernels have long names: the first whose name begins a row's decides.
  public let publishedRules: [Rule]
  /// Columns of published tables that hold a number of the device, by path.
  public let columns: [(name: String, paths: [String])]

  /// Which rows a kernel name covers, and what predicts them.
  public struct Rule: Sendable {
    /// Kernel name without the part after ':'.
    public let kernel: String
    /// GPUs, passes and kernels per call that it holds for; nil for all.
    public let gpus: [String]?
    public let passes: [String]?
    public let launches: Int?
    /// Whether several query heads share a KV head; nil for both.
    public let isGrouped: Bool?
    /// How the row's source ends.
    public let source: String?
    /// Configurations of a published table that it holds for; nil for all.
    public let configs: [String]?
    /// Parameters that take the word behind a phrase of the row's note.
    public let notes: [(phrase: String, parameter: String)]
    /// The parameter that takes what follows ':' in the kernel's name.
    public let number: String?
    public let target: Target
  }

  /// What predicts a row, or why nothing does.
  public enum Target: Sendable, Hashable {
    case schedule(String, parameters: [String: String])
    /// A scheme whose layer of a model the planner counts; no kernel.
    case scheme(AttentionScheme, of: AttentionModel)
    /// Why rows of this kernel are listed and not predicted.
    case notModelled(String)
  }

  /// The device of a GPU name.
  public func device(of gpu: String) -> String? { gpus.first { $0.name == gpu }?.device }

  /// What a row's kernel is here.
  public func target(of row: MeasuredTable.Row) -> Target {
    target(
      kernel: row.kernel, gpu: row.gpu, pass: row.pass, launches: row.kernels, source: row.source,
      isGrouped: row.headsQ > row.headsKV)
  }

  /// The same for a row of another table.
  public func target(
    kernel: String, gpu: String, pass: String, launches: Double? = nil, source: String? = nil,
    isGrouped: Bool? = nil
  ) -> Target {
    let plain = kernel.prefix { $0 != ":" }
    let number = String(kernel.dropFirst(plain.count + 1))
    let rule = rules.first { rule in
      rule.kernel == plain && rule.gpus?.contains(gpu) != false && rule.passes?.contains(pass) != false
        && (rule.launches == nil || launches == nil || launches == rule.launches.map(Double.init))
        && (rule.isGrouped == nil || isGrouped == nil || isGrouped == rule.isGrouped)
        && (rule.source.map { source?.hasSuffix($0) == true } ?? true)
    }
    guard let target = rule?.target else { return .notModelled("the map has no rule for it") }
    guard case .schedule(let name, var parameters) = target, let parameter = rule?.number else {
      return target
    }
    parameters[parameter] = number
    return .schedule(name, parameters: parameters)
  }

  /// What a kernel of a published table is here.
  public func target(of row: PublishedTable.Row) -> Target {
    let rule = publishedRules.first { rule in
      row.kernel.hasPrefix(rule.kernel) && rule.gpus?.contains(row.hardware) != false
        && rule.passes?.contains(row.pass) != false && rule.configs?.contains(row.config) != false
    }
    guard let rule else { return .notModelled("the map has no rule for it") }
    guard case .schedule(let name, var parameters) = rule.target else { return rule.target }
    for (phrase, parameter) in rule.notes {
      guard let place = row.note.firstRange(of: phrase) else { continue }
      let word = row.note[place.upperBound...].drop { $0 == " " }.prefix { $0.isLetter || $0.isNumber }
      if !word.isEmpty { parameters[parameter] = String(word) }
    }
    return .schedule(name, parameters: parameters)
  }

  /// - Throws: `InputError` with everything wrong in the file.
  public init(_ source: SourceText) throws(InputError) {
    let file = FileReader(source)
    guard var root = file.rootMapping(expecting: "a map of kernels") else {
      throw InputError(file.diagnostics)
    }
    var gpus: [(name: String, device: String)] = []
    if let map = root.required("gpus")?.map(expecting: "GPU names with device ids") {
      for entry in map.entries {
        if let device = entry.value.text(expecting: "a device id") { gpus.append((entry.key, device)) }
      }
    }
    let counters = root.optional("counters-gpu")
    countersGPU = counters?.text(expecting: "a GPU name")
    if let counters, let countersGPU, !gpus.contains(where: { $0.name == countersGPU }) {
      counters.report(
        "'\(countersGPU)' is not among the GPUs", hint: NearestName.hint(countersGPU, in: gpus.map(\.name)))
    }
    compiledPerShape =
      root.optional("compiled-per-shape")?.items().compactMap { $0.text(expecting: "a kernel name") } ?? []
    let items = root.required("kernels")?.items() ?? []
    rules = items.compactMap { KernelMap.rule($0) }
    publishedRules = root.optional("published")?.items().compactMap { KernelMap.rule($0) } ?? []
    self.gpus = gpus
    columns = root.optional("columns").map { KernelMap.columns($0) } ?? []
    root.finish(
      known: ["gpus", "counters-gpu", "compiled-per-shape", "kernels", "published", "columns"])
    if file.hasErrors { throw InputError(file.diagnostics) }
  }

  private static func columns(_ item: ValueReader) -> [(name: String, paths: [String])] {
    guard let map = item.map(expecting: "columns with paths of device numbers") else { return [] }
    return map.entries.map { entry in
      let paths = entry.value.items().compactMap { item -> String? in
        guard let path = item.text(expecting: "a path such as clock.maximum") else { return nil }
        guard DeviceField.at(path) != nil else {
          item.report(
            "no device number is called '\(path)'",
            hint: NearestName.hint(path, in: DeviceField.all.map(\.path)))
          return nil
        }
        return path
      }
      return (entry.key, paths)
    }
  }

  private static func scheme(_ scheme: ValueReader, of model: ValueReader) -> Target? {
    let name = model.text(expecting: "the name of a model") ?? ""
    let found = AttentionModel.all.first { $0.name == name }
    if found == nil {
      model.report(
        "unknown model '\(name)'", hint: NearestName.hint(name, in: AttentionModel.all.map(\.name)))
    }
    guard let scheme = scheme.choice(AttentionScheme.self), let found else { return nil }
    return .scheme(scheme, of: found)
  }

  private enum Switch: String, CaseIterable { case on, off }

  private static func rule(_ item: ValueReader) -> Rule? {
    guard var map = item.map(expecting: "a rule such as { kernel: fa2, schedule: fa2 }") else { return nil }
    let kernel = map.required("kernel")?.text(expecting: "a kernel name")
    let gpus = map.optional("gpu")?.items().compactMap { $0.text(expecting: "a GPU name") }
    let passes = map.optional("pass")?.items().compactMap { $0.text(expecting: "fwd, bwd or decode") }
    let launches = map.optional("launches")?.integer()
    let grouped = map.optional("grouped")?.choice(Switch.self)
    let source = map.optional("source")?.text(expecting: "the end of a source")
    let number = map.optional("number")?.text(expecting: "a parameter of the schedule")
    let configs = map.optional("config")?.items().compactMap { $0.text(expecting: "a configuration") }
    var notes: [(phrase: String, parameter: String)] = []
    if let phrases = map.optional("note")?.map(expecting: "phrases of notes with parameters") {
      for entry in phrases.entries {
        if let parameter = entry.value.text(expecting: "a parameter of the schedule") {
          notes.append((entry.key, parameter))
        }
      }
    }
    let schedule = map.optional("schedule")
    let reason = map.optional("reason")
    let scheme = map.optional("scheme")
    let model = map.optional("model")
    map.finish(
      known: [
        "kernel", "gpu", "pass", "launches", "grouped", "source", "number", "config", "note", "schedule",
        "scheme",
        "model",
        "reason",
      ])
    guard [schedule, scheme, reason].count(where: { $0 != nil }) == 1, (scheme == nil) == (model == nil)
    else {
      item.report("a rule has a schedule, a scheme of a model, or a reason why there is none")
      return nil
    }
    let target: Target? =
      if let reason {
        reason.text(expecting: "a sentence").map { .notModelled($0) }
      } else if let scheme, let model {
        self.scheme(scheme, of: model)
      } else {
        schedule.flatMap { ScenarioValues(file: item.file, registry: .standard).schedule($0) }.map {
          .schedule($0.name, parameters: $0.parameters)
        }
      }
    guard let kernel, let target else { return nil }
    return Rule(
      kernel: kernel, gpus: gpus, passes: passes, launches: launches, isGrouped: grouped.map { $0 == .on },
      source: source, configs: configs,
      notes: notes, number: number, target: target)
  }
}
