public import Attention
public import HWModels
public import Programs

/// Calls of batches, with parameters drawn where a schedule needs some for them: a size of pages, a layout, phases.
public struct PagedVariants: Sendable {
  /// The parameter by which schedules take pages.
  static let pageSize = "page-size"

  private let type: any Schedule.Type
  private let asked: ScheduleParameters
  private let device: Device

  /// - Parameter asked: parameters that hold for all variants.
  /// - Throws: `ScheduleError` where these are not the schedule's.
  public init(
    _ type: any Schedule.Type, asked: ScheduleParameters = ScheduleParameters(), device: Device
  ) throws(ScheduleError) {
    _ = try type.init(parameters: asked)
    (self.type, self.asked, self.device) = (type, asked, device)
  }

  /// The call of a batch, with parameters drawn among those that the schedule declares to take it with; nil where there are
  /// none.
  ///
  /// - Parameter number: decides what is drawn, and the inputs.
  public func call(
    _ shape: AttentionShape, family: Verification.BatchFamily, number: Int, seed: UInt64
  ) -> VerificationCall? {
    var generator = SplitMix(seed: seed &+ UInt64(number) &* 0x9E37_79B9)
    var drawn = Array(type.variants(taking: shape, given: asked, on: device))
    let paged = paged(drawn, shape)
    switch family {
    case .pages: if asked.values[Self.pageSize] == nil { drawn = paged }
    // Lengths come in pages and without, prefixes in the fewest parameters and in others.
    case .lengths, .queries: drawn = generator.below(2) == 0 || paged.isEmpty ? Array(drawn.prefix(1)) : paged
    case .sharedPrefix: break
    }
    if generator.below(2) == 0 {
      let fewest = drawn.map(\.values.count).min() ?? 0
      drawn = drawn.filter { $0.values.count == fewest }
    }
    // The declaration says nothing of how much fits.
    while !drawn.isEmpty {
      let parameters = drawn.remove(at: generator.below(drawn.count))
      let all = ScheduleParameters(asked.values.merging(parameters.values) { asked, _ in asked })
      guard let schedule = try? type.init(parameters: all), Verification.takes(schedule, shape, on: device)
      else { continue }
      return VerificationCall(schedule: schedule, shape: shape, number: number, drawn: parameters)
    }
    return nil
  }
}

extension PagedVariants {
  /// Those of the variants that have a size of pages; where none has, those that take one.
  private func paged(_ variants: [ScheduleParameters], _ shape: AttentionShape) -> [ScheduleParameters] {
    let paged = variants.filter { $0.values[Self.pageSize] != nil }
    guard paged.isEmpty, asked.values[Self.pageSize] == nil,
      let sizes = type.parameters.first(where: { $0.name == Self.pageSize })?.kind.samples
    else { return paged }
    return variants.flatMap { variant in
      sizes.map { ScheduleParameters(variant.values.merging([Self.pageSize: $0]) { $1 }) }
    }.filter { variant in
      let all = ScheduleParameters(asked.values.merging(variant.values) { asked, _ in asked })
      return type.admits(shape, all, on: device)
    }
  }
}

extension Verification {
  /// Whether a schedule makes a program of a shape.
  public static func takes(_ schedule: any Schedule, _ shape: AttentionShape, on device: Device) -> Bool {
    (try? schedule.program(for: shape, on: device)) != nil
  }
}
