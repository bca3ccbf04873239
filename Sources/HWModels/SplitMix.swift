/// A small seeded generator (Steele, Lea, Flood 2014, "SplitMix"): the same numbers on every machine.
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform among `0..<bound`.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// Close to a standard normal: the sum of twelve uniform multiples of 2^-21, three from each draw.
  package mutating func normal() -> Double {
    var sum: UInt64 = 0
    for _ in 0..<4 {
      let z = next()
      sum += (z >> 43) + ((z >> 22) & 0x1F_FFFF) + ((z >> 1) & 0x1F_FFFF)
    }
    return Double(sum) * 0x1p-21 - 6
  }
}
