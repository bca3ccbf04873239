import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Boxes of a token grid against their definition, and the classes that kernels build work items from.
@Suite("Masks over boxes of a token grid")
struct MasksBoxTests {
  @Test("Boxes at fixed places are tiles of the padded, permuted sequence", arguments: 0..<150)
  func fixedBoxes(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let neighborhood = generator.neighborhood(tokens: 60)
    let (query, key) = (generator.tile(of: neighborhood), generator.tile(of: neighborhood))
    let note = Comment(rawValue: "seed \(seed), \(neighborhood), boxes \(query), \(key)")
    let tokens = neighborhood.tokens
    let allowed = MasksReference.pairs(.neighborhood(neighborhood), seqQ: tokens, seqKV: tokens)
    let queries = MasksReference.boxes(neighborhood, tile: query)
    let keys = MasksReference.boxes(neighborhood, tile: key)
    let volume = key.reduce(1, *)

    let map = try Mask.neighborhood(neighborhood).tiles(
      seqQ: tokens, seqKV: tokens, geometry: .boxes(query: query, key: key, .fixed))
    try #require(map.queryTiles == queries.count && map.keyTiles == keys.count, note)
    var (visitedSum, denseSum, spanSum, counts) = (0, 0, 0, [Int]())
    map.forEachRow { index, row in
      let own = queries[index]
      let visited = keys.indices.filter { k in own.contains { q in keys[k].contains { allowed[q][$0] } } }
      let dense = visited.filter { k in
        keys[k].count == volume && own.allSatisfy { q in keys[k].allSatisfy { allowed[q][$0] } }
      }
      #expect(row.tiles.map(\.tile) == visited, note)
      #expect(row.tiles.filter(\.isDense).map(\.tile) == dense, note)
      visitedSum += visited.count
      denseSum += dense.count
      spanSum += row.hull.count
      if !own.isEmpty { counts.append(visited.count) }
    }
    let total = map.counts
    #expect([total.visited, total.dense, total.span] == [visitedSum, denseSum, spanSum], note)
    #expect([total.maxPerQuery, total.minPerQuery] == [counts.max(), counts.min()], note)
    #expect(total.queryTilesNotEmpty == counts.count, note)
  }

  /// Self attention over 8 tokens, and a window of 4 in tiles of 2 and 2: [0,4) for queries 0 to 3, then [2,6), [4,8).
  @Test("Key boxes that start at the window follow it")
  func dynamicBoxes() throws {
    let mask = try Mask(parsing: "gna:8:w4:s2")
    func counts(_ origin: TileGeometry.KeyOrigin) throws -> TileCounts {
      try mask.tiles(seqQ: 8, seqKV: 8, geometry: .boxes(query: [2], key: [4], origin)).counts
    }
    // Leaders 1, 3, 5, 7 give windows [0,4), [1,5), [3,7), [4,8): two of them straddle fixed tiles of 4.
    #expect(try counts(.fixed).visited == 6)
    #expect(try counts(.dynamic).visited == 4)
    #expect(try counts(.dynamic).dense == 4)
  }

  @Test("Classes hold every query tile once, and equal tiles together", arguments: 0..<60)
  func classes(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let (mask, seqQ, seqKV) = generator.sequenceMask()
    let geometry = TileGeometry.linear(query: generator.int(1...20), key: generator.int(1...20))
    let map = try mask.tiles(seqQ: seqQ, seqKV: seqKV, geometry: geometry)
    let note = Comment(rawValue: "seed \(seed), \(mask), \(seqQ) x \(seqKV), \(geometry)")
    for equality in [TileClasses.Equality.counts, .pattern, .walk] {
      let classes = map.classes(by: equality)
      #expect(classes.classOfTile.count == map.queryTiles, note)
      #expect(classes.classes.map(\.count).reduce(0, +) == map.queryTiles, note)
      for (tile, index) in classes.classOfTile.enumerated() {
        let row = map.row(tile)
        let first = map.row(classes.classes[index].representative)
        #expect(row.visitedCount == first.visitedCount && row.denseCount == first.denseCount, note)
        if equality != .counts { #expect(row.tiles.map(\.isDense) == first.tiles.map(\.isDense), note) }
        if equality == .walk { #expect(row == first, note) }
      }
      let distinct = Set(classes.classes.map { map.row($0.representative) }).count
      #expect(equality == .walk ? distinct == classes.classes.count : distinct <= map.queryTiles, note)
    }
  }

  @Test("A million tokens in three axes take a short table per axis")
  func millionTokens() throws {
    let mask = try Mask(parsing: "gna:64x128x128:w16x32x32")
    let tokens = 64 * 128 * 128
    let map = try mask.tiles(
      seqQ: tokens, seqKV: tokens, geometry: .boxes(query: [4, 8, 8], key: [2, 8, 8], .fixed))
    let row = map.row(map.queryTiles / 2)
    #expect(row.visitedCount <= map.counts.maxPerQuery)
    // Tiles of consecutive tokens that are rows of the grid are boxes too: one table per axis again.
    let flat = try mask.tiles(seqQ: tokens, seqKV: tokens, geometry: .linear(query: 128, key: 128)).counts
    // 64 x 128 tiles of one row; a query sees 16 x 32 of them.
    #expect([flat.visited, flat.maxPerQuery, flat.dense] == [64 * 128 * 512, 512, 0])
  }

  @Test(
    "Tiles that do not fit name the field and the limit",
    arguments: [
      ("gna:16x16:w4x4", TileGeometry.boxes(query: [4], key: [4, 4], .fixed), "tile-q", 2),
      ("gna:16x16:w4x4", .boxes(query: [4, 4], key: [4, 0], .fixed), "tile-kv", 1),
      ("causal", .linear(query: 0, key: 16), "tile-q", 1),
      ("causal", .linear(query: 16, key: 1 << 40), "tile-kv", 1 << 28),
    ] as [(String, TileGeometry, String, Int)])
  func misfits(text: String, geometry: TileGeometry, field: String, limit: Int) throws {
    let problem = try #require(throws: MaskProblem.self) {
      try Mask(parsing: text).tiles(seqQ: 256, seqKV: 256, geometry: geometry)
    }
    #expect(problem.field == field && problem.limit == limit, "\(problem)")
  }
}
