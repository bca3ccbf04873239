/// The text forms of masks, as help texts tell them; `Mask.init(parsing:)` reads them.
enum MaskGrammar {
  static let forms =
    "none, causal, causal-tl, swa:LEFT[,RIGHT], prefix:N, sink:S+W, doc:L1,L2,... (also doc-causal, varlen, varlen-causal), "
    + "gna:DIMS:wWINDOW[:sSTRIDE][:dDILATION][:cCAUSAL][:tTILE], block_sparse:BQxBK:density=P:seed=S or :list=I:J,... or "
    + ":file=PATH; 'A & B', 'A | B', brackets, and heads(0-3=A;4-7=B) for masks per head"
}
