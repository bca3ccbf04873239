import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

@Suite("Masks in text")
struct MasksTextTests {
  @Test(
    "Every spelling is read, and written in one way",
    arguments: [
      ("none", "none"), ("causal", "causal"), ("causal-tl", "causal-tl"), ("swa:127", "swa:127"),
      ("swa:127,0", "swa:127"), ("swa:-1,5", "swa:-1,5"), ("swa-tl:3,-1", "swa-tl:3,-1"),
      ("prefix:64", "prefix:64"), ("sink:4+512", "sink:4+512"), ("sink-tl:4+512", "sink-tl:4+512"),
      ("doc:3,4,5", "doc:3,4,5"), ("varlen-causal:3,4/5,6", "varlen-causal:3,4/5,6"),
      ("gna:128x128:w32", "gna:128x128:w32x32"),
      ("gna128x128:w32x32:s8x16:t8x16", "gna:128x128:w32x32:s8x16:t8x16"),
      ("gna128x128:w32x32:s1:tnone", "gna:128x128:w32x32"),
      ("gna:30x48x80:w6x8x8:d2x2x1:c1x0x0", "gna:30x48x80:w6x8x8:d2x2x1:c1x0x0"),
      ("na2d_rowmajor:128x128:w16", "gna:128x128:w16x16"),
      ("na2d_tiled8x16:128x128:w64", "gna:128x128:w64x64:t8x16"),
      ("block_sparse:128x64:density=0.25:seed=7", "block_sparse:128x64:density=0.25:seed=7"),
      ("block_sparse128:0.1:seed1234", "block_sparse:128x128:density=0.1:seed=1234:diagonal"),
      ("block_sparse:16x16:list=1:0,0:0,1:0", "block_sparse:16x16:list=0:0,1:0"),
      ("block_sparse:16x16:file=a/b.txt", "block_sparse:16x16:file=a/b.txt"),
      ("causal&doc:3,4|prefix:2", "causal & doc:3,4 | prefix:2"),
      ("causal & (doc:3,4 | prefix:2)", "causal & (doc:3,4 | prefix:2)"),
      ("heads(0-3=causal; 4=sink:4+8 | none)", "heads(0-3=causal;4=sink:4+8 | none)"),
    ])
  func spellings(text: String, canonical: String) throws {
    let mask = try Mask(parsing: text)
    #expect(mask.description == canonical)
    #expect(try Mask(parsing: canonical) == mask)
  }

  /// The caret under a text marks the expected position.
  @Test(
    "Bad text names the position, the field and the limit",
    arguments: [
      ("causel", "^", "mask", nil),
      ("swa:12,x", "       ^", "window right", nil),
      ("gna:16x16:w32x8", "          ^", "window", 16),
      ("gna:16x16:w8x8:s1x9", "               ^", "stride", 8),
      ("gna:16:w4:d5", "          ^", "dilation", 4),
      ("gna:16x16:w1x4", "          ^", "window", 2),
      ("gna:30x48:w8x8:t4x8", "               ^", "order", 30),
      ("gna:16x16:w8x8x8", "           ^", "window", 2),
      ("gna:16x16:w8x8:w4x4", "               ^", "window", nil),
      ("gna:16x16:w8x8:c2x0", "               ^", "causal", 1),
      ("gna:16x16", "         ^", "window", nil),
      ("sink:4+0", "       ^", "window", 1),
      ("doc:1,2/3", "       ^", "documents", 2),
      ("block_sparse:0x4:density=0.5:seed=1", "             ^", "block", 1),
      ("block_sparse:4x4:density=1.5:seed=1", "                 ^", "density", 1),
      ("block_sparse:4x4:density=0.5", "                            ^", "seed", nil),
      ("heads(0-3=causal;5-7=none)", "                 ^", "heads", 4),
      ("causal none", "       ^", "mask", nil),
      ("(causal", "       ^", "mask", nil),
      ("prefix:99999999999999999999", "       ^", "prefix", nil),
    ] as [(String, String, String, Int?)])
  func badText(text: String, caret: String, field: String, limit: Int?) throws {
    let error = try #require(throws: MaskSyntaxError.self) { try Mask(parsing: text) }
    #expect(error.position == caret.utf8.count - 1, "\(error)")
    #expect(error.field == field, "\(error)")
    #expect(error.limit == limit, "\(error)")
  }

  @Test(
    "A mask that does not fit the lengths names the field and the limit",
    arguments: [
      ("doc:3,4", 8, 8, "documents", 8), ("doc:3,5/3,6", 8, 8, "documents", 8),
      ("gna:4x4:w2x2", 17, 16, "shape", 17), ("block_sparse:4x4:list=0:0,4:1", 16, 16, "block list", 3),
      ("block_sparse:4x4:list=0:9", 16, 16, "block list", 3),
      ("block_sparse:1x1:density=0.5:seed=1", 1 << 20, 1 << 20, "block", 1 << 30),
      ("causal & varlen:3,5", 8, 8, "varlen", nil), ("block_sparse:4x4:file=none.txt", 8, 8, "file", nil),
    ] as [(String, Int, Int, String, Int?)])
  func misfits(text: String, seqQ: Int, seqKV: Int, field: String, limit: Int?) throws {
    let problem = try #require(try Mask(parsing: text).check(seqQ: seqQ, seqKV: seqKV).first)
    #expect(problem.field == field, "\(problem)")
    #expect(problem.limit == limit, "\(problem)")
    if let limit { #expect(problem.message.contains("\(limit)")) }
    #expect(throws: MaskProblem.self) {
      try Mask(parsing: text).tiles(seqQ: seqQ, seqKV: seqKV, geometry: .linear(query: 4, key: 4))
    }
  }

  @Test("Masks per head must cover the heads")
  func headCount() throws {
    let mask = try Mask(parsing: "heads(0-3=causal;4-7=sink:4+8)")
    #expect(mask.check(seqQ: 16, seqKV: 16, headCount: 8).isEmpty)
    #expect(mask.check(seqQ: 16, seqKV: 16, headCount: 6).map(\.limit) == [6])
    #expect(mask.headMasks(headCount: 8).map(\.heads) == [0..<4, 4..<8])
    // Causal heads: 136 pairs. Streaming heads: a window of 8, and up to 4 sinks before it.
    let streaming = try Mask(parsing: "sink:4+8").attendedPairs(seqQ: 16, seqKV: 16)
    #expect(mask.attendedPairs(seqQ: 16, seqKV: 16) == (136 + streaming) / 2)
  }

  @Test("A block list's file is read once and told by its path")
  func blockListFile() throws {
    let mask = try Mask(parsing: "block_sparse:4x4:file=kept.txt & causal")
    let read = try mask.readingBlockLists { path in
      #expect(path == "kept.txt")
      return "# kept blocks\n1:0; 1:1\n0:0, 3:2\n"
    }
    #expect(read.description == mask.description)
    #expect(read.check(seqQ: 16, seqKV: 16).isEmpty)
    #expect(read.rows(seqQ: 16, seqKV: 16).keys(of: 5) == [0..<6])
    #expect(throws: MaskSyntaxError.self) { try mask.readingBlockLists { _ in "1:0 2-3" } }
  }

  /// Kept blocks follow from the useful flops of the measured calls: 8192 a pair, 16,384 pairs a block.
  @Test(
    "Drawn blocks are those of the measured masks",
    arguments: [
      ("block_sparse128:0.1:seed1234", 1729), ("block_sparse128:0.25:seed1234", 4193),
      ("block_sparse128:0.5:seed1234", 8212), ("block_sparse128:0.75:seed1234", 12294),
      ("block_sparse128:0.1:seed77", 1742),
    ])
  func drawnBlocks(text: String, blocks: Int) throws {
    let mask = try Mask(parsing: text)
    let map = try mask.tiles(seqQ: 16_384, seqKV: 16_384, geometry: .linear(query: 128, key: 128))
    #expect(map.counts.visited == blocks)
    #expect(map.counts.partial == 0)
    #expect(mask.attendedPairs(seqQ: 16_384, seqKV: 16_384) == Double(blocks * 128 * 128))
  }
}
