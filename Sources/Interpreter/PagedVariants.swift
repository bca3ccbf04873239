public import Attention
public import HWModels
public import Programs
import Schedules

/// Ways in which a schedule reads keys from pages, or a prefix that sequences share: sizes of pages, with the choices of
/// other parameters that allow them.
///
/// They are found by trying: what takes a batch that shares its first keys has pages or something in their place.
public struct PagedVariants: Sendable {
  /// The parameter by which schedules take pages.
  static let pageSize = "page-size"
  /// Tokens of a page, and of the prefix of the batch that is tried.
  private static let sizes = [1, 4, 16, 64, 128, 256]
  private static let prefix = 256

  private struct Variant: Sendable {
    var schedule: any Schedule
    var drawn: ScheduleParameters
    var hasPages: Bool
  }
  /// Variants by the choices of other parameters, the defaults first where they are among them.
  private let groups: [[Variant]]
  private let firstIsDefault: Bool
  private let plain: any Schedule
  private let device: Device

  /// - Parameter asked: parameters that hold for all variants.
  /// - Throws: `ScheduleError` where these are not the schedule's.
  /// - Complexity: programs for each pair of choices and each size of pages.
  public init(
    _ type: any Schedule.Type, asked: ScheduleParameters = ScheduleParameters(), device: Device
  ) throws(ScheduleError) {
    self.device = device
    plain = try type.init(parameters: asked)
    let sizes = type.parameters.first { $0.name == Self.pageSize }.map { parameter in
      asked.values[Self.pageSize] != nil
        ? [] : parameter.choices.isEmpty ? Self.sizes.map { "\($0)" } : parameter.choices
    }
    var groups: [[Variant]] = []
    var firstIsDefault = false
    for choices in Self.choices(type, asked) {
      var group: [Variant] = []
      for size in [nil] + (sizes ?? []).map(Optional.some) {
        var drawn = choices
        if let size { drawn[Self.pageSize] = size }
        guard
          let schedule = try? type.init(
            parameters: ScheduleParameters(asked.values.merging(drawn) { asked, _ in asked })),
          Self.takesPrefix(schedule, on: device)
        else { continue }
        group.append(
          Variant(
            schedule: schedule, drawn: ScheduleParameters(drawn),
            hasPages: size != nil || asked.values[Self.pageSize] != nil))
      }
      if group.isEmpty { continue }
      if choices.isEmpty { firstIsDefault = true }
      groups.append(group)
    }
    (self.groups, self.firstIsDefault) = (groups, firstIsDefault)
  }

  /// No change, each choice of another parameter, and each pair of choices of two.
  private static func choices(_ type: any Schedule.Type, _ asked: ScheduleParameters) -> [[String: String]] {
    let changes = type.parameters.filter { asked.values[$0.name] == nil && $0.name != pageSize }.flatMap {
      parameter in
      parameter.choices.filter { $0 != parameter.defaultValue }.map { (name: parameter.name, value: $0) }
    }
    var all: [[String: String]] = [[:]] + changes.map { [$0.name: $0.value] }
    for (place, first) in changes.enumerated() {
      for second in changes[(place + 1)...] where second.name != first.name {
        all.append([first.name: first.value, second.name: second.value])
      }
    }
    return all
  }

  private static func takesPrefix(_ schedule: any Schedule, on device: Device) -> Bool {
    let type = type(of: schedule)
    for headDim in [64, 128] {
      guard
        let shape = try? AttentionShape(
          batch: 2, headsQ: 2, headsKV: 1, seqQ: 1, seqKV: 2 * prefix, headDim: headDim, mask: .causal,
          sharedPrefix: prefix
        ).fitted(to: type.geometry)
      else { continue }
      if Verification.takes(schedule, shape, on: device) { return true }
    }
    return false
  }

  /// The call of a batch, with parameters drawn where it asks for them; nil where the schedule does not take it.
  ///
  /// - Parameter number: decides what is drawn, and the inputs.
  public func call(
    _ shape: AttentionShape, family: Verification.BatchFamily, number: Int, seed: UInt64
  ) -> VerificationCall? {
    var generator = SplitMix(seed: seed &+ UInt64(number) &* 0x9E37_79B9)
    let hasLengths = family == .lengths || family == .queries
    // Lengths come without pages too.
    if hasLengths, groups.isEmpty || generator.below(2) == 0, Verification.takes(plain, shape, on: device) {
      return VerificationCall(schedule: plain, shape: shape, number: number)
    }
    // Half of the calls leave all other parameters alone, where those allow it.
    var order = Array(groups.indices)
    for place in order.indices.dropFirst() { order.swapAt(place, generator.below(place + 1)) }
    if firstIsDefault, generator.below(2) == 0, let place = order.firstIndex(of: 0) { order.swapAt(0, place) }
    for group in order {
      let variants = groups[group].filter { $0.hasPages || family == .sharedPrefix }
      if variants.isEmpty { continue }
      let first = generator.below(variants.count)
      for offset in variants.indices {
        let variant = variants[(first + offset) % variants.count]
        guard Verification.takes(variant.schedule, shape, on: device) else { continue }
        return VerificationCall(
          schedule: variant.schedule, shape: shape, number: number, drawn: variant.drawn)
      }
    }
    guard hasLengths, Verification.takes(plain, shape, on: device) else { return nil }
    return VerificationCall(schedule: plain, shape: shape, number: number)
  }
}

extension Verification {
  /// Whether a schedule makes a program of a shape.
  public static func takes(_ schedule: any Schedule, _ shape: AttentionShape, on device: Device) -> Bool {
    do {
      try type(of: schedule).checkBatch(of: shape)
      _ = try schedule.plainProgram(for: shape, on: device)
      return true
    } catch {
      return false
    }
  }
}
