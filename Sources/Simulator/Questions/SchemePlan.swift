public import Attention
public import HWModels

/// Roofline time of a scheme on a device: the longer of its arithmetic and its bytes.
///
/// - Leaves out: everything that a kernel adds. It is what a planner compares schemes by, not a prediction.
public struct SchemePlan: Sendable {
  /// Multiply-adds and bytes a second.
  public var macRate: Double
  public var byteRate: Double
  /// Bits of weights and of cached elements.
  public var weightBits: Double
  public var cacheBits: Double

  public init(macRate: Double, byteRate: Double, weightBits: Double = 16, cacheBits: Double = 16) {
    self.macRate = macRate
    self.byteRate = byteRate
    self.weightBits = weightBits
    self.cacheBits = cacheBits
  }

  /// The rates of a device: its fastest matrix instructions at the nominal clock, and the bandwidth that reads reach.
  ///
  /// - Parameter bits: 8 takes the 8-bit rate where both weights and cache have no more.
  public init(_ device: Device, weightBits: Double = 16, cacheBits: Double = 16) {
    let isNarrow = weightBits <= 8 && cacheBits <= 8
    let synchronous = isNarrow ? device.tensor.rate8.value : device.tensor.rate16.value
    let asynchronous = device.asyncTensor.map { isNarrow ? $0.rate8.value : $0.rate16.value } ?? 0
    // A device without 8-bit matrix instructions converts and takes the 16-bit ones.
    let rate = max(synchronous, asynchronous, device.tensor.rate16.value)
    self.init(
      macRate: rate / 2 * device.cores.count.value * device.clock.nominal.value,
      byteRate: device.dram.bandwidth.value * device.dram.efficiency.value, weightBits: weightBits,
      cacheBits: cacheBits)
  }

  /// Operations for each byte at which arithmetic and memory take equally long.
  public var ridge: Double { 2 * macRate / byteRate }

  public func bytes(_ counts: AttentionScheme.Counts) -> Double {
    (counts.weights * weightBits + counts.cache * cacheBits) / 8
  }

  /// Seconds of one layer and step.
  public func seconds(_ counts: AttentionScheme.Counts) -> Double {
    max(counts.macs / macRate, bytes(counts) / byteRate)
  }

  /// The fastest of `schemes`; of equally fast ones the one that computes less, then the one listed first.
  public func best(
    of schemes: [AttentionScheme], _ model: AttentionModel, _ step: AttentionScheme.Step
  ) -> AttentionScheme? {
    schemes.min { a, b in
      let (x, y) = (a.counts(model, step), b.counts(model, step))
      let (s, t) = (seconds(x), seconds(y))
      return s == t ? x.macs < y.macs : s < t
    }
  }

  /// The ratio of operations to bytes a second from which on `second` is faster than `first`, by bisection over devices
  /// with this memory and more and more arithmetic; nil where the order does not change between 1 and 10^6.
  ///
  /// Complexity: O(1), 80 comparisons.
  public func crossover(
    from first: AttentionScheme, to second: AttentionScheme, _ model: AttentionModel,
    _ step: AttentionScheme.Step
  ) -> Double? {
    let (a, b) = (first.counts(model, step), second.counts(model, step))
    func isSecondFaster(_ ridge: Double) -> Bool {
      var plan = self
      plan.macRate = ridge * byteRate / 2
      return plan.seconds(b) < plan.seconds(a)
    }
    var (low, high) = (1.0, 1e6)
    guard !isSecondFaster(low), isSecondFaster(high) else { return nil }
    for _ in 0..<80 {
      let middle = (low + high) / 2
      if isSecondFaster(middle) { high = middle } else { low = middle }
    }
    return high
  }
}
