/// What part of a workload a faster attention touches.
public struct AmdahlShare: Sendable, Hashable {
  /// Attention's share of the time with dense attention.
  public var attention: Double
  /// Share of the attention calls that become sparse (diffusion steps that are not kept dense).
  public var sparse: Double

  public init(attention: Double, sparse: Double = 1) {
    self.attention = attention
    self.sparse = sparse
  }

  /// Speed-up of the whole where each sparse call is `speedup` times as fast (Amdahl's law).
  public func speedup(_ speedup: Double) -> Double {
    let share = attention * sparse
    return 1 / (1 - share + share / speedup)
  }
}
