import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Masks said more plainly, against the definition of what was said.
@Suite("Masks simplified")
struct MasksSimplifiedTests {
  @Test("A simplified mask allows the same pairs", arguments: 0..<600)
  func samePairs(seed: Int) {
    var generator = MasksGenerator(seed: 20_000 + seed)
    let (mask, seqQ, seqKV) = generator.sequenceMask()
    let pairs = MasksReference.pairs(mask, seqQ: seqQ, seqKV: seqKV)
    for plain in [mask.simplified, mask.builtIn(seqQ: seqQ, seqKV: seqKV)] {
      #expect(
        MasksReference.pairs(plain, seqQ: seqQ, seqKV: seqKV) == pairs, "seed \(seed), \(mask) as \(plain)")
      #expect(plain.simplified == plain, "seed \(seed), \(mask)")
    }
  }

  /// What was asked, how it is said for all lengths, and as a rule of kernels for 64 queries and keys.
  static let table: [(asked: String, simplified: String, builtIn: String)] = [
    ("causal & none", "causal", "causal"), ("none & none", "none", "none"),
    ("causal | none", "none", "none"), ("causal & causal", "causal", "causal"),
    ("(causal & none) & (none & swa:8,8)", "swa:8", "swa:8"), ("swa:8,2 & swa:4,6", "swa:4,2", "swa:4,2"),
    ("swa:8,2 | swa:4,6", "swa:8,6", "swa:8,6"), ("swa:-1,0", "causal", "causal"),
    ("swa:-1,-1", "none", "none"), ("heads(0-3=causal;4-7=causal & none)", "causal", "causal"),
    ("heads(0-3=causal;4-5=none;6-7=none)", "heads(0-3=causal;4-7=none)", "heads(0-3=causal;4-7=none)"),
    ("sink:0+9", "swa:8", "swa:8"), ("sink:4+8 & causal", "sink:4+8", "sink:4+8"),
    ("sink:4+8 | causal", "causal", "causal"), ("prefix:8 & causal", "causal", "causal"),
    ("prefix:8 | prefix:9", "prefix:9", "prefix:9"), ("prefix:0", "causal", "causal"),
    ("prefix:64", "prefix:64", "none"), ("sink:32+32", "sink:32+32", "causal"),
    ("sink:31+32", "sink:31+32", "sink:31+32"), ("doc:64", "doc:64", "none"),
    ("varlen-causal:64,0", "varlen-causal:64,0", "causal"), ("doc:32,32", "doc:32,32", "doc:32,32"),
    ("doc:64 & causal-tl", "doc:64 & causal-tl", "causal"), ("causal-tl", "causal-tl", "causal"),
    ("heads(0=doc:64;1=none)", "heads(0=doc:64;1=none)", "none"), ("swa:64", "swa:64", "swa:64"),
  ]

  @Test("Forms", arguments: table.indices)
  func forms(index: Int) throws {
    let row = Self.table[index]
    let mask = try Mask(parsing: row.asked)
    #expect(mask.simplified.description == row.simplified)
    #expect(mask.builtIn(seqQ: 64, seqKV: 64).description == row.builtIn)
  }
}
