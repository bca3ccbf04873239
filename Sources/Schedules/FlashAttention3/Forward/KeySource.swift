import HWModels
import Programs

extension FlashAttention3Forward {
  /// Where tiles of keys and values come from.
  protocol KeySource {
    /// Warps of the producer that it takes.
    var warps: Int { get }
    /// Cores that get a tile by one read.
    var multicast: Int { get }
    /// Parts of the head dimension in which tiles arrive and are given back.
    var parts: Int { get }
    /// What tells where the tile of a step lies.
    var find: [Operation] { get }
    /// Copies the tile `ahead` steps on, part by part.
    func load(_ tensor: Tensor, ahead: Int, into rings: [Ring]) -> [Operation]
  }

  /// Keys in a row, by the copy engine.
  struct CopiedKeys: KeySource {
    let tile: FlashAttention3Tile
    var multicast = 1
    var parts = 1
    let warps = 1
    let find: [Operation] = []

    func load(_ tensor: Tensor, ahead: Int, into rings: [Ring]) -> [Operation] {
      let columns = tensor == .k ? tile.headDim : tile.headDimV
      return rings.enumerated().map { part, ring in
        TileCopy(
          tensor,
          TileCoordinate(
            rows: tile.keyTile, index: .walk(offset: ahead), firstColumn: part * columns / parts),
          columns: columns / parts
        ).byCopyEngine(multicast: multicast, into: ring)
      }
    }
  }

  /// Pages of a cache, by four warps whose threads copy 16 bytes each.
  ///
  /// Expected for the first tiles of an item (H100, cycles), one after another: lengths of the sequence 830 to 1,460, entries of the page
  /// table 382; the copies of K and Q, of which each group of 16 rows takes a shuffle and the address from it, 32, 8 groups a
  /// tile of 128 rows, beside 40 to 60 instructions a thread; then their latency and bytes. Consumers meanwhile store the output
  /// of the item before, 1,200 to 1,600. V comes beside the softmax.
  /// - Source: Dao-AILab/flash-attention@0251105 hopper/paged_kv.h, hopper/mainloop_fwd_sm90_tma_gmma_ws.hpp (`load`).
  struct PagedKeys: KeySource {
    let tile: FlashAttention3Tile
    /// Keys of the longest sequence.
    let keys: Int
    /// Tokens of a page.
    let page: Int
    let table: BufferID
    let warps = 4
    let multicast = 1
    let parts = 1

    init(_ builder: inout KernelBuilder<Steps>, tile: FlashAttention3Tile, keys: Int, page: Int) {
      (self.tile, self.keys, self.page) = (tile, keys, page)
      table = builder.buffer("page entries", .registers, rows: tile.keyTile, columns: 1, type: .fp32)
    }

    var find: [Operation] {
      let threads = Double(32 * warps)
      return [
        Operation(
          "load page table", .loadStore,
          work: .of {
            $0.tableRead = Double(4 * max(tile.keyTile / page, 1))
            $0.otherInstructions = 6 * threads
            $0.alu = 10 * threads
          }, chain: Chain(alu: 12), action: .fill(TileRef(table), 0))
      ]
    }

    func load(_ tensor: Tensor, ahead: Int, into rings: [Ring]) -> [Operation] {
      // Rows past the end are not read.
      rings.map { ring in
        TileCopy(
          tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: ahead)),
          columns: tensor == .k ? tile.headDim : tile.headDimV, rowsRead: Double(min(tile.keyTile, keys))
        ).gathered(addressing: 40, into: ring)
      }
    }
  }
}
