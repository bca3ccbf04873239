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
  private let known = KeyIndex()
  /// Names of lists, numbered apart.
  private let notes = KeyIndex()
  @exclusivity(unchecked) private var tiles: UnsafeMutablePointer<Tile>
  @exclusivity(unchecked) private var capacity = 256
  @exclusivity(unchecked) private var inputs: Int32 = 0
  /// By name of the lists of which they are made.
  var mergeWeights: [Int32: MergeWeights] = [:]
  var weightedSums: [Int32: Int32] = [:]

  init(shape: AttentionShape) {
    self.shape = shape
    visible = VisibleKeys(shape)
    softmaxScale = 1 / Double(shape.headDim).squareRoot()
    exponentScale = Float(Exponential.log2E * softmaxScale)
    tiles = .allocate(capacity: 256)
  }

  deinit {
    tiles.deinitialize(count: known.count)
    tiles.deallocate()
  }

  subscript(id: Int32) -> Tile { tiles[Int(id)] }

  /// What made a value.
  func key(of id: Int32) -> Key { known.keys[Int(id)] }

  /// Adds a matrix that no operation made.
  func add(input tile: Tile) -> Int32 {
    var key = Key(.input)
    key.p = inputs
    inputs += 1
    return insert(key, tile)
  }

  private func insert(_ key: Key, _ tile: Tile) -> Int32 {
    if known.count == capacity {
      let more = UnsafeMutablePointer<Tile>.allocate(capacity: 2 * capacity)
      more.moveInitialize(from: tiles, count: capacity)
      tiles.deallocate()
      tiles = more
      capacity *= 2
    }
    (tiles + known.count).initialize(to: tile)
    return known.insert(key)
  }

  /// The value named `key`, computed where it is new.
  func value(_ key: Key, _ make: () -> Tile) -> Int32 {
    let id = known.find(key)
    if id >= 0 { return id }
    // What it is made of may enter first.
    let tile = make()
    return insert(key, tile)
  }

  /// The number of a name that stands for no value of its own.
  func note(_ key: Key) -> Int32 {
    let number = notes.find(key)
    return number >= 0 ? number : notes.insert(key)
  }

  func noted(_ number: Int32) -> Key { notes.keys[Int(number)] }

  // MARK: Shapes

  func constant(_ number: Float, rows: Int, columns: Int) -> Int32 {
    var key = Key(.constant)
    key.p = Int32(bitPattern: number.bitPattern)
    key.q = Int32(rows)
    key.r = Int32(columns)
    return value(key) {
      let isZero = number == 0
      let tile = Tile(
        rows: rows, columns: columns, liveRows: isZero ? 0 : rows, liveColumns: isZero ? 0 : columns,
        type: number == 0 || number.isInfinite || number.isNaN ? .bf16 : .fp32)
      if !isZero { tile.elements.update(repeating: number, count: rows * columns) }
      return tile
    }
  }

  /// Rows from `row` and columns from `column` of a value; zero outside of it.
  func crop(_ id: Int32, row: Int, rows: Int, column: Int, columns: Int) -> Int32 {
    let source = self[id]
    if row == 0, column == 0, rows == source.rows, columns == source.columns { return id }
    var key = Key(.crop)
    key.a = id
    key.p = Int32(row)
    key.q = Int32(rows)
    key.r = Int32(column)
    key.s = Int32(columns)
    return value(key) {
      let liveRows = min(max(source.liveRows - row, 0), rows)
      let liveColumns = min(max(source.liveColumns - column, 0), columns)
      let tile = Tile(
        rows: rows, columns: columns, liveRows: liveRows, liveColumns: liveColumns, type: source.type)
      var i = 0
      while i < liveRows {
        (tile.elements + i * columns).update(
          from: source.elements + (row + i) * source.columns + column, count: liveColumns)
        i += 1
      }
      return tile
    }
  }

  /// `base` with `top` written over it at a place.
  func overlay(_ base: Int32, with top: Int32, row: Int, column: Int) -> Int32 {
    var key = Key(.overlay)
    key.a = base
    key.b = top
    key.p = Int32(row)
    key.q = Int32(column)
    return value(key) {
      let (below, above) = (self[base], self[top])
      let tile = below.copy()
      tile.type = below.type == above.type ? below.type : .fp32
      tile.liveRows = max(below.liveRows, min(row + above.rows, below.rows))
      tile.liveColumns = max(below.liveColumns, min(column + above.columns, below.columns))
      let rows = min(above.rows, below.rows - row)
      let columns = min(above.columns, below.columns - column)
      for i in 0..<max(rows, 0) {
        (tile.elements + (row + i) * below.columns + column).update(
          from: above.elements + i * above.columns, count: columns)
      }
      return tile
    }
  }

  /// A value at its place in a larger one.
  struct Part {
    var value: Int32
    var row: Int
    var column: Int
  }

  /// `count` parts laid one over another; NaN where there is none.
  func assemble(rows: Int, columns: Int, count: Int, _ part: (Int) -> Part) -> Int32 {
    if count == 0 { return constant(.nan, rows: rows, columns: columns) }
    var name = Self.emptyList
    var first: Int32 = -1
    var index = 0
    while index < count {
      let next = part(index)
      if index == 0 { first = next.value }
      var key = Key(.list)
      key.a = name
      key.b = next.value
      key.p = Int32(truncatingIfNeeded: next.row)
      key.q = Int32(truncatingIfNeeded: next.column)
      name = note(key)
      index &+= 1
    }
    var key = Key(.assembly)
    key.a = first
    key.p = name
    key.q = Int32(rows)
    key.r = Int32(columns)
    return value(key) {
      let parts = (0..<count).map(part)
      let type = self[first].type
      let tile = Tile(
        rows: rows, columns: columns, type: parts.allSatisfy { self[$0.value].type == type } ? type : .fp32)
      tile.elements.update(repeating: .nan, count: rows * columns)
      for part in parts {
        let source = self[part.value]
        for row in 0..<source.rows {
          (tile.elements + (part.row + row) * columns + part.column).update(
            from: source.elements + row * source.columns, count: source.columns)
        }
      }
      return tile
    }
  }

  func rounded(_ id: Int32, to type: DataType) -> Int32 {
    let source = self[id]
    if type == .fp32 || source.type == type { return id }
    var key = Key(.round, type)
    key.a = id
    return value(key) {
      let tile = source.copy()
      Rounding.round(tile.elements, count: tile.liveRows * tile.columns, to: type)
      tile.type = type
      return tile
    }
  }

  /// Rows of one head (`row = position`) into their places among `heads` packed heads (`row = position * heads + head`).
  func packHead(_ base: Int32, head value: Int32, _ head: Int, of heads: Int) -> Int32 {
    var key = Key(.packHead)
    key.a = base
    key.b = value
    key.p = Int32(head)
    key.q = Int32(heads)
    return self.value(key) {
      let source = self[value]
      let tile = self[base].copy()
      tile.type = tile.type == source.type || tile.liveRows == 0 ? source.type : .fp32
      tile.liveRows = tile.rows
      tile.liveColumns = tile.columns
      for row in 0..<source.rows {
        (tile.elements + (row * heads + head) * tile.columns).update(
          from: source.elements + row * source.columns, count: source.columns)
      }
      return tile
    }
  }

  /// Rows of one of `heads` packed heads.
  func unpackHead(_ id: Int32, _ head: Int, of heads: Int) -> Int32 {
    if heads == 1 { return id }
    var key = Key(.unpackHead)
    key.a = id
    key.p = Int32(head)
    key.q = Int32(heads)
    return value(key) {
      let source = self[id]
      let tile = Tile(rows: source.rows / heads, columns: source.columns, type: source.type)
      for row in 0..<tile.rows {
        (tile.elements + row * tile.columns).update(
          from: source.elements + (row * heads + head) * source.columns, count: source.columns)
      }
      return tile
    }
  }

  // MARK: Products

  /// `a * b` (`+ c`), operands transposed where said, accumulated in fp32.
  func matmul(_ a: Int32, _ b: Int32, plus c: Int32?, transposeA: Bool, transposeB: Bool) -> Int32 {
    var key = Key(.matmul)
    key.a = a
    key.b = b
    key.c = c ?? -1
    key.p = (transposeA ? 1 : 0) + (transposeB ? 2 : 0)
    return value(key) { product(self[a], self[b], c.map { self[$0] }, transposeA, transposeB) }
  }

  private func product(_ a: Tile, _ b: Tile, _ c: Tile?, _ transposeA: Bool, _ transposeB: Bool) -> Tile {
    let rows = transposeA ? a.columns : a.rows
    let columns = transposeB ? b.rows : b.columns
    let liveRows = transposeA ? a.liveColumns : a.liveRows
    let liveColumns = transposeB ? b.liveRows : b.liveColumns
    let inner = min(transposeA ? a.liveRows : a.liveColumns, transposeB ? b.liveColumns : b.liveRows)
    let tile: Tile
    if let c {
      tile = c.copy()
      tile.type = .fp32
      tile.liveRows = max(c.liveRows, liveRows)
      tile.liveColumns = max(c.liveColumns, liveColumns)
    } else {
      tile = Tile(rows: rows, columns: columns, liveRows: liveRows, liveColumns: liveColumns)
    }
    let aRow = transposeA ? 1 : a.columns
    let aColumn = transposeA ? a.columns : 1
    if transposeB {
      let turned = UnsafeMutablePointer<Float>.allocate(capacity: max(inner * liveColumns, 1))
      MatrixKernels.transpose(b.elements, rows: liveColumns, columns: inner, stride: b.columns, into: turned)
      MatrixKernels.multiplyAdd(
        rows: liveRows, columns: liveColumns, inner: inner, a: a.elements, aRow: aRow, aColumn: aColumn,
        b: turned, bStride: liveColumns, c: tile.elements, cStride: tile.columns)
      turned.deallocate()
    } else {
      MatrixKernels.multiplyAdd(
        rows: liveRows, columns: liveColumns, inner: inner, a: a.elements, aRow: aRow, aColumn: aColumn,
        b: b.elements, bStride: b.columns, c: tile.elements, cStride: tile.columns)
    }
    return tile
  }
}
