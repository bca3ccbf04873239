/// One measured value and what was predicted for it.
public struct ValidationRow: Sendable, Hashable {
  public var gpu: String
  public var kernel: String
  public var pass: String
  public var metric: ValidationMetric
  /// The shape in words, for lists and tooltips.
  public var label: String
  public var measured: Double
  public var predicted: Double
  /// Whether constants of the device were fitted to this row; such rows are marked and counted apart.
  public var isFitted: Bool

  public init(
    gpu: String, kernel: String, pass: String, metric: ValidationMetric, label: String, measured: Double,
    predicted: Double, isFitted: Bool = false
  ) {
    self.gpu = gpu
    self.kernel = kernel
    self.pass = pass
    self.metric = metric
    self.label = label
    self.measured = measured
    self.predicted = predicted
    self.isFitted = isFitted
  }

  /// Signed error: a fraction of the measured value, or a difference of shares.
  public var error: Double {
    switch metric.error {
    case .relative: measured == 0 ? (predicted == 0 ? 0 : .infinity) : predicted / measured - 1
    case .difference: predicted - measured
    }
  }
}

/// What was compared: its name, the unit of its values, and how an error is stated.
public struct ValidationMetric: Sendable, Hashable {
  /// How an error is stated.
  public enum ErrorKind: Sendable, Hashable {
    /// As a fraction of the measured value.
    case relative
    /// As the difference of two shares, which reads as points of a hundred.
    case difference
  }
  public var name: String
  /// The unit as text behind a value, `µs`; empty for shares.
  public var unit: String
  public var error: ErrorKind
  public init(name: String, unit: String, error: ErrorKind = .relative) {
    self.name = name
    self.unit = unit
    self.error = error
  }
}

/// Pairs of kernels on one shape whose measured times differ, and how many of them are predicted in that order.
public struct PairRanking: Sendable, Hashable {
  public var metric: String
  public var pairs: Int
  public var right: Int
  public var share: Double { Double(right) / Double(max(pairs, 1)) }
  public init(metric: String, pairs: Int, right: Int) {
    self.metric = metric
    self.pairs = pairs
    self.right = right
  }
}

/// Measured rows that nothing was predicted for, with the reason.
public struct SkippedRows: Sendable, Hashable {
  public var kernel: String
  public var count: Int
  public var reason: String
  public init(kernel: String, count: Int, reason: String) {
    self.kernel = kernel
    self.count = count
    self.reason = reason
  }
}

/// Rows of one device, kernel, pass and metric, and how well they are predicted.
public struct ValidationGroup: Sendable {
  public let gpu: String
  public let kernel: String
  public let pass: String
  public let metric: ValidationMetric
  public let rows: [ValidationRow]
  /// Mean signed error: whether predictions are too long or too short on the whole.
  public let meanError: Double
  public let meanAbsoluteError: Double
  public let medianAbsoluteError: Double
  public let p90AbsoluteError: Double
  public let maximumAbsoluteError: Double
  /// Kendall's tau-b of predicted and measured: 1 where the order of any two rows is right, or nil for one row.
  public let rankAgreement: Double?

  public var count: Int { rows.count }

  init(_ rows: [ValidationRow]) {
    let errors = rows.map { abs($0.error) }.sorted()
    self.rows = rows
    gpu = rows[0].gpu
    kernel = rows[0].kernel
    pass = rows[0].pass
    metric = rows[0].metric
    meanError = rows.reduce(0) { $0 + $1.error } / Double(rows.count)
    meanAbsoluteError = errors.reduce(0, +) / Double(errors.count)
    medianAbsoluteError = Statistics.quantile(errors, 0.5)
    p90AbsoluteError = Statistics.quantile(errors, 0.9)
    maximumAbsoluteError = errors[errors.count - 1]
    rankAgreement = Statistics.kendall(rows.map { ($0.measured, $0.predicted) })
  }
}

/// The few statistics of a validation.
enum Statistics {
  /// The value below which a share `q` of `sorted` lies, between neighbours along a line.
  static func quantile(_ sorted: [Double], _ q: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let place = q * Double(sorted.count - 1)
    let below = Int(place)
    guard below + 1 < sorted.count else { return last }
    // Equal neighbours may both be infinite, whose difference is not a number.
    if sorted[below] == sorted[below + 1] { return sorted[below] }
    return sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below])
  }

  /// Kendall's tau-b; nil where all values of one side are equal. Complexity: O(n²), under 10 ms for 1000 rows.
  static func kendall(_ pairs: [(Double, Double)]) -> Double? {
    var (agreeing, tiesA, tiesB) = (0, 0, 0)
    for i in pairs.indices {
      for j in pairs.indices where j > i {
        let (a, b) = (sign(pairs[i].0 - pairs[j].0), sign(pairs[i].1 - pairs[j].1))
        agreeing += a * b
        if a == 0 { tiesA += 1 }
        if b == 0 { tiesB += 1 }
      }
    }
    let all = pairs.count * (pairs.count - 1) / 2
    let (a, b) = (all - tiesA, all - tiesB)
    guard a > 0, b > 0 else { return nil }
    return Double(agreeing) / (Double(a) * Double(b)).squareRoot()
  }

  private static func sign(_ value: Double) -> Int { value > 0 ? 1 : value < 0 ? -1 : 0 }
}
