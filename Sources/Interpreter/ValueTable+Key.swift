import HWModels

extension ValueTable {
  /// Names a value: equal keys, equal numbers.
  struct Key {
    let origin: Operator
    /// Operator and element type in one.
    let tag: Int32
    var a: Int32 = -1
    var b: Int32 = -1
    var c: Int32 = -1
    var p: Int32 = 0
    var q: Int32 = 0
    var r: Int32 = 0
    var s: Int32 = 0

    init(_ origin: Operator, _ type: DataType = .fp32) {
      self.origin = origin
      let number: Int32 =
        switch type {
        case .fp32: 0
        case .bf16: 1
        case .fp16: 2
        case .fp8: 3
        }
      tag = Int32(origin.rawValue) &* 4 &+ number
    }

    var hash: Int {
      let factor = 0x9E37_79B9_7F4A_7C15 as UInt
      var h = UInt(UInt32(bitPattern: a)) | UInt(UInt32(bitPattern: b)) &<< 32
      h = (h ^ (h &>> 29)) &* factor
      h = h ^ (UInt(UInt32(bitPattern: c)) | UInt(UInt32(bitPattern: tag)) &<< 32)
      h = (h ^ (h &>> 29)) &* factor
      h = h ^ (UInt(UInt32(bitPattern: p)) | UInt(UInt32(bitPattern: q)) &<< 32)
      h = (h ^ (h &>> 29)) &* factor
      h = h ^ (UInt(UInt32(bitPattern: r)) | UInt(UInt32(bitPattern: s)) &<< 32)
      h = (h ^ (h &>> 29)) &* factor
      return Int(bitPattern: h ^ (h &>> 32))
    }
  }

  enum Operator: UInt8 {
    case input, constant, crop, overlay, assembly, round, packHead, unpackHead
    case matmul, mask, maximum, larger, scale, probabilities, rowSum, scaleRows, multiply, add
    case normalise, logSumExp, partialWeight, divideRows, rowDot, recompute, scoreGradient
    /// Names of lists of values, and of what is made of them.
    case list, mergeWeights, weightedSum
  }
}
