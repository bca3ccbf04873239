import Attention
import Programs
import Schedules

/// The text forms of masks, as help texts and `docs/masks.md` tell them; `Mask.init(parsing:)` reads them.
enum MaskGrammar {
  struct Form: Sendable {
    var text: String
    var meaning: String
    /// A mask of this form over 1024 queries and keys of four heads.
    var example: String
  }

  static let all: [Form] = [
    Form(text: "none", meaning: "every query sees every key", example: "none"),
    Form(
      text: "causal", meaning: "keys up to the query, the last query beside the last key", example: "causal"),
    Form(
      text: "causal-tl", meaning: "keys up to the query, the first query beside the first key",
      example: "causal-tl"),
    Form(
      text: "swa:LEFT[,RIGHT]", meaning: "a window of keys before and after the query", example: "swa:256"),
    Form(text: "prefix:N", meaning: "causal, and the first N keys for all", example: "prefix:128"),
    Form(text: "sink:S+W", meaning: "the first S keys and a causal window of W", example: "sink:64+256"),
    Form(
      text: "doc:L1,L2,... (also doc-causal, varlen, varlen-causal)",
      meaning: "documents of these lengths that do not see each other", example: "doc:300,200,524"),
    Form(
      text: "gna:DIMS:wWINDOW[:sSTRIDE][:dDILATION][:cCAUSAL][:tTILE]",
      meaning: "generalized neighborhoods on a token grid", example: "gna:16x64:w8x8"),
    Form(
      text: "block_sparse:BQxBK:density=P:seed=S or :list=I:J,... or :file=PATH",
      meaning: "blocks of queries and keys, drawn or listed",
      example: "block_sparse:128x128:density=0.4:seed=3"),
    Form(
      text: "'A & B'", meaning: "pairs that both allow",
      example: "causal & block_sparse:128x128:density=0.4:seed=3"),
    Form(text: "'A | B'", meaning: "pairs that one of them allows", example: "swa:64 | prefix:128"),
    Form(
      text: "heads(0-3=A;4-7=B)", meaning: "a mask for each head", example: "heads(0-1=causal;2-3=swa:128)"),
  ]

  static let forms = all.map(\.text).joined(separator: ", ") + ", with brackets"

  /// A line a form, with the schedules that take its example in the forward pass.
  static func markdown() throws -> String {
    let lines = try all.map { form in
      let shape = try AttentionShape(
        batch: 1, headsQ: 4, seqQ: 1024, headDim: 128, mask: Mask(parsing: form.example))
      let takers = ScheduleRegistry.standard.all.filter { schedule in
        let plain = schedule.plain(shape)
        return schedule.support.entries.contains { $0.passes.contains(.forward) && $0.masks.admits(plain) }
      }
      let cells = [
        form.text, form.meaning, form.example, takers.map { $0.name }.joined(separator: ", "),
      ].map { $0.replacing("|", with: "\\|") }
      return "| `\(cells[0])` | \(cells[1]) | `\(cells[2])` | \(cells[3]) |"
    }
    return
      ([
        "# Masks", "",
        "Written by `make docs` from the forms that are read and what each schedule declares. A mask that equals a plainer one on",
        "a call, as a window over all keys, is that one.", "",
        "| form | meaning | example | schedules, forward |", "| --- | --- | --- | --- |",
      ] + lines).joined(separator: "\n")
  }
}
