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

  public struct Rule: Sendable {
    /// Kernel name without the part after ':'.
    public let kernel: String
    /// GPUs, passes and kernels per call that it holds for; nil for all.
    public let gpus: [String]?
    public let passes: [String]?
    public let launches: Int?
    /// How the row's source ends.
    public let source: String?
    /// The parameter that takes what follows ':' in the kernel's name.
    public let number: String?
    public let target: Target
  }

  public enum Target: Sendable, Hashable {
    case schedule(String, parameters: [String: String])
    /// Why rows of this kernel are listed and not predicted.
    case notModelled(String)
  }

  /// The device of a GPU name.
  public func device(of gpu: String) -> String? { gpus.first { $0.name == gpu }?.device }

  /// What a row's kernel is here.
  public func target(of row: MeasuredTable.Row) -> Target {
    target(kernel: row.kernel, gpu: row.gpu, pass: row.pass, launches: row.kernels, source: row.source)
  }

  /// The same for a row of another table.
  public func target(
    kernel: String, gpu: String, pass: String, launches: Double? = nil, source: String? = nil
  ) -> Target {
    let plain = kernel.prefix { $0 != ":" }
    let number = String(kernel.dropFirst(plain.count + 1))
    let rule = rules.first { rule in
      rule.kernel == plain && rule.gpus?.contains(gpu) != false && rule.passes?.contains(pass) != false
        && (rule.launches == nil || launches == nil || launches == rule.launches.map(Double.init))
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
  public func publishedTarget(kernel: String, gpu: String, pass: String) -> Target {
    let rule = publishedRules.first { rule in
      kernel.hasPrefix(rule.kernel) && rule.gpus?.contains(gpu) != false
        && rule.passes?.contains(pass) != false
    }
    return rule?.target ?? .notModelled("the map has no rule for it")
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
    root.finish(known: ["gpus", "counters-gpu", "compiled-per-shape", "kernels", "published"])
    if file.hasErrors { throw InputError(file.diagnostics) }
  }

  private static func rule(_ item: ValueReader) -> Rule? {
    guard var map = item.map(expecting: "a rule such as { kernel: fa2, schedule: fa2 }") else { return nil }
    let kernel = map.required("kernel")?.text(expecting: "a kernel name")
    let gpus = map.optional("gpu")?.items().compactMap { $0.text(expecting: "a GPU name") }
    let passes = map.optional("pass")?.items().compactMap { $0.text(expecting: "fwd, bwd or decode") }
    let launches = map.optional("launches")?.integer()
    let source = map.optional("source")?.text(expecting: "the end of a source")
    let number = map.optional("number")?.text(expecting: "a parameter of the schedule")
    let schedule = map.optional("schedule")
    let reason = map.optional("reason")
    map.finish(
      known: ["kernel", "gpu", "pass", "launches", "source", "number", "schedule", "reason"])
    guard (schedule == nil) != (reason == nil) else {
      item.report("a rule has either a schedule or a reason why there is none")
      return nil
    }
    let target: Target? =
      if let reason { reason.text(expecting: "a sentence").map { .notModelled($0) } } else {
        schedule.flatMap { ScenarioValues(file: item.file).schedule($0) }.map {
          .schedule($0.name, parameters: $0.parameters)
        }
      }
    guard let kernel, let target else { return nil }
    return Rule(
      kernel: kernel, gpus: gpus, passes: passes, launches: launches, source: source, number: number,
      target: target)
  }
}
