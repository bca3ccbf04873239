import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

@Suite("Numbers are those of the hardware")
struct NumericsTests {
  /// 2^x for x in [0, 1) in double.
  private func exact(_ x: Double) -> Double { Exponential.exp(x * 0.693_147_180_559_945_3) }

  @Test("FlashAttention-4's polynomial exp2 stays within 8.8e-5, and reaches it")
  func polynomial() {
    var worst = 0.0
    for step in 0..<50_000 {
      // Arguments of softmax are at most zero.
      let x = -Float(step) / 2000
      let found = Double(Exponential.polynomialExp2(x))
      let expected = exact(Double(x))
      worst = max(worst, (found / expected - 1).magnitude)
    }
    #expect(worst < 8.8e-5)
    #expect(worst > 8.7e-5)
    #expect(Exponential.polynomialExp2(-.infinity) < 1e-38)
    #expect(Exponential.polynomialExp2(.nan).isNaN)
    #expect(Exponential.polynomialExp2(0) == 1)
  }

  @Test("exp2 is good to the last place but one")
  func exponential() {
    var worst = 0.0
    for step in 0..<50_000 {
      let x = Float(step) / 500 - 60
      worst = max(worst, (Double(Exponential.exp2(x)) / exact(Double(x)) - 1).magnitude)
    }
    #expect(worst < 2.4e-7)
    #expect(Exponential.exp2(-.infinity) == 0)
    #expect(Exponential.exp2(.infinity) == .infinity)
    #expect(Exponential.exp2(.nan).isNaN)
    #expect(Exponential.exp2(10) == 1024)
    #expect((Exponential.log(Exponential.exp(-3.25)) + 3.25).magnitude < 1e-15)
  }

  @Test("Rounding is to nearest, ties to even")
  func rounding() {
    func check(_ type: DataType, _ number: Float, _ expected: Float) {
      #expect(Rounding.round(number, to: type) == expected, "\(type) \(number)")
    }
    check(.bf16, 0x1.01p0, 1)
    check(.bf16, 0x1.03p0, 0x1.04p0)
    check(.bf16, 0x1.010002p0, 0x1.02p0)
    check(.bf16, -3.1415927, -3.140625)
    check(.fp16, 0x1.002p0, 1)
    check(.fp16, 0x1.006p0, 0x1.008p0)
    check(.fp16, 65519, 65504)
    check(.fp16, 65520, .infinity)
    check(.fp16, 0x1p-25, 0)
    check(.fp16, 0x1.8p-25, 0x1p-24)
    check(.fp16, -0x1.004p-14, -0x1.004p-14)
    check(.fp8, 1.0625, 1)
    check(.fp8, 1.1875, 1.25)
    check(.fp8, 500, 448)
    check(.fp8, -1e9, -448)
    check(.fp8, 0x1p-10, 0)
    check(.fp8, 0x1.8p-10, 0x1p-9)
    check(.fp8, 0.017, 0x1p-6 + 0x1p-9)
  }

  @Test("One rounding is off by half a spacing at most, and can be", arguments: [DataType.bf16, .fp16, .fp8])
  func halfSpacing(type: DataType) {
    for number in [Float(1), 1.75, 0.1875, 0.25, -3.5] {
      let half = Float(Rounding.halfSpacing(type, at: Double(number)))
      let away = number < 0 ? -half : half
      #expect(Rounding.round(number, to: type) == number)
      #expect(Rounding.round(number + 0.99 * away, to: type) == number)
      #expect(Rounding.round(number + 1.01 * away, to: type) == number + 2 * away)
    }
    #expect(Rounding.halfSpacing(type, at: 1) == Rounding.unit(type))
    #expect(Rounding.halfSpacing(.fp16, at: 0) == 0x1p-25)
  }

  @Test("Every fp16 number and every e4m3 number rounds to itself")
  func fixedPoints() {
    for bits in 0..<UInt16(0x7C00) {
      let number = Float(Float16(bitPattern: bits))
      #expect(Rounding.fp16(number) == number)
    }
    for exponent in -6...8 {
      for mantissa in 0..<8 where !(exponent == 8 && mantissa == 7) {
        let number = Float(sign: .plus, exponent: exponent, significand: 1 + Float(mantissa) / 8)
        #expect(Rounding.e4m3(number) == number)
      }
    }
  }

  @Test("Skipping rescales below 2^8 changes nothing beyond rounding", arguments: AttentionData.Kind.allCases)
  func threshold(kind: AttentionData.Kind) throws {
    let shape = try SabotageTests.shape(.causal, seqQ: 60, seqKV: 150)
    let reference = Reference(AttentionData(shape: shape, kind: kind, seed: 5))
    let order = Order(.earliest, slots: 1)
    let always = Trial(program: try FlashProgram(shape: shape).program(), reference: reference).run(order)
    let rarely = Trial(program: try FlashProgram(shape: shape, threshold: 8).program(), reference: reference)
      .run(order)
    #expect(always.isRight && rarely.isRight)
    let (a, b) = (try #require(always.errors.first?.error), try #require(rarely.errors.first?.error))
    let unit = Rounding.unit(.bf16) / 2 * a.largest
    #expect((a.maximum - b.maximum).magnitude <= unit)
  }

  @Test(
    "A share of polynomial exponentials keeps the output within the yardstick", arguments: [0.1, 0.25, 1])
  func polynomialShare(share: Double) throws {
    for kind in AttentionData.Kind.allCases {
      let flash = FlashProgram(shape: try SabotageTests.shape(.causal), polynomialShare: share)
      let result = Verification.check(try flash.program(), kind: kind, orders: 2, seed: 3)
      #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
    }
  }

  @Test("Rows that see no key are zero, their log-sum-exp minus infinity")
  func emptyRows() throws {
    // 40 queries end where 10 keys end: the first 30 see nothing.
    let shape = try SabotageTests.shape(.causal, seqQ: 40, seqKV: 10)
    let reference = Reference(AttentionData(shape: shape, kind: .normal, seed: 1))
    let trial = Trial(program: try FlashProgram(shape: shape).program(), reference: reference)
    let outcome = trial.run(Order(.earliest, slots: 2))
    #expect(outcome.isRight)
    let (o, statistics) = (trial.table[outcome.values[0]], trial.table[outcome.values[2]])
    for row in 0..<30 {
      #expect((0..<16).allSatisfy { o[row, $0] == 0 })
      #expect(statistics[row, 0] == -.infinity)
    }
    #expect(statistics[30, 0].isFinite)
  }

  @Test("All scores minus infinity: zeros, no NaN")
  func allMinusInfinity() throws {
    // Key 1 of every three is at minus infinity; the mask leaves query 1 that key alone.
    let shape = try SabotageTests.shape(.slidingWindow(left: 0, right: 0), seqQ: 32, seqKV: 32)
    let reference = Reference(AttentionData(shape: shape, kind: .minusInfinity, seed: 1))
    let trial = Trial(program: try FlashProgram(shape: shape).program(), reference: reference)
    let outcome = trial.run(Order(.earliest, slots: 2))
    #expect(outcome.isRight)
    let o = trial.table[outcome.values[0]]
    for row in 0..<32 {
      #expect((0..<16).allSatisfy { o[row, $0].isFinite && (row % 3 != 1 || o[row, $0] == 0) })
    }
  }

  @Test("fp16, fp8 and fp32 programs stay within their yardsticks", arguments: [DataType.fp16, .fp8, .fp32])
  func types(type: DataType) throws {
    for kind in AttentionData.Kind.allCases {
      let flash = FlashProgram(shape: try SabotageTests.shape(.causal, type: type))
      let result = Verification.check(try flash.program(), kind: kind, orders: 2, seed: 3)
      #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
    }
  }
}
