extension Unit {
  /// The amounts (in the base unit, beside zero) that the model can compute with: wide enough for any machine, and
  /// narrow enough that no product of them leaves what the timeline can count.
  public var range: ClosedRange<Double> {
    switch self {
    case .count: 1...1e9
    case .bytes: 1...1e18
    case .bytesPerSecond: 1e3...1e18
    case .bytesPerCycle, .flopsPerCycle: 1e-3...1e12
    case .operationsPerCycle: 1e-6...1e9
    case .cycles: 1e-3...1e9
    case .hertz: 1e3...1e12
    case .seconds: 1e-12...1e3
    case .watts: 1e-3...1e9
    case .joules: 1e-18...1
    case .fraction: 1e-6...1e6
    }
  }
}

extension DeviceField {
  /// Why `value` (in the base unit) is impossible for this field, or nil.
  public func problem(_ value: Double) -> String? {
    if let problem = rule.problem(value) { return problem }
    guard value == 0 || unit.range.contains(value) else {
      let base = unit.spellings[0].suffix
      let unitName = base.isEmpty ? "" : " \(base)"
      return
        "lies outside what the model computes with (\(unit.range.lowerBound) to \(unit.range.upperBound)\(unitName))"
    }
    return nil
  }
}
