/// The 32-bit Mersenne twister, which PyTorch's CPU generator is.
///
/// - Source: Matsumoto and Nishimura 1998, "Mersenne Twister", mt19937; ATen/core/MT19937RNGEngine.h.
struct MersenneTwister {
  private var state: [UInt32]
  private var position = 624

  init(seed: UInt32) {
    state = [seed]
    state.reserveCapacity(624)
    for index in 1..<624 {
      let last = state[index - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index))
    }
  }

  mutating func next() -> UInt32 {
    if position == 624 { twist() }
    var bits = state[position]
    position += 1
    bits ^= bits >> 11
    bits ^= (bits << 7) & 0x9d2c_5680
    bits ^= (bits << 15) & 0xefc6_0000
    return bits ^ (bits >> 18)
  }

  /// A number in [0, 1) with 24 random bits, as `torch.rand` makes its fp32 numbers.
  mutating func nextUniform() -> Float { Float(next() & 0xff_ffff) * 0x1p-24 }

  private mutating func twist() {
    for index in 0..<624 {
      let joined = (state[index] & 0x8000_0000) | (state[(index + 1) % 624] & 0x7fff_ffff)
      state[index] = state[(index + 397) % 624] ^ (joined >> 1) ^ (joined & 1 == 0 ? 0 : 0x9908_b0df)
    }
    position = 0
  }
}
