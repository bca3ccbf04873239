/// `value` with six decimals, rounded to nearest on its exact binary value, ties to even, as C's `%.6f` does.
///
/// - Parameter value: not negative, below 2^63.
func sixDecimals(_ value: Double) -> String {
  // value * 10^6 = significand * 10^6 / 2^shift, in integers of up to 73 bits.
  let shift = 52 - Int(value == 0 ? 0 : value.exponent)
  let significand = UInt128(value.significandBitPattern | (value.isNormal ? 1 << 52 : 0)) * 1_000_000
  var scaled: UInt128
  if shift <= 0 {
    scaled = significand << UInt128(-shift)
  } else if shift >= 127 {
    scaled = 0
  } else {
    scaled = significand >> UInt128(shift)
    let rest = significand - (scaled << UInt128(shift))
    let half = UInt128(1) << UInt128(shift - 1)
    if rest > half || rest == half && scaled & 1 == 1 { scaled += 1 }
  }
  let fraction = String(scaled % 1_000_000)
  return "\(scaled / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
}
