/// The few real functions that the standard library lacks, so that the core needs no Foundation.
package enum RealMath {
  /// Natural logarithm of a positive number: exponent and mantissa, then a series in (m - 1) / (m + 1).
  package static func log(_ value: Double) -> Double {
    guard value > 0 else { return -.infinity }
    var mantissa = value.significand
    var exponent = Double(value.exponent)
    if mantissa > 1.4142135623730951 {
      mantissa /= 2
      exponent += 1
    }
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var term = ratio
    var sum = 0.0
    var odd = 1.0
    while abs(term) > 1e-18 {
      sum += term / odd
      term *= square
      odd += 2
    }
    return 2 * sum + exponent * 0.6931471805599453
  }

  /// Exponential function: range reduction by ln 2, then the Taylor series.
  package static func exp(_ value: Double) -> Double {
    let whole = (value / 0.6931471805599453).rounded()
    let rest = value - whole * 0.6931471805599453
    var term = 1.0
    var sum = 1.0
    for n in 1...20 {
      term *= rest / Double(n)
      sum += term
    }
    return Double(sign: .plus, exponent: Int(max(min(whole, 1023), -1022)), significand: sum)
  }

  package static func power(_ base: Double, _ exponent: Double) -> Double {
    base <= 0 ? (exponent == 0 ? 1 : 0) : exp(exponent * log(base))
  }
}
