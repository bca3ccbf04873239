/// A rectangle of a buffer slot or a tensor.
struct Rectangle: Equatable {
  var row: Int
  var rows: Int
  var column: Int
  var columns: Int

  static func == (a: Rectangle, b: Rectangle) -> Bool {
    a.row == b.row && a.rows == b.rows && a.column == b.column && a.columns == b.columns
  }

  func contains(_ other: Rectangle) -> Bool {
    row <= other.row && other.row &+ other.rows <= row &+ rows && column <= other.column
      && other.column &+ other.columns <= column &+ columns
  }

  func meets(_ other: Rectangle) -> Bool {
    row < other.row &+ other.rows && other.row < row &+ rows && column < other.column &+ other.columns
      && other.column < column &+ columns
  }
}

/// What a buffer slot or a tensor holds: the values written to it, later over earlier. What nobody wrote is NaN.
///
/// Reading and writing are most of what a repeated order costs, and tests run without the optimiser: pieces lie in raw
/// memory, and loops over them call nothing.
final class Contents {
  private struct Piece {
    var place: Rectangle
    var value: Int32
  }

  @exclusivity(unchecked) private var pieces: UnsafeMutablePointer<Piece>
  @exclusivity(unchecked) private var count = 0
  @exclusivity(unchecked) private var capacity: Int

  init() {
    capacity = 2
    pieces = .allocate(capacity: 2)
  }

  deinit { pieces.deallocate() }

  func copy() -> Contents {
    let copy = Contents()
    for place in 0..<count { copy.append(pieces[place]) }
    return copy
  }

  private func append(_ piece: Piece) {
    if count == capacity {
      let more = UnsafeMutablePointer<Piece>.allocate(capacity: 2 * capacity)
      more.update(from: pieces, count: count)
      pieces.deallocate()
      pieces = more
      capacity *= 2
    }
    (pieces + count).initialize(to: piece)
    count &+= 1
  }

  func write(_ value: Int32, to place: Rectangle) {
    if count == 1, place.contains(pieces[0].place) {
      // Nearly always a slot is written whole again.
      pieces[0] = Piece(place: place, value: value)
      return
    }
    let (firstRow, lastRow) = (place.row, place.row &+ place.rows)
    let (firstColumn, lastColumn) = (place.column, place.column &+ place.columns)
    let (pieces, before) = (pieces, count)
    var kept = 0
    var index = 0
    while index < before {
      let piece = pieces + index
      let row = piece.pointee.place.row
      let column = piece.pointee.place.column
      if row >= firstRow, row &+ piece.pointee.place.rows <= lastRow, column >= firstColumn,
        column &+ piece.pointee.place.columns <= lastColumn
      {
        index &+= 1
        continue
      }
      if kept < index { pieces[kept] = pieces[index] }
      kept &+= 1
      index &+= 1
    }
    count = kept
    append(Piece(place: place, value: value))
  }

  /// Whether somebody wrote to a part of `place`.
  func meets(_ place: Rectangle) -> Bool {
    var index = 0
    while index < count {
      if pieces[index].place.meets(place) { return true }
      index &+= 1
    }
    return false
  }

  /// Back to undefined.
  func poison() { count = 0 }

  func read(_ place: Rectangle, in table: ValueTable) -> Int32 {
    let (firstRow, lastRow) = (place.row, place.row &+ place.rows)
    let (firstColumn, lastColumn) = (place.column, place.column &+ place.columns)
    var index = count &- 1
    while index >= 0 {
      let piece = pieces + index
      let row = piece.pointee.place.row
      let rowEnd = row &+ piece.pointee.place.rows
      if row < lastRow, firstRow < rowEnd {
        let column = piece.pointee.place.column
        let columnEnd = column &+ piece.pointee.place.columns
        if column < lastColumn, firstColumn < columnEnd {
          guard row <= firstRow, lastRow <= rowEnd, column <= firstColumn, lastColumn <= columnEnd else {
            break
          }
          if row == firstRow, rowEnd == lastRow, column == firstColumn, columnEnd == lastColumn {
            return piece.pointee.value
          }
          return table.crop(
            piece.pointee.value, row: firstRow &- row, rows: place.rows, column: firstColumn &- column,
            columns: place.columns)
        }
      }
      index &-= 1
    }
    return assemble(place, in: table)
  }

  /// Lays every piece that meets `place` over NaN, oldest first; pieces that keep clear of each other by place, so that
  /// the order in which they came does not show.
  private func assemble(_ place: Rectangle, in table: ValueTable) -> Int32 {
    let meeting = UnsafeMutablePointer<Piece>.allocate(capacity: 2 * max(count, 1))
    defer { meeting.deallocate() }
    let sorted = meeting + count
    var found = 0
    var index = 0
    while index < count {
      if pieces[index].place.meets(place) {
        (meeting + found).initialize(to: pieces[index])
        (sorted + found).initialize(to: pieces[index])
        found &+= 1
      }
      index &+= 1
    }
    sort(sorted, found)
    let order = areDisjoint(sorted, found) ? sorted : meeting
    return table.assemble(rows: place.rows, columns: place.columns, count: found) { index in
      let piece = order[index]
      let row = max(piece.place.row, place.row)
      let column = max(piece.place.column, place.column)
      let rows = min(piece.place.row + piece.place.rows, place.row + place.rows) - row
      let columns = min(piece.place.column + piece.place.columns, place.column + place.columns) - column
      let part = table.crop(
        piece.value, row: row - piece.place.row, rows: rows, column: column - piece.place.column,
        columns: columns)
      return ValueTable.Part(value: part, row: row - place.row, column: column - place.column)
    }
  }

  /// By row, then by column (Shell 1959).
  private func sort(_ pieces: UnsafeMutablePointer<Piece>, _ count: Int) {
    var gap = count / 2
    while gap > 0 {
      var index = gap
      while index < count {
        let piece = pieces[index]
        let (row, column) = (piece.place.row, piece.place.column)
        var hole = index
        while hole >= gap {
          let other = pieces + (hole &- gap)
          let otherRow = other.pointee.place.row
          guard otherRow > row || (otherRow == row && other.pointee.place.column > column) else { break }
          pieces[hole] = other.pointee
          hole &-= gap
        }
        pieces[hole] = piece
        index &+= 1
      }
      gap /= 2
    }
  }

  /// Of sorted pieces only those meet that begin before the other ends.
  private func areDisjoint(_ sorted: UnsafeMutablePointer<Piece>, _ count: Int) -> Bool {
    var index = 0
    while index < count {
      let end = sorted[index].place.row &+ sorted[index].place.rows
      var later = index &+ 1
      while later < count, sorted[later].place.row < end {
        if sorted[index].place.meets(sorted[later].place) { return false }
        later &+= 1
      }
      index &+= 1
    }
    return true
  }
}
