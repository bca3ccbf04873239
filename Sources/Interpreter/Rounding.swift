package import HWModels

/// Rounding of fp32 numbers to the element types of tensors: to nearest, ties to even.
///
/// Results stay in fp32, where every narrower number is exact.
package enum Rounding {
  /// 8 bits of exponent, 7 of mantissa.
  package static func bf16(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ ((bits &>> 16) & 1)) & 0xFFFF_0000)
  }

  /// 5 bits of exponent, 10 of mantissa; beyond 65504 infinite.
  package static func fp16(_ x: Float) -> Float {
    let size = x.magnitude
    if size < 0x1p-14 {
      // Subnormal spacing is 2^-24, which is the spacing of fp32 between 1/2 and 1.
      let rounded = (size + 0.5) - 0.5
      return x < 0 ? -rounded : rounded
    }
    let bits = x.bitPattern
    let rounded = Float(bitPattern: (bits &+ 0xFFF &+ ((bits &>> 13) & 1)) & 0xFFFF_E000)
    if rounded.magnitude > 65504 { return x < 0 ? -Float.infinity : Float.infinity }
    return rounded
  }

  /// FP8 E4M3: 4 bits of exponent, 3 of mantissa, no infinity; larger numbers saturate at 448 (`cvt.satfinite`).
  package static func e4m3(_ x: Float) -> Float {
    let size = x.magnitude
    if size < 0x1p-6 {
      // Subnormal spacing is 2^-9, which is the spacing of fp32 between 2^14 and 2^15.
      let rounded = (size + 0x1p14) - 0x1p14
      return x < 0 ? -rounded : rounded
    }
    if size >= 448 { return x < 0 ? -448 : 448 }
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7_FFFF &+ ((bits &>> 20) & 1)) & 0xFFF0_0000)
  }

  package static func round(_ x: Float, to type: DataType) -> Float {
    switch type {
    case .bf16: bf16(x)
    case .fp16: fp16(x)
    case .fp8: e4m3(x)
    case .fp32: x
    }
  }

  /// Rounds the first `count` numbers.
  static func round(_ numbers: inout [Float], count: Int, to type: DataType) {
    switch type {
    case .fp32: break
    case .bf16: for i in 0..<count { numbers[i] = bf16(numbers[i]) }
    case .fp16: for i in 0..<count { numbers[i] = fp16(numbers[i]) }
    case .fp8: for i in 0..<count { numbers[i] = e4m3(numbers[i]) }
    }
  }

  /// Half the spacing of the type's numbers just above 1: the largest relative error of one rounding.
  package static func unit(_ type: DataType) -> Double {
    switch type {
    case .bf16: 0x1p-8
    case .fp16: 0x1p-11
    case .fp8: 0x1p-4
    case .fp32: 0x1p-24
    }
  }

  /// Half the spacing of the type's numbers around `number`: the largest error of one rounding there.
  package static func halfSpacing(_ type: DataType, at number: Double) -> Double {
    let smallest: Double =
      switch type {
      case .bf16, .fp32: 0x1p-126
      case .fp16: 0x1p-14
      case .fp8: 0x1p-6
      }
    guard number.isFinite else { return 0 }
    return unit(type) * max(number.magnitude, smallest).binade
  }
}

extension DataType {
  /// The type of outputs for inputs of this type: FP8 attention writes bf16.
  package var outputType: DataType { self == .fp8 ? .bf16 : self }
}
