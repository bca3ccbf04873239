/// Errors of a set of predictions, as fractions of the measured value.
struct ErrorSummary: Sendable {
  let count: Int
  let meanAbsolute: Double
  let medianAbsolute: Double
  let percentile90: Double
  let maximum: Double
  /// Mean with sign: above zero where predictions are too long.
  let bias: Double
  /// Share of pairs of rows that prediction and measurement put in the same order, less the share that they do not
  /// (Kendall's tau); nil for fewer than two rows.
  let rankAgreement: Double?

  /// - Precondition: `pairs` is not empty and measured values are above zero.
  init(_ pairs: [(predicted: Double, measured: Double)]) {
    let errors = pairs.map { $0.predicted / $0.measured - 1 }
    let sizes = errors.map(\.magnitude).sorted()
    count = pairs.count
    meanAbsolute = sizes.reduce(0, +) / Double(sizes.count)
    medianAbsolute = ErrorSummary.quantile(sizes, 0.5)
    percentile90 = ErrorSummary.quantile(sizes, 0.9)
    maximum = sizes[sizes.count - 1]
    bias = errors.reduce(0, +) / Double(errors.count)
    rankAgreement = ErrorSummary.kendall(pairs)
  }

  /// Linear between the order statistics.
  private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
  }

  private static func kendall(_ pairs: [(predicted: Double, measured: Double)]) -> Double? {
    guard pairs.count > 1 else { return nil }
    var score = 0
    var total = 0
    for i in 1..<pairs.count {
      for j in 0..<i {
        let product =
          (pairs[i].predicted - pairs[j].predicted) * (pairs[i].measured - pairs[j].measured)
        score += product > 0 ? 1 : product < 0 ? -1 : 0
        total += 1
      }
    }
    return Double(score) / Double(total)
  }
}
