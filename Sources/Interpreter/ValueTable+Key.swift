import HWModels

extension ValueTable {
  /// Names a value: equal keys, equal numbers.
  struct Key: Hashable {
    let origin: Operator
    /// Element type of the result, as a number: names of types are slow to hash.
    private let type: UInt8
    /// Values that it was made of.
    let a: Int32
    let b: Int32
    let c: Int32
    /// Numbers that it was made with.
    let p: Int32
    let q: Int32
    let r: Int32
    let s: Int32

    init(
      _ origin: Operator, _ a: Int32 = -1, _ b: Int32 = -1, _ c: Int32 = -1, p: Int = 0, q: Int = 0,
      r: Int = 0, s: Int = 0, type: DataType = .fp32
    ) {
      self.origin = origin
      (self.a, self.b, self.c) = (a, b, c)
      (self.p, self.q, self.r, self.s) = (Int32(p), Int32(q), Int32(r), Int32(s))
      self.type =
        switch type {
        case .fp32: 0
        case .bf16: 1
        case .fp16: 2
        case .fp8: 3
        }
    }

    /// The bits of a number that a value was made with.
    static func bits(_ number: Double) -> Int { Int(Int32(bitPattern: Float(number).bitPattern)) }

    func hash(into hasher: inout Hasher) {
      // One word: the hasher is slow by the call.
      func pair(_ x: Int32, _ y: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: x)) | UInt64(UInt32(bitPattern: y)) << 32
      }
      func mix(_ word: UInt64, _ next: UInt64) -> UInt64 {
        ((word ^ (word >> 29)) &* 0x9E37_79B9_7F4A_7C15) ^ next
      }
      let kind = Int32(origin.rawValue) << 8 | Int32(type)
      let mixed = mix(mix(mix(pair(a, b), pair(c, p)), pair(q, r)), pair(s, kind))
      hasher.combine(mixed)
    }
  }

  /// Keys numbered in the order in which they come.
  struct Names {
    private(set) var keys: [Key] = []
    private var numbers: [Key: Int32] = [:]

    subscript(key: Key) -> Int32? { numbers[key] }

    /// Numbers a key that is new.
    mutating func insert(_ key: Key) -> Int32 {
      let number = Int32(keys.count)
      keys.append(key)
      numbers[key] = number
      return number
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
