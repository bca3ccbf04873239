import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Schedules
@testable import Spatial

/// Into how many parts FlashAttention-3 cuts the keys, against its rules worked out by hand for 132 cores.
@Suite struct FlashAttention3SplitsTests {
  private func splits(
    _ batch: Int, _ heads: Int, _ headsKV: Int, _ keys: Int, isVarlen: Bool = true,
    _ choice: FlashAttention3Splits.Choice = .rule
  ) throws -> FlashAttention3Splits {
    let shape = try AttentionShape(
      batch: batch, headsQ: heads, headsKV: headsKV, seqQ: 1, seqKV: keys, headDim: 128)
    return FlashAttention3Splits(
      shape: shape, tile: FlashAttention3Tile(shape: shape, isCute: false, copiesPages: true),
      isVarlen: isVarlen,
      cores: 132, choice: choice)
  }

  /// 128 tiles of 128 keys. The bound takes the batch as one: 8 tiles of rows fill 120 of 132 cores with 15 parts. All of
  /// them are 512 x 8 tiles, a tenth more over 132 cores is 34.1: parts of 35 tiles, four of them.
  @Test func fourSequences() throws {
    let splits = try splits(4, 40, 8, 16384)
    #expect(splits.isCompiled)
    #expect(splits.parts == 4)
  }

  /// 16 x 2 tiles x 1024: a tenth more over 132 cores is 273.07, parts of 274, four of them.
  @Test func longSequences() throws { #expect(try splits(16, 4, 2, 131_072).parts == 4) }

  /// 64 sequences of 40 heads and 16 tiles: more than 341 tiles a core, one part. 40 tiles of rows let the bound be over 1.
  @Test func fullMachine() throws {
    let splits = try splits(64, 40, 40, 2048)
    #expect(splits.isCompiled)
    #expect(splits.parts == 1)
  }

  /// Four tiles of keys are not cut, nor 106 tiles of rows and more, nor batches of more than 992 sequences.
  @Test func uncut() throws {
    #expect(try !splits(1, 8, 1, 512).isCompiled)
    #expect(try !splits(1, 106, 106, 65536).isCompiled)
    let large = try splits(993, 4, 1, 65536)
    #expect(large.isCompiled)
    #expect(large.parts == 1)
  }

  /// Without a table the bound is the number: 4 x 8 tiles of rows fill 128 of 132 cores four times.
  @Test func dense() throws {
    #expect(try splits(4, 40, 8, 16384, isVarlen: false).parts == 4)
    #expect(try splits(4, 40, 8, 16384, isVarlen: false, .number(7)).parts == 7)
  }
}
