import Foundation
import HWModels
import Programs
import Results

/// Sentences that say what the numbers of `explain` mean.
enum ExplainAdvice {
  /// A unit busier than this paces the kernel by itself.
  private static let saturated = 0.9
  /// Bounds nearer than this leave a schedule little to win.
  private static let nearBound = 0.92

  static func points(
    _ result: SimulationResult, _ attribution: Attribution, _ elasticities: [Elasticity]
  ) -> [String] {
    [
      pace(result), holder(attribution), clock(result), strongest(result, elasticities),
      scatter(elasticities), tail(result), launch(result),
    ].compactMap { $0 }
  }

  /// The flags of the run with the improvement that would help most.
  static func whatIf(_ result: SimulationResult, _ elasticities: [Elasticity]) -> [String]? {
    guard let best = elasticities.first(where: { isImprovable($0.path) && gain($0) < -0.0005 }) else {
      return nil
    }
    let isMore = isMore(best)
    if let parameter = best.parameter {
      var request = result.request
      request.parameters.values[parameter.name] = isMore ? parameter.twice : parameter.half
      return RequestText.flags(request)
    }
    guard let field = DeviceField.at(best.path), let now = field.value(on: result.request.device) else {
      return nil
    }
    let better =
      best.steps == nil ? now * (isMore ? 1.1 : 0.9) : isMore ? 2 * now : (now / 2).rounded(.down)
    return RequestText.flags(result.request) + [
      "--set '\(best.path)=\(RequestText.amount(better, field.unit))'"
    ]
  }

  /// Whether more of it is better than less.
  private static func isMore(_ elasticity: Elasticity) -> Bool {
    guard let steps = elasticity.steps else { return elasticity.value < 0 }
    return (steps.twice.ratio ?? .infinity) <= (steps.half.ratio ?? .infinity)
  }

  /// Relative change of the time in the better direction: a tenth, or half or twice of a whole number.
  private static func gain(_ elasticity: Elasticity) -> Double {
    guard let steps = elasticity.steps else {
      return abs(elasticity.value) < 0.01 ? 0 : pow(elasticity.value < 0 ? 1.1 : 0.9, elasticity.value) - 1
    }
    return min(steps.twice.ratio ?? 1, steps.half.ratio ?? 1) - 1
  }

  private static func isImprovable(_ path: String) -> Bool {
    !["clock.minimum", "cores.count", "power.voltageExponent"].contains(path)
  }

  private static func pace(_ result: SimulationResult) -> String? {
    guard let busiest = result.resources.max(by: { $0.utilisation < $1.utilisation }),
      let bound = result.tightestBound
    else { return nil }
    let use = NumberText.percent(busiest.utilisation, digits: 0)
    let reached = bound.time.value / result.kernelTime.value
    if busiest.utilisation >= saturated {
      return "The \(busiest.resource.name) unit sets the pace: it is busy \(use) of the cycles. "
        + "Only less work for it or a faster one helps."
    }
    if reached >= nearBound {
      return
        "The kernels take \(NumberText.percent(1 / reached - 1)) more than the bound of \(bound.resource.name): "
        + (result.request.device.kind == .gpu
          ? "another schedule of the same work can win little."
          : "another order of the same operations on these units can win little; other bindings or designs may use more units.")
    }
    return
      "No unit is full: the busiest is \(busiest.resource.name) with \(use). The pace is set by what waits for what. "
      + "The nearest bound (\(bound.resource.name)) leaves \(NumberText.percent(1 - reached, digits: 0)) of the kernels' time to a better overlap."
  }

  private static func holder(_ attribution: Attribution) -> String? {
    guard let first = attribution.entries.max(by: { ($0.share, $1.name) < ($1.share, $0.name) }) else {
      return nil
    }
    return
      "The largest part of the critical path, \(NumberText.percent(first.share, digits: 0)), is \(first.name)."
  }

  private static func clock(_ result: SimulationResult) -> String? {
    let clock = result.clock
    let share = 1 - clock.frequency.value / result.request.device.clock.maximum.value
    switch clock.limiter {
    case .power:
      return
        "The power limit takes \(NumberText.percent(share, digits: 0)) off the clock, so energy counts as time: "
        + "work that costs less energy runs faster even where no cycle is saved."
    case .activity:
      return
        "Dense matrix work takes \(NumberText.percent(share, digits: 0)) off the clock, below the power limit."
    case .minimum:
      return
        "The clock is at its lowest and the power still above the limit: a real board would throttle further."
    case .maximum, .locked: return nil
    }
  }

  private static func strongest(_ result: SimulationResult, _ elasticities: [Elasticity]) -> String? {
    let strong = elasticities.filter { gain($0) < -0.0005 }.prefix(3)
    guard !strong.isEmpty else { return nil }
    let parts = strong.map { elasticity in
      let summary =
        (elasticity.parameter?.summary ?? DeviceField.at(elasticity.path)?.summary).map { " (\($0))" } ?? ""
      let isMore = isMore(elasticity)
      let amount = elasticity.steps == nil ? (isMore ? "10 % more" : "10 % less") : isMore ? "twice" : "half"
      return "\(amount) \(elasticity.path)\(summary) \(NumberText.change(gain(elasticity), digits: 2))"
    }
    return "What helps most, as change of the time: " + parts.joined(separator: "; ") + "."
  }

  private static func scatter(_ elasticities: [Elasticity]) -> String? {
    guard let most = elasticities.map(\.scatter).max(), most >= 0.005 else { return nil }
    return
      "Single what-ifs lie up to \(NumberText.percent(most)) (root mean square) off these slopes: a change can make groups of warps "
      + "fall into another rhythm. Look at several values, as in a sweep, before you trust one."
  }

  private static func tail(_ result: SimulationResult) -> String? {
    guard let main = result.kernels.max(by: { $0.cycles < $1.cycles }), main.occupancy < 0.93 else {
      return nil
    }
    let idle = NumberText.percent(1 - main.occupancy, digits: 0)
    return "\(idle) of the cores' cycles in \(main.name) hold no work item (\(main.workItems) items are "
      + "\(NumberText.fixed(main.waves, 2)) rounds on \(main.coresUsed) cores): a shape or a split that divides evenly would use them."
  }

  private static func launch(_ result: SimulationResult) -> String? {
    let gap = 1 - result.kernelTime.value / result.time.value
    guard gap > 0.05 else { return nil }
    return
      "Launching takes \(NumberText.percent(gap, digits: 0)) of the time: fewer or larger calls, or a captured graph, would save it."
  }
}
