import Attention
import HWModels
import Programs
public import Results

/// A result for a terminal: the product's face.
///
/// Answers first (time, clock, what holds it back), then the evidence (units, phases, bounds, traffic), then how far
/// to trust it (device numbers that are assumed or fitted, warnings).
public enum TextReport {
  public static func render(_ result: SimulationResult, style: TextStyle = TextStyle()) -> String {
    var sections = [
      heading(result, style), answer(result), units(result, style), phases(result, style),
      bounds(result, style),
      traffic(result, style), dataflow(result, style), spatial(result, style),
      kernels(result, style), confidence(result, style),
    ]
    if !result.warnings.isEmpty { sections.append(warnings(result.warnings, style)) }
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  private static func heading(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    let request = result.request
    let parameters = request.parameters.values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    var lines = [style.bold("\(request.schedule) on \(request.device.name)")]
    lines += TextLayout.wrapped(RequestText.shape(request.shape), width: style.width - 2).map { "  " + $0 }
    if !parameters.isEmpty { lines.append("  with " + parameters.joined(separator: ", ")) }
    if !request.overrides.isEmpty {
      let changes = request.overrides.map { "\($0.path)=\($0.value)" }.joined(separator: ", ")
      lines += TextLayout.wrapped("what if " + changes, width: style.width - 2).map { "  " + $0 }
    }
    return lines
  }

  private static func answer(_ result: SimulationResult) -> [String] {
    var table = TextTable([.left, .left, .left], gap: 3)
    table.add(
      "time", NumberText.time(result.time.value),
      "\(NumberText.prefixed(result.usefulFlopsPerSecond, "FLOP/s")) useful, kernels \(NumberText.time(result.kernelTime.value))"
    )
    table.add("cycles", NumberText.grouped(result.cycles.value), cyclesNote(result))
    table.add("clock", clockText(result.clock.frequency), clockNote(result))
    table.add("power", powerText(result), powerNote(result))
    table.add("energy", energyText(result), energyNote(result))
    if let bound = result.tightestBound {
      let share = bound.time.value / result.kernelTime.value
      table.add(
        "limit", bound.resource.name,
        "the nearest bound: \(NumberText.time(bound.time.value)), \(NumberText.percent(share, digits: 0)) of the kernels' time"
      )
    }
    return table.lines()
  }

  static func clockText(_ clock: Frequency) -> String { NumberText.fixed(clock.value / 1e6, 0) + " MHz" }

  private static func cyclesNote(_ result: SimulationResult) -> String {
    if let pipeline = result.dataflow?.pipeline {
      let images = result.request.shape.batch
      let layers = pipeline.layers == 1 ? "" : " and \(pipeline.layers) layers"
      return "\(images == 1 ? "one image" : "\(images) images")\(layers), another following at once"
    }
    guard result.usefulFlops > 0 else {
      return result.executedFlops > 0
        ? "all matrix work is beyond what the mask needs, which is none"
        : "no matrix work: the mask needs none"
    }
    let recomputed = result.executedFlops / result.usefulFlops - 1
    return recomputed > 0.0005
      ? "\(NumberText.percent(recomputed)) more matrix work than the mask needs"
      : "no matrix work beyond what the mask needs"
  }

  /// The reason for the clock in words.
  static func clockNote(_ result: SimulationResult) -> String {
    let maximum = clockText(result.request.device.clock.maximum)
    if result.request.device.kind == .fpga, result.clock.limiter == .maximum {
      let kind = result.request.device.provenance["clock.nominal"]?.kind.rawValue ?? "unknown"
      return "nominal (\(kind)), of up to \(maximum)"
    }
    return switch result.clock.limiter {
    case .maximum: "the highest clock; \(result.clock.mode.name)"
    case .power: "of \(maximum): the power limit holds it down; \(result.clock.mode.name)"
    case .activity: "of \(maximum): dense matrix work holds it down; \(result.clock.mode.name)"
    case .minimum: "of \(maximum): the lowest clock, and the power is still above its limit"
    case .locked: "locked by the user, of \(maximum)"
    }
  }

  /// What stands where a number is unknown.
  static let unknown = "not known"

  static func powerText(_ result: SimulationResult) -> String {
    result.clock.power.map { powerText($0.value) } ?? unknown
  }

  /// Whole watts of a board; small machines have parts of one.
  static func powerText(_ watts: Double) -> String {
    watts < 10 ? NumberText.prefixed(watts, "W") : NumberText.fixed(watts, 0) + " W"
  }

  static func energyText(_ result: SimulationResult) -> String {
    result.clock.energy.map { NumberText.prefixed($0.value, "J") } ?? unknown
  }

  private static func powerNote(_ result: SimulationResult) -> String {
    guard result.clock.power != nil else { return "the device file has no energies" }
    let power = result.request.device.power
    guard power.limit.value > 0 else { return "mean over the call, of the energies below" }
    return
      "of \(NumberText.fixed(power.limit.value, 0)) W sustained, \(NumberText.fixed(power.idle.value, 0)) W of them idle"
  }

  private static func energyNote(_ result: SimulationResult) -> String {
    guard let energy = result.clock.energy, result.usefulFlops > 0 else { return "" }
    return NumberText.prefixed(energy.value / result.usefulFlops, "J") + " for each useful flop"
  }

  private static func units(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    let used = result.resources.filter { $0.busyCycles > 0 }.sorted { $0.utilisation > $1.utilisation }
    guard !used.isEmpty else { return [] }
    var table = TextTable([.left, .right, .left])
    for use in used {
      let bar = TextLayout.bar(use.utilisation, width: style.width - 28)
      table.add(use.resource.name, NumberText.percent(use.utilisation), bar)
    }
    return [style.bold("Use of each unit (share of all cores' cycles)")] + table.lines()
  }

  private static func phases(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard !result.phases.isEmpty else { return [] }
    var table = TextTable([.left, .right, .right, .left])
    for phase in result.phases {
      let share = phase.time.value / result.time.value
      table.add(
        phase.name, NumberText.time(phase.time.value), NumberText.percent(share),
        TextLayout.bar(share, width: style.width - 40))
    }
    return [style.bold("Where the time goes")] + table.lines()
  }

  private static func bounds(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard !result.bounds.isEmpty else { return [] }
    var table = TextTable([.left, .right, .right, .right, .right])
    table.add("", "at least", "prediction", "work", "ceiling")
    for bound in result.bounds.sorted(by: { $0.time > $1.time }) {
      let unit = String(bound.unit.split(separator: "/").first ?? "")
      table.add(
        bound.resource.name, NumberText.time(bound.time.value),
        gap(result.kernelTime.value / bound.time.value), NumberText.prefixed(bound.amount, unit),
        NumberText.prefixed(bound.ceiling, bound.unit))
    }
    return [
      style.bold(
        result.request.device.kind == .gpu
          ? "Bounds (no schedule of this work is faster, at \(clockText(result.clock.frequency)))"
          : "Bounds (of this binding or design, at \(clockText(result.clock.frequency)))")
    ]
      + table.lines()
  }

  static func gap(_ ratio: Double) -> String {
    ratio < 100 ? NumberText.fixed(ratio, 2) + " x" : ratio.isFinite ? NumberText.grouped(ratio) + " x" : "-"
  }

  private static func traffic(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard !result.traffic.isEmpty else { return [] }
    var table = TextTable([.left, .right, .right, .right])
    table.add("", "read", "written", "over the kernels' time")
    for level in result.traffic {
      let rate = (level.readBytes + level.writeBytes) / result.kernelTime.value
      table.add(
        level.level, NumberText.prefixed(level.readBytes, "B"), NumberText.prefixed(level.writeBytes, "B"),
        NumberText.prefixed(rate, "B/s"))
    }
    return [style.bold("Traffic")] + table.lines()
  }

  private static func kernels(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard !result.kernels.isEmpty, result.dataflow == nil else { return [] }
    var table = TextTable([.left, .right, .right, .right, .right, .right, .right])
    table.add("", "cycles", "work items", "a core", "cores", "rounds", "occupied")
    for kernel in result.kernels {
      table.add(
        kernel.name, NumberText.grouped(kernel.cycles.value), NumberText.grouped(Double(kernel.workItems)),
        String(kernel.residentItems), String(kernel.coresUsed), NumberText.fixed(kernel.waves, 2),
        NumberText.percent(kernel.occupancy))
    }
    return [style.bold("Kernels")] + table.lines()
  }

  static func warnings(_ warnings: [ModelLimit], _ style: TextStyle) -> [String] {
    var table = TextTable([.left, .left])
    for warning in warnings { table.add(warning.code, warning.message) }
    return [style.bold("Limits of the model here")] + table.lines(width: style.width)
  }
}
