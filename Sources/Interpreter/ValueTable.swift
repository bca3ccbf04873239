import Attention
import HWModels

/// Every matrix that runs of one program on one set of inputs have computed, each once.
///
/// A value is named by what made it: an operator and the values it read. Two orders of the same program make the same
/// values unless a step reads something else, so the second order costs bookkeeping only, and two runs agree to the
/// bit exactly where the names of their results agree.
final class ValueTable {
  let shape: AttentionShape
  /// log2(e) / sqrt(headDim): scores to exponents of two.
  let exponentScale: Float
  let softmaxScale: Double
  let visible: VisibleKeys
  /// Names of values; the value's number is its name's.
  @exclusivity(unchecked) private var known = Names()
  @exclusivity(unchecked) private var tiles: [Tile] = []
  /// Names of lists, numbered apart.
  @exclusivity(unchecked) private var notes = Names()
  @exclusivity(unchecked) private var inputs = 0
  /// By name of the lists of which they are made.
  @exclusivity(unchecked) var mergeWeights: [Int32: MergeWeights] = [:]
  @exclusivity(unchecked) var weightedSums: [Int32: Int32] = [:]

  init(shape: AttentionShape) {
    self.shape = shape
    visible = VisibleKeys(shape)
    softmaxScale = 1 / Double(shape.headDim).squareRoot()
    exponentScale = Float(Exponential.log2E * softmaxScale)
  }

  subscript(id: Int32) -> Tile { tiles[Int(id)] }

  /// What made a value.
  func key(of id: Int32) -> Key { known.keys[Int(id)] }

  /// Adds a matrix that no operation made.
  func add(input tile: Tile) -> Int32 {
    inputs += 1
    return insert(Key(.input, p: inputs - 1), tile)
  }

  private func insert(_ key: Key, _ tile: Tile) -> Int32 {
    tiles.append(tile)
    return known.insert(key)
  }

  /// The value named `key`, computed where it is new.
  func value(_ key: Key, _ make: () -> Tile) -> Int32 {
    if let id = known[key] { return id }
    // What it is made of may enter first.
    let tile = make()
    return insert(key, tile)
  }

  /// The number of a name that stands for no value of its own.
  func note(_ key: Key) -> Int32 { notes[key] ?? notes.insert(key) }

  func noted(_ number: Int32) -> Key { notes.keys[Int(number)] }

  // MARK: Shapes

  func constant(_ number: Float, rows: Int, columns: Int) -> Int32 {
    value(Key(.constant, p: Key.bits(Double(number)), q: rows, r: columns)) {
      let isZero = number == 0
      return Tile(
        rows: rows, columns: columns, liveRows: isZero ? 0 : rows, liveColumns: isZero ? 0 : columns,
        type: isZero || !number.isFinite ? .bf16 : .fp32, repeating: isZero ? 0 : number)
    }
  }

  /// Rows from `row` and columns from `column` of a value; zero outside of it.
  func crop(_ id: Int32, row: Int, rows: Int, column: Int, columns: Int) -> Int32 {
    let source = self[id]
    if row == 0, column == 0, rows == source.rows, columns == source.columns { return id }
    return value(Key(.crop, id, p: row, q: rows, r: column, s: columns)) {
      var tile = Tile(
        rows: rows, columns: columns, liveRows: min(max(source.liveRows - row, 0), rows),
        liveColumns: min(max(source.liveColumns - column, 0), columns), type: source.type)
      tile.copy(
        rows: tile.liveRows, count: tile.liveColumns, from: source, at: row * source.columns + column,
        stride: source.columns, to: 0, stride: columns)
      return tile
    }
  }

  /// `base` with `top` written over it at a place.
  func overlay(_ base: Int32, with top: Int32, row: Int, column: Int) -> Int32 {
    value(Key(.overlay, base, top, p: row, q: column)) {
      let (below, above) = (self[base], self[top])
      var tile = below
      tile.type = below.type == above.type ? below.type : .fp32
      tile.liveRows = max(below.liveRows, min(row + above.rows, below.rows))
      tile.liveColumns = max(below.liveColumns, min(column + above.columns, below.columns))
      tile.copy(
        rows: min(above.rows, below.rows - row), count: min(above.columns, below.columns - column),
        from: above, at: 0, stride: above.columns, to: row * below.columns + column, stride: below.columns)
      return tile
    }
  }

  /// A value at its place in a larger one.
  struct Part {
    var value: Int32
    var row: Int
    var column: Int
  }

  /// Parts laid one over another; NaN where there is none.
  func assemble(rows: Int, columns: Int, _ parts: [Part]) -> Int32 {
    guard let first = parts.first else { return constant(.nan, rows: rows, columns: columns) }
    let list = parts.reduce(Self.emptyList) { note(Key(.list, $0, $1.value, p: $1.row, q: $1.column)) }
    return value(Key(.assembly, first.value, p: Int(list), q: rows, r: columns)) {
      let type = self[first.value].type
      var tile = Tile(
        rows: rows, columns: columns, type: parts.allSatisfy { self[$0.value].type == type } ? type : .fp32,
        repeating: .nan)
      for part in parts {
        let source = self[part.value]
        tile.copy(
          rows: source.rows, count: source.columns, from: source, at: 0, stride: source.columns,
          to: part.row * columns + part.column, stride: columns)
      }
      return tile
    }
  }

  func rounded(_ id: Int32, to type: DataType) -> Int32 {
    if type == .fp32 || self[id].type == type { return id }
    return value(Key(.round, id, type: type)) {
      var tile = self[id]
      Rounding.round(&tile.elements, count: tile.liveRows * tile.columns, to: type)
      tile.type = type
      return tile
    }
  }

  /// Rows of one head (`row = position`) into their places among `heads` packed heads (`row = position * heads + head`).
  func packHead(_ base: Int32, head value: Int32, _ head: Int, of heads: Int) -> Int32 {
    self.value(Key(.packHead, base, value, p: head, q: heads)) {
      let source = self[value]
      var tile = self[base]
      tile.type = tile.type == source.type || tile.liveRows == 0 ? source.type : .fp32
      (tile.liveRows, tile.liveColumns) = (tile.rows, tile.columns)
      tile.copy(
        rows: source.rows, count: source.columns, from: source, at: 0, stride: source.columns,
        to: head * tile.columns, stride: heads * tile.columns)
      return tile
    }
  }

  /// Rows of one of `heads` packed heads.
  func unpackHead(_ id: Int32, _ head: Int, of heads: Int) -> Int32 {
    if heads == 1 { return id }
    return value(Key(.unpackHead, id, p: head, q: heads)) {
      let source = self[id]
      var tile = Tile(rows: source.rows / heads, columns: source.columns, type: source.type)
      tile.copy(
        rows: tile.rows, count: tile.columns, from: source, at: head * source.columns,
        stride: heads * source.columns, to: 0, stride: tile.columns)
      return tile
    }
  }

  // MARK: Products

  /// `a * b` (`+ c`), operands transposed where said, accumulated in fp32.
  func matmul(_ a: Int32, _ b: Int32, plus c: Int32?, transposeA: Bool, transposeB: Bool) -> Int32 {
    value(Key(.matmul, a, b, c ?? -1, p: (transposeA ? 1 : 0) + (transposeB ? 2 : 0))) {
      product(self[a], self[b], c.map { self[$0] }, transposeA, transposeB)
    }
  }

  private func product(_ a: Tile, _ b: Tile, _ c: Tile?, _ transposeA: Bool, _ transposeB: Bool) -> Tile {
    let liveRows = transposeA ? a.liveColumns : a.liveRows
    let liveColumns = transposeB ? b.liveRows : b.liveColumns
    let inner = min(transposeA ? a.liveRows : a.liveColumns, transposeB ? b.liveColumns : b.liveRows)
    var tile =
      c
      ?? Tile(
        rows: transposeA ? a.columns : a.rows, columns: transposeB ? b.rows : b.columns, liveRows: 0,
        liveColumns: 0)
    tile.type = .fp32
    tile.liveRows = max(tile.liveRows, liveRows)
    tile.liveColumns = max(tile.liveColumns, liveColumns)
    let turned =
      transposeB
      ? MatrixKernels.transposed(b.elements, rows: liveColumns, columns: inner, stride: b.columns)
      : b.elements
    MatrixKernels.multiplyAdd(
      rows: liveRows, columns: liveColumns, inner: inner,
      .init(numbers: a.elements, row: transposeA ? 1 : a.columns, column: transposeA ? a.columns : 1),
      .init(numbers: turned, row: transposeB ? liveColumns : b.columns), to: &tile.elements,
      cStride: tile.columns)
    return tile
  }
}
