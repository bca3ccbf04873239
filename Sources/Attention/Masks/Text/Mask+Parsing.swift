extension Mask {
  /// Reads the command-line form; `description` writes it.
  ///
  /// - `none`, `causal`, `causal-tl`, `swa:LEFT[,RIGHT]`, `swa-tl:LEFT[,RIGHT]` (-1 is unbounded; causal without RIGHT)
  /// - `prefix:N`, `sink:S+W`, and both with `-tl`
  /// - `doc:L1,L2,...[/K1,K2,...]` (key lengths where they differ), `doc-causal:`, `varlen:`, `varlen-causal:`
  /// - `gna:DIMS:wWINDOW[:sSTRIDE][:dDILATION][:cCAUSAL][:tTILE]`, tuples written `AxBxC`, or one number for all axes
  /// - `block_sparse:BQxBK:density=P:seed=S[:diagonal]`, `:list=I:J,...` or `:file=PATH`
  /// - `A & B`, `A | B` and brackets; `heads(0-3=A;4-7=B)`
  /// - as in the measured tables: `gna128x128:w32x32:s1:tnone`, `na2d_rowmajor:GRID:wW`, `na2d_tiled8x16:GRID:wW`,
  ///   `block_sparse128:F:seedN`
  ///
  /// - Throws: `MaskSyntaxError` with the position, the field and the limit.
  public init(parsing text: String) throws(MaskSyntaxError) {
    var reader = MaskReader(text)
    self = try reader.mask()
  }
}

/// Recursive descent over the grammar of `Mask.init(parsing:)`.
struct MaskReader {
  var reader: TextReader
  /// Brackets that are open.
  private var depth = 0
  /// More brackets than a mask has a use for; far fewer than the stack holds.
  private static let deepest = 64
  init(_ text: String) { reader = TextReader(text) }

  mutating func mask() throws(MaskSyntaxError) -> Mask {
    reader.skipBlanks()
    let result = reader.take("heads(") ? try headMasks() : try union()
    reader.skipBlanks()
    guard reader.isAtEnd else { throw reader.error("mask", "the mask should end here") }
    return result
  }

  private mutating func headMasks() throws(MaskSyntaxError) -> Mask {
    var entries: [HeadMask] = []
    repeat {
      reader.skipBlanks()
      let start = reader.position
      let first: Int = try reader.number("heads")
      let last = reader.take("-") ? try reader.number("heads") : first
      let expected = entries.last?.heads.upperBound ?? 0
      guard first == expected, last >= first, last < 1 << 16 else {
        throw reader.error(
          "heads", "the next heads are written FIRST-LAST, begin at \(expected) and end before \(1 << 16)",
          at: start, limit: expected)
      }
      try reader.expect("=", "heads", "a mask is due: heads(FIRST-LAST=MASK;...)")
      entries.append(HeadMask(heads: first..<last + 1, mask: try union()))
    } while reader.take(";")
    try reader.expect(")", "heads", "';' or ')' is due")
    return .perHead(entries)
  }

  private mutating func union() throws(MaskSyntaxError) -> Mask {
    var masks = [try intersection()]
    while reader.take("|") { masks.append(try intersection()) }
    return masks.count == 1 ? masks[0] : .union(masks)
  }

  private mutating func intersection() throws(MaskSyntaxError) -> Mask {
    var masks = [try atom()]
    reader.skipBlanks()
    while reader.take("&") {
      masks.append(try atom())
      reader.skipBlanks()
    }
    return masks.count == 1 ? masks[0] : .intersection(masks)
  }

  private mutating func atom() throws(MaskSyntaxError) -> Mask {
    reader.skipBlanks()
    if reader.peek("(") {
      guard depth < Self.deepest else {
        throw reader.error("mask", "brackets are at most \(Self.deepest) deep", limit: Self.deepest)
      }
      _ = reader.take("(")
      depth += 1
      let inner = try union()
      depth -= 1
      try reader.expect(")", "mask", "')' is due")
      return inner
    }
    let start = reader.position
    let name = reader.word(until: ":&|();= ")
    if let mask = try band(name) { return mask }
    if let mask = try listed(name, from: start) { return mask }
    throw reader.error(
      "mask",
      "unknown mask; masks are none, causal, causal-tl, swa:LEFT[,RIGHT], prefix:N, sink:S+W, doc:L1,L2,..., "
        + "gna:DIMS:wWINDOW..., block_sparse:BQxBK:...",
      at: start)
  }

  /// A rule that lengths alone turn into keys; nil for other names.
  private mutating func band(_ name: String) throws(MaskSyntaxError) -> Mask? {
    switch name {
    case "none": return Mask.none
    case "causal": return .causal
    case "causal-tl": return .causalTopLeft
    case "swa", "swa-tl":
      try fieldsFollow(name, "LEFT[,RIGHT]")
      let left = try reach("window left")
      let right = reader.take(",") ? try reach("window right") : 0
      return name == "swa"
        ? .slidingWindow(left: left, right: right) : .slidingWindowTopLeft(left: left, right: right)
    case "prefix", "prefix-tl":
      try fieldsFollow(name, "N")
      return .prefix(length: try reader.number("prefix"), name == "prefix" ? .bottomRight : .topLeft)
    case "sink", "sink-tl":
      try fieldsFollow(name, "S+W")
      let tokens: Int = try reader.number("sink")
      try reader.expect("+", "sink", "'+' and the window are due: \(name):S+W")
      let windowStart = reader.position
      let window: Int = try reader.number("window")
      guard window >= 1 else {
        throw reader.error(
          "window", "the window holds the query itself: at least 1", at: windowStart, limit: 1)
      }
      return .sink(tokens: tokens, window: window, name == "sink" ? .bottomRight : .topLeft)
    case "doc", "doc-causal", "varlen", "varlen-causal":
      try fieldsFollow(name, "L1,L2,...[/K1,K2,...]")
      return .documents(
        try documents(
          isCausal: name.hasSuffix("-causal"), tiling: name.hasPrefix("doc") ? .packed : .restarting))
    default: return nil
    }
  }

  /// A neighborhood or a list of blocks, whose name may go on into its first field; nil for other names.
  private mutating func listed(_ name: String, from start: Int) throws(MaskSyntaxError) -> Mask? {
    if name == "gna" {
      try fieldsFollow(name, "DIMS:wWINDOW[:sSTRIDE][:dDILATION][:cCAUSAL][:tTILE]")
      return .neighborhood(try neighborhood(order: nil))
    }
    if name.hasPrefix("gna"), name.dropFirst(3).first?.isNumber == true {
      reader = reader.moved(to: start + 3)
      return .neighborhood(try neighborhood(order: nil))
    }
    if name == "na2d_rowmajor" {
      try fieldsFollow(name, "GRID:wW")
      return .neighborhood(try neighborhood(order: nil))
    }
    if name.hasPrefix("na2d_tiled") {
      reader = reader.moved(to: start + "na2d_tiled".utf8.count)
      let order = try tuple("order", count: 2)
      try fieldsFollow(name, "GRID:wW")
      return .neighborhood(try neighborhood(order: order))
    }
    if name == "block_sparse" {
      try fieldsFollow(name, "BQxBK:density=P:seed=S")
      return .blockSparse(try blockSparse())
    }
    if name.hasPrefix("block_sparse") {
      reader = reader.moved(to: start + "block_sparse".utf8.count)
      return .blockSparse(try measuredBlockSparse())
    }
    return nil
  }
}
