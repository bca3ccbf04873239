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

  /// The part of it that lies in another.
  func clipped(to other: Rectangle) -> Rectangle {
    let (firstRow, firstColumn) = (max(row, other.row), max(column, other.column))
    return Rectangle(
      row: firstRow, rows: min(row + rows, other.row + other.rows) - firstRow,
      column: firstColumn, columns: min(column + columns, other.column + other.columns) - firstColumn)
  }
}

/// What a buffer slot or a tensor holds: the values written to it, later over earlier. What nobody wrote is NaN.
struct Contents {
  private struct Piece {
    var place: Rectangle
    var value: Int32
  }

  private var pieces: [Piece] = []

  mutating func write(_ value: Int32, to place: Rectangle) {
    pieces.removeAll { place.contains($0.place) }
    pieces.append(Piece(place: place, value: value))
  }

  /// Whether somebody wrote to a part of `place`.
  func meets(_ place: Rectangle) -> Bool { pieces.contains { $0.place.meets(place) } }

  /// Back to undefined.
  mutating func poison() { pieces.removeAll(keepingCapacity: true) }

  func read(_ place: Rectangle, in table: ValueTable) -> Int32 {
    guard let piece = pieces.last(where: { $0.place.meets(place) }), piece.place.contains(place) else {
      return assemble(place, in: table)
    }
    if piece.place == place { return piece.value }
    return table.crop(
      piece.value, row: place.row - piece.place.row, rows: place.rows,
      column: place.column - piece.place.column, columns: place.columns)
  }

  /// Lays every piece that meets `place` over NaN, oldest first; pieces that keep clear of each other by place, so that
  /// the order in which they came does not show.
  private func assemble(_ place: Rectangle, in table: ValueTable) -> Int32 {
    let meeting = pieces.filter { $0.place.meets(place) }
    let sorted = meeting.sorted { ($0.place.row, $0.place.column) < ($1.place.row, $1.place.column) }
    let parts = (Self.areDisjoint(sorted) ? sorted : meeting).map { piece in
      let shared = piece.place.clipped(to: place)
      let part = table.crop(
        piece.value, row: shared.row - piece.place.row, rows: shared.rows,
        column: shared.column - piece.place.column, columns: shared.columns)
      return ValueTable.Part(value: part, row: shared.row - place.row, column: shared.column - place.column)
    }
    return table.assemble(rows: place.rows, columns: place.columns, parts)
  }

  /// Of sorted pieces only those meet that begin before the other ends.
  private static func areDisjoint(_ sorted: [Piece]) -> Bool {
    sorted.indices.allSatisfy { index in
      let place = sorted[index].place
      return sorted[(index + 1)...].prefix { $0.place.row < place.row + place.rows }
        .allSatisfy { !place.meets($0.place) }
    }
  }
}
