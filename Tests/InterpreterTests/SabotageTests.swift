import HWModels
import Schedules
import Testing

@testable import Interpreter

@Suite("What is broken on purpose is caught")
struct SabotageTests {
  static let references = ReferenceCache()

  static func shape(
    _ mask: Mask = .none, _ pass: AttentionShape.Pass = .forward, headsKV: Int = 1, seqQ: Int = 45,
    seqKV: Int = 75,
    type: DataType = .bf16
  ) throws -> AttentionShape {
    try AttentionShape(
      batch: 1, headsQ: 2, headsKV: headsKV, seqQ: seqQ, seqKV: seqKV, headDim: 16, dataType: type,
      mask: mask,
      pass: pass)
  }

  /// Verifies in 20 orders.
  private func check(
    _ program: Program, kind: AttentionData.Kind = .rising
  ) -> VerificationReport.Case {
    Verification.check(program, kind: kind, orders: 20, seed: 11, references: Self.references)
  }

  @Test("The whole programs are right", arguments: Verification.MaskFamily.allCases, [1, 3])
  func whole(family: Verification.MaskFamily, splits: Int) throws {
    let masks: [Verification.MaskFamily: Mask] = [
      .none: .none, .causal: .causal, .causalTopLeft: .causalTopLeft,
      .slidingWindow: .slidingWindow(left: 20, right: 5),
    ]
    let mask = try #require(masks[family])
    for kind in AttentionData.Kind.allCases {
      for isPersistent in [true, false] {
        let flash = FlashProgram(shape: try Self.shape(mask), splits: splits, isPersistent: isPersistent)
        let result = check(try flash.program(), kind: kind)
        #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
      }
      if kind == .minusInfinity { continue }
      for headsKV in [1, 2] {
        let backward = BackwardProgram(shape: try Self.shape(mask, .backward, headsKV: headsKV))
        let result = check(try backward.program(), kind: kind)
        #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
      }
    }
  }

  @Test("in forward passes", arguments: FlashProgram.Fault.allCases)
  func forward(fault: FlashProgram.Fault) throws {
    let flash = FlashProgram(
      shape: try Self.shape(), fault: fault, splits: fault == .mergedWithoutLogSumExp ? 3 : 1)
    let result = check(try flash.program())
    let failure = try #require(result.failure)
    let places: [FlashProgram.Fault: String] = [
      .waitForValuesMissing: "V", .waitForScoresMissing: "S", .keysReleasedTooEarly: "K",
      .ringOneSlotTooSmall: "K",
      .queryRingOverCredited: "Q", .storeNotAwaited: "O",
    ]
    if let place = places[fault] {
      #expect(failure.buffer.hasPrefix(place), "\(result.lines.joined(separator: "\n"))")
      #expect(!failure.operation.isEmpty)
    } else {
      #expect(failure.order == 0, "wrong in every order")
      #expect(failure.choices == 0)
    }
  }

  @Test("in backward passes: dQ without atomic addition")
  func backward() throws {
    let program = BackwardProgram(shape: try Self.shape(.none, .backward, headsKV: 2), isAtomic: false)
    let result = check(try program.program())
    let failure = try #require(result.failure)
    #expect(failure.buffer == "gradQAccumulator")
  }
}
