/// A rectangle of a buffer slot or a tensor.
struct Rectangle: Equatable {
  var row: Int
  var rows: Int
  var column: Int
  var columns: Int

  func contains(_ other: Rectangle) -> Bool {
    row <= other.row && other.row + other.rows <= row + rows && column <= other.column
      && other.column + other.columns <= column + columns
  }

  func meets(_ other: Rectangle) -> Bool {
    row < other.row + other.rows && other.row < row + rows && column < other.column + other.columns
      && other.column < column + columns
  }
}

/// What a buffer slot or a tensor holds: the values written to it, later over earlier. What nobody wrote is NaN.
struct Contents {
  private var pieces: [(place: Rectangle, value: Int32)] = []

  mutating func write(_ value: Int32, to place: Rectangle) {
    if pieces.count == 1 {
      // Nearly always a slot is written whole again.
      if place.contains(pieces[0].place) {
        pieces[0] = (place, value)
        return
      }
    } else if !pieces.isEmpty {
      pieces.removeAll { place.contains($0.place) }
    }
    pieces.append((place, value))
  }

  /// Whether somebody wrote to a part of `place`.
  func meets(_ place: Rectangle) -> Bool { pieces.contains { $0.place.meets(place) } }

  /// Back to undefined.
  mutating func poison() { pieces.removeAll(keepingCapacity: true) }

  func read(_ place: Rectangle, in table: ValueTable) -> Int32 {
    var last = pieces.count - 1
    while last >= 0 {
      let piece = pieces[last]
      if piece.place.contains(place) {
        if piece.place == place { return piece.value }
        return table.crop(
          piece.value, row: place.row - piece.place.row, rows: place.rows,
          column: place.column - piece.place.column,
          columns: place.columns)
      }
      if piece.place.meets(place) { break }
      last -= 1
    }
    return assemble(place, in: table)
  }

  /// Lays every piece that meets `place` over NaN, oldest first; pieces that keep clear of each other by place, so that
  /// the order in which they came does not show.
  private func assemble(_ place: Rectangle, in table: ValueTable) -> Int32 {
    var meeting = pieces.filter { $0.place.meets(place) }
    let isDisjoint = meeting.indices.allSatisfy { later in
      meeting[..<later].allSatisfy { !$0.place.meets(meeting[later].place) }
    }
    if isDisjoint { meeting.sort { ($0.place.row, $0.place.column) < ($1.place.row, $1.place.column) } }
    let parts = meeting.map { piece in
      let row = max(piece.place.row, place.row)
      let column = max(piece.place.column, place.column)
      let rows = min(piece.place.row + piece.place.rows, place.row + place.rows) - row
      let columns = min(piece.place.column + piece.place.columns, place.column + place.columns) - column
      let part = table.crop(
        piece.value, row: row - piece.place.row, rows: rows, column: column - piece.place.column,
        columns: columns)
      return ValueTable.Part(value: part, row: row - place.row, column: column - place.column)
    }
    return table.assemble(parts, rows: place.rows, columns: place.columns)
  }
}
