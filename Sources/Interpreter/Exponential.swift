/// Exponentials and logarithms, written out so that every machine gives the same bits.
package enum Exponential {
  static let log2E = 1.442_695_040_888_963_4
  static let ln2 = 0.693_147_180_559_945_3

  /// `2^x` in fp32 to about one unit in the last place, results below 2^-126 flushed to zero (`ex2.approx.ftz`).
  package static func exp2(_ x: Float) -> Float {
    if x >= 128 { return .infinity }
    if x < -126 { return 0 }
    if !(x < 128) { return .nan }
    // Adding 1.5 x 2^23 rounds to the nearest integer and leaves it in the low bits.
    let shifted = x + 12_582_912
    let fraction = x - (shifted - 12_582_912)
    // Taylor series of 2^f to degree 7 on [-1/2, 1/2]: error below (ln 2 / 2)^8 / 8! = 5e-9.
    var p: Float = 1.525_273_4e-5
    p = p * fraction + 1.540_353_0e-4
    p = p * fraction + 1.333_355_8e-3
    p = p * fraction + 9.618_129e-3
    p = p * fraction + 5.550_410_9e-2
    p = p * fraction + 0.240_226_51
    p = p * fraction + 0.693_147_18
    p = p * fraction + 1
    return Float(bitPattern: p.bitPattern &+ (shifted.bitPattern &<< 23))
  }

  /// `2^x` by multiply-adds alone, as FlashAttention-4 computes a share of its exponentials: the integer part
  /// (Cody-Waite, rounded down) goes to the exponent, the fraction through a polynomial of degree 3.
  ///
  /// Largest relative error 8.8e-5 before rounding. Arguments are clamped at -127; NaN stays NaN here, so that
  /// poison shows.
  /// Source: Dao-AILab/flash-attention@0251105 flash_attn/cute/utils.py, `ex2_emulation`.
  package static func polynomialExp2(_ x: Float) -> Float {
    if x >= 128 { return .infinity }
    if !(x < 128) { return .nan }
    let clamped = x > -127 ? x : -127
    let whole = clamped.rounded(.down)
    let fraction = clamped - whole
    let (c0, c1, c2, c3) = polynomial
    let p = ((c3 * fraction + c2) * fraction + c1) * fraction + c0
    return Float(bitPattern: p.bitPattern &+ UInt32(bitPattern: Int32(whole) &<< 23))
  }

  /// Minimax coefficients of 2^f on [0, 1) with the constant term fixed at 1.
  package static let polynomial: (Float, Float, Float, Float) = (
    1.0, 0.695_146_143_436_431_884_765_625, 0.227_564_394_474_029_541_015_625,
    0.077_119_089_663_028_717_041_015_625
  )

  /// `e^x` in double, error about 2e-16.
  package static func exp(_ x: Double) -> Double {
    if x > 709 { return x == .infinity || x > 709.78 ? .infinity : exp(x / 2) * exp(x / 2) }
    if x < -745 { return 0 }
    if !(x <= 709) { return .nan }
    let n = (x * log2E).rounded(.toNearestOrEven)
    // ln 2 in two parts, so that n * high is exact.
    let r = (x - n * 6.931_471_803_691_238_2e-1) - n * 1.908_214_929_270_587_7e-10
    var p = 1.605_904_383_682_161_5e-10
    p = p * r + 2.087_675_698_786_809_9e-9
    p = p * r + 2.505_210_838_544_171_9e-8
    p = p * r + 2.755_731_922_398_589_1e-7
    p = p * r + 2.755_731_922_398_589_1e-6
    p = p * r + 2.480_158_730_158_730_2e-5
    p = p * r + 1.984_126_984_126_984_1e-4
    p = p * r + 1.388_888_888_888_888_9e-3
    p = p * r + 8.333_333_333_333_333_3e-3
    p = p * r + 4.166_666_666_666_666_7e-2
    p = p * r + 0.166_666_666_666_666_67
    p = p * r + 0.5
    p = p * r + 1
    p = p * r + 1
    return p * Double(sign: .plus, exponent: Int(n) / 2, significand: 1)
      * Double(sign: .plus, exponent: Int(n) - Int(n) / 2, significand: 1)
  }

  /// Natural logarithm in double, error about 2e-16.
  package static func log(_ x: Double) -> Double {
    if x == 0 { return -.infinity }
    if !(x > 0) { return .nan }
    if x == .infinity { return x }
    var mantissa = x.significand
    var exponent = Double(x.exponent)
    if mantissa > 1.414_213_562_373_095 {
      mantissa /= 2
      exponent += 1
    }
    // 2 artanh((m - 1) / (m + 1)), |z| < 0.172: 11 terms leave less than 1e-17.
    let z = (mantissa - 1) / (mantissa + 1)
    let square = z * z
    var series = 0.0
    var k = 21
    while k > 0 {
      series = series * square + 1 / Double(k)
      k -= 2
    }
    return exponent * ln2 + 2 * z * series
  }
}
