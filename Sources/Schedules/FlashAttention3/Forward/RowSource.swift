import Programs

extension FlashAttention3Forward {
  /// Where the queries of a work item come from.
  protocol RowSource {
    /// Warps of the producer that it takes.
    var warps: Int { get }
    func load(into q: Ring) -> Operation
  }

  /// A tile that lies in memory as it does on the core.
  struct CopiedRows: RowSource {
    let tile: FlashAttention3Tile
    let warps = 1

    func load(into q: Ring) -> Operation {
      TileCopy(
        .q, TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)), columns: tile.headDim,
        readers: .one
      ).byCopyEngine(into: q)
    }
  }

  /// Rows of packed heads, gathered by four warps; those past the end are not read.
  struct GatheredRows: RowSource {
    let tile: FlashAttention3Tile
    let tiles: QueryTiles
    let warps = 4

    func load(into q: Ring) -> Operation {
      TileCopy(
        .q, TileCoordinate(rows: tile.queryTile, index: .item(scale: 1, offset: 0)), columns: tile.headDim,
        readers: .one, rowsRead: tiles.usedRows(count: tile.queryTile)
      ).gathered(addressing: 60, into: q)
    }
  }
}

extension TileCopy {
  /// By four warps, 16 bytes a thread: sixteen rows at a time, eight lanes each; the address comes from another lane, its halves
  /// together, then the copies.
  ///
  /// - Parameter addressing: instructions of each thread beside the copies.
  func gathered(addressing: Double, into ring: Ring) -> Operation {
    var copy = byThreads(into: ring)
    copy.work.otherInstructions += 4 * 32 * addressing
    copy.work.shuffle = Double(2 * 8 * place.rows)
    copy.chain = Chain(alu: 12 + 2 * place.rows / 16, shuffle: place.rows / 16)
    return copy
  }
}
