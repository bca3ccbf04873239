import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
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
    // A token grid of 5 x 9, and documents of 20 and 25 tokens.
    let masks: [Verification.MaskFamily: String] = [
      .none: "none", .causal: "causal", .causalTopLeft: "causal-tl", .slidingWindow: "swa:20,5",
      .prefix: "prefix:9",
      .sink: "sink:3+17", .documents: "doc-causal:20,25", .neighborhood: "gna:5x9:w3x5",
      .blockSparse: "block_sparse:8x16:density=0.4:seed=3",
      .combined: "(block_sparse:8x16:density=0.4:seed=3 | swa:9) & causal",
      .perHead: "heads(0=sink:3+17;1=causal)",
    ]
    let mask = try Mask(parsing: try #require(masks[family]))
    let seqKV = family == .documents || family == .neighborhood ? 45 : 75
    for kind in AttentionData.Kind.allCases {
      for isPersistent in [true, false] {
        let flash = FlashProgram(
          shape: try Self.shape(mask, seqKV: seqKV), splits: splits, isPersistent: isPersistent)
        let result = check(try flash.program(), kind: kind)
        #expect(result.failure == nil, "\(result.lines.joined(separator: "\n"))")
      }
      if kind == .minusInfinity { continue }
      for headsKV in [1, 2] {
        let backward = BackwardProgram(shape: try Self.shape(mask, .backward, headsKV: headsKV, seqKV: seqKV))
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
