/// What stands behind the name of a mask.
extension MaskReader {
  mutating func fieldsFollow(_ name: String, _ fields: String) throws(MaskSyntaxError) {
    guard reader.take(":") else { throw reader.error("mask", "this mask is written \(name):\(fields)") }
  }

  /// A reach of a window: -1 is unbounded.
  mutating func reach(_ field: String) throws(MaskSyntaxError) -> Int? {
    if reader.take("-1"), !reader.atDigit { return nil }
    if reader.peek("-") {
      throw reader.error(field, "a reach is a whole number, or -1 for no limit", limit: -1)
    }
    let value: Int = try reader.number(field)
    return value
  }

  mutating func list(_ field: String) throws(MaskSyntaxError) -> [Int] {
    var values: [Int] = [try reader.number(field)]
    while reader.take(",") { values.append(try reader.number(field)) }
    return values
  }

  mutating func documents(
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
  mutating func tuple(_ field: String, count: Int? = nil) throws(MaskSyntaxError) -> [Int] {
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

  mutating func neighborhood(order given: [Int]?) throws(MaskSyntaxError) -> Neighborhood {
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

  mutating func blockSparse() throws(MaskSyntaxError) -> BlockSparse {
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

  mutating func measuredBlockSparse() throws(MaskSyntaxError) -> BlockSparse {
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

  func blockSparse(
    _ block: [Int], _ pattern: BlockSparse.Pattern, start: Int, patternStart: Int
  ) throws(MaskSyntaxError) -> BlockSparse {
    do throws(MaskProblem) {
      return try BlockSparse(queryBlock: block[0], keyBlock: block[block.count - 1], pattern: pattern)
    } catch {
      throw reader.error(
        error.field, error.message, at: error.field == "block" ? start : patternStart, limit: error.limit)
    }
  }

  mutating func inlineList() throws(MaskSyntaxError) -> BlockList {
    var entries: [BlockList.Entry] = []
    guard reader.atDigit else { return BlockList([]) }
    repeat {
      let row = try reader.number("block list", of: Int32.self)
      try reader.expect(":", "block list", "an entry is written ROW:COLUMN")
      entries.append(.init(row: row, column: try reader.number("block list", of: Int32.self)))
    } while reader.take(",")
    return BlockList(entries)
  }

  mutating func fraction(_ field: String) throws(MaskSyntaxError) -> Double {
    let start = reader.position
    let word = reader.word(until: ":&|();= ")
    guard let value = Double(word), value.isFinite else {
      throw reader.error(field, "'\(word)' is not a number", at: start)
    }
    return value
  }
}
