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
private struct MaskReader {
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
    switch name {
    case "none": return .none
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
    default: break
    }
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
    throw reader.error(
      "mask",
      "unknown mask; masks are none, causal, causal-tl, swa:LEFT[,RIGHT], prefix:N, sink:S+W, doc:L1,L2,..., "
        + "gna:DIMS:wWINDOW..., block_sparse:BQxBK:...",
      at: start)
  }

  // MARK: Fields

  private mutating func fieldsFollow(_ name: String, _ fields: String) throws(MaskSyntaxError) {
    guard reader.take(":") else { throw reader.error("mask", "this mask is written \(name):\(fields)") }
  }

  /// A reach of a window: -1 is unbounded.
  private mutating func reach(_ field: String) throws(MaskSyntaxError) -> Int? {
    if reader.take("-1"), !reader.atDigit { return nil }
    if reader.peek("-") {
      throw reader.error(field, "a reach is a whole number, or -1 for no limit", limit: -1)
    }
    let value: Int = try reader.number(field)
    return value
  }

  private mutating func list(_ field: String) throws(MaskSyntaxError) -> [Int] {
    var values: [Int] = [try reader.number(field)]
    while reader.take(",") { values.append(try reader.number(field)) }
    return values
  }

  private mutating func documents(
    isCausal: Bool, tiling: Documents.Tiling
  ) throws(MaskSyntaxError) -> Documents {
    let queries = try list("documents")
    let start = reader.position
    let keys = reader.take("/") ? try list("documents") : queries
    guard keys.count == queries.count else {
      throw reader.error(
        "documents", "\(keys.count) key lengths for \(queries.count) documents", at: start,
        limit: queries.count)
    }
    return Documents(queryLengths: queries, keyLengths: keys, isCausal: isCausal, tiling: tiling)
  }

  /// `AxBxC`, or one number where `count` axes are known.
  private mutating func tuple(_ field: String, count: Int? = nil) throws(MaskSyntaxError) -> [Int] {
    let start = reader.position
    var values: [Int] = [try reader.number(field)]
    while reader.take("x") { values.append(try reader.number(field)) }
    guard let count else { return values }
    if values.count == 1 { return [Int](repeating: values[0], count: count) }
    guard values.count == count else {
      throw reader.error(
        field, "\(values.count) entries for a token grid of \(count) axes", at: start, limit: count)
    }
    return values
  }

  private mutating func neighborhood(order given: [Int]?) throws(MaskSyntaxError) -> Neighborhood {
    var starts = ["shape": reader.position]
    let shape = try tuple("shape")
    var fields: [String: [Int]] = [:]
    let names: [(Unicode.Scalar, String)] = [
      ("w", "window"), ("s", "stride"), ("d", "dilation"), ("c", "causal"), ("t", "order"),
    ]
    while reader.take(":") {
      guard let (_, field) = names.first(where: { reader.peek($0.0) }) else {
        throw reader.error("mask", "expected wWINDOW, sSTRIDE, dDILATION, cCAUSAL or tTILE")
      }
      guard starts[field] == nil else { throw reader.error(field, "this field is given twice") }
      starts[field] = reader.position
      if field == "order", reader.take("tnone") { continue }
      _ = reader.take(names.first { $0.1 == field }?.0 ?? " ")
      fields[field] = try tuple(field, count: shape.count)
    }
    guard let window = fields["window"] else {
      throw reader.error("window", "the window is missing: :wAxBxC")
    }
    if let causal = fields["causal"], causal.contains(where: { $0 > 1 }) {
      throw reader.error("causal", "each entry is 0 or 1", at: starts["causal"], limit: 1)
    }
    do throws(MaskProblem) {
      return try Neighborhood(
        shape: shape, window: window, stride: fields["stride"], dilation: fields["dilation"],
        isCausal: fields["causal"]?.map { $0 == 1 }, order: fields["order"] ?? given)
    } catch {
      throw reader.error(
        error.field, error.message, at: starts[error.field] ?? starts["shape"], limit: error.limit)
    }
  }

  private mutating func blockSparse() throws(MaskSyntaxError) -> BlockSparse {
    let start = reader.position
    let block = try tuple("block")
    guard block.count <= 2 else {
      throw reader.error("block", "a block is written BQxBK", at: start, limit: 2)
    }
    try reader.expect(":", "block list", "density=P:seed=S, list=I:J,... or file=PATH is due")
    let patternStart = reader.position
    let pattern: BlockSparse.Pattern
    if reader.take("list=") {
      pattern = .list(try inlineList())
    } else if reader.take("file=") {
      pattern = .file(path: reader.word(until: "&|;) "), nil)
    } else if reader.take("density=") {
      let density = try fraction("density")
      guard reader.take(":seed=") else { throw reader.error("seed", "the seed is missing: :seed=S") }
      pattern = .random(
        density: density, seed: try reader.number("seed", of: UInt32.self),
        keepsDiagonal: reader.take(":diagonal"))
    } else {
      throw reader.error("block list", "density=P:seed=S, list=I:J,... or file=PATH is due")
    }
    return try blockSparse(block, pattern, start: start, patternStart: patternStart)
  }

  private mutating func measuredBlockSparse() throws(MaskSyntaxError) -> BlockSparse {
    let start = reader.position
    let block: Int = try reader.number("block")
    try reader.expect(":", "density", "this mask is written block_sparse\(block):F:seedN")
    let patternStart = reader.position
    let density = try fraction("density")
    guard reader.take(":seed") else { throw reader.error("seed", "the seed is missing: :seedN") }
    let pattern = BlockSparse.Pattern.random(
      density: density, seed: try reader.number("seed", of: UInt32.self), keepsDiagonal: true)
    return try blockSparse([block], pattern, start: start, patternStart: patternStart)
  }

  private func blockSparse(
    _ block: [Int], _ pattern: BlockSparse.Pattern, start: Int, patternStart: Int
  ) throws(MaskSyntaxError) -> BlockSparse {
    do throws(MaskProblem) {
      return try BlockSparse(queryBlock: block[0], keyBlock: block[block.count - 1], pattern: pattern)
    } catch {
      throw reader.error(
        error.field, error.message, at: error.field == "block" ? start : patternStart, limit: error.limit)
    }
  }

  private mutating func inlineList() throws(MaskSyntaxError) -> BlockList {
    var entries: [BlockList.Entry] = []
    guard reader.atDigit else { return BlockList([]) }
    repeat {
      let row = try reader.number("block list", of: Int32.self)
      try reader.expect(":", "block list", "an entry is written ROW:COLUMN")
      entries.append(.init(row: row, column: try reader.number("block list", of: Int32.self)))
    } while reader.take(",")
    return BlockList(entries)
  }

  private mutating func fraction(_ field: String) throws(MaskSyntaxError) -> Double {
    let start = reader.position
    let word = reader.word(until: ":&|();= ")
    guard let value = Double(word), value.isFinite else {
      throw reader.error(field, "'\(word)' is not a number", at: start)
    }
    return value
  }
}
