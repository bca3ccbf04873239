import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Random small masks of every family against their definition, pair by pair.
@Suite("Masks against their definition")
struct MasksPropertyTests {
  @Test("Sequence masks, alone and combined, give the defined tiles", arguments: 0..<300)
  func sequenceMasks(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let (mask, seqQ, seqKV) = generator.sequenceMask()
    let (query, key) = (generator.int(1...40), generator.int(1...40))
    try compare(mask, seqQ: seqQ, seqKV: seqKV, query: query, key: key, seed: seed)
  }

  @Test("Block lists in tiles that are their blocks", arguments: 0..<60)
  func alignedBlocks(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let (query, key) = (generator.int(1...24), generator.int(1...24))
    let (seqQ, seqKV) = (generator.int(1...120), generator.int(1...120))
    let density = generator.int(1...9)
    var entries = ["0:0"]
    for row in 0..<(seqQ + query - 1) / query {
      for column in 0..<(seqKV + key - 1) / key where generator.int(1...10) <= density && row + column > 0 {
        entries.append("\(row):\(column)")
      }
    }
    let mask = try Mask(parsing: "block_sparse:\(query)x\(key):list=\(entries.joined(separator: ","))")
    try compare(mask, seqQ: seqQ, seqKV: seqKV, query: query, key: key, seed: seed)
  }

  @Test("Neighborhoods in row-major order", arguments: 0..<150)
  func flatNeighborhoods(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let neighborhood = generator.neighborhood(tokens: 250)
    let tokens = neighborhood.tokens
    let (query, key) = (generator.int(1...80), generator.int(1...80))
    try compare(.neighborhood(neighborhood), seqQ: tokens, seqKV: tokens, query: query, key: key, seed: seed)
  }

  @Test("Neighborhoods in permuted order", arguments: 0..<150)
  func orderedNeighborhoods(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let neighborhood = generator.neighborhood(isOrdered: true)
    let tokens = neighborhood.tokens
    let volume = (neighborhood.order ?? []).reduce(1, *)
    let (query, key) = (generator.int(1...80), generator.chance(30) ? volume : generator.int(1...80))
    let queryTile = generator.chance(30) ? volume : query
    try compare(
      .neighborhood(neighborhood), seqQ: tokens, seqKV: tokens, query: queryTile, key: key, seed: seed)
  }

  @Test("Neighborhoods combined with sequence masks", arguments: 0..<100)
  func combinedNeighborhoods(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let neighborhood = Mask.neighborhood(generator.neighborhood(tokens: 60, isOrdered: generator.chance(50)))
    guard case .neighborhood(let grid) = neighborhood else { return }
    let tokens = grid.tokens
    let other = generator.sequenceMask(seqQ: tokens, seqKV: tokens, depth: 1)
    let mask: Mask =
      generator.chance(50) ? .intersection([neighborhood, other]) : .union([other, neighborhood])
    let (query, key) = (generator.int(1...40), generator.int(1...40))
    try compare(mask, seqQ: tokens, seqKV: tokens, query: query, key: key, seed: seed)
  }

  @Test("Spans of bands hold the visited tiles and mark the masked ones", arguments: 0..<300)
  func bandSpans(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let (seqQ, seqKV) = (generator.int(1...60), generator.int(1...60))
    var mask = Mask.none
    repeat {
      mask = generator.sequenceMask(seqQ: seqQ, seqKV: seqKV, depth: 0)
    } while mask.band(
      seqQ: seqQ, seqKV: seqKV) == nil
    let (query, key) = (generator.int(1...20), generator.int(1...20))
    let rows = MasksReference.rows(
      MasksReference.pairs(mask, seqQ: seqQ, seqKV: seqKV), query: query, key: key)
    for (index, row) in rows.enumerated() {
      let span = mask.span(
        queryStart: index * query, queryRows: query, keyTile: key, seqQ: seqQ, seqKV: seqKV)
      #expect(Array(span.range) == row.visited, "seed \(seed), \(mask)")
      let whole = span.range.dropFirst(span.maskedLow).dropLast(span.maskedHigh)
      #expect(Array(whole) == row.dense, "seed \(seed), \(mask)")
    }
  }

  @Test("Text forms read back as the same mask", arguments: 0..<300)
  func roundTrip(seed: Int) throws {
    var generator = MasksGenerator(seed: seed)
    let mask =
      generator.chance(40)
      ? Mask.neighborhood(generator.neighborhood(isOrdered: generator.chance(50)))
      : generator.sequenceMask(seqQ: 40, seqKV: 50, depth: 2)
    #expect(try Mask(parsing: mask.description) == mask, "seed \(seed), \(mask)")
  }

  /// Combinations with neighborhoods, long enough that ranges of queries are counted box by box as well as one by one.
  @Test("Combinations with neighborhoods equal the pairs of their parts", arguments: 0..<120)
  func combinations(seed: Int) throws {
    var generator = MasksGenerator(seed: 9000 + seed)
    let neighborhood = generator.neighborhood(isOrdered: generator.chance(50))
    let tokens = neighborhood.tokens
    var others = [generator.sequenceMask(seqQ: tokens, seqKV: tokens, depth: 1)]
    if generator.chance(30) {
      // Two neighborhoods of one grid, of equal and of different dilations.
      let other = try? Neighborhood(
        shape: neighborhood.shape, window: neighborhood.axes.map { _ in 2 },
        dilation: neighborhood.axes.map { generator.int(1...max($0.length / 2, 1)) })
      others = [.neighborhood(other ?? neighborhood)]
    }
    let masks = [Mask.neighborhood(neighborhood)] + others
    let mask = generator.chance(50) ? Mask.intersection(masks) : .union(masks)
    try compare(
      mask, seqQ: tokens, seqKV: tokens, query: generator.int(1...70), key: generator.int(1...70), seed: seed)
  }

  private func compare(
    _ mask: Mask, seqQ: Int, seqKV: Int, query: Int, key: Int, seed: Int
  ) throws {
    let note = Comment(rawValue: "seed \(seed), \(mask), \(seqQ) x \(seqKV), tiles \(query) x \(key)")
    let map = try mask.tiles(seqQ: seqQ, seqKV: seqKV, geometry: .linear(query: query, key: key))
    let allowed = MasksReference.pairs(mask, seqQ: seqQ, seqKV: seqKV)
    let expected = MasksReference.rows(allowed, query: query, key: key)
    try #require(map.queryTiles == expected.count, note)
    var (visited, dense, span) = (0, 0, 0)
    map.forEachRow { index, row in
      #expect(Array(row.visited.joined()) == expected[index].visited, note)
      #expect(Array(row.dense.joined()) == expected[index].dense, note)
      visited += expected[index].visited.count
      dense += expected[index].dense.count
      span += (expected[index].visited.last.map { $0 + 1 } ?? 0) - (expected[index].visited.first ?? 0)
    }
    let counts = map.counts
    #expect([counts.visited, counts.dense, counts.span] == [visited, dense, span], note)
    #expect(counts.maxPerQuery == expected.map(\.visited.count).max(), note)
    #expect(counts.minPerQuery == expected.map(\.visited.count).min(), note)

    let rows = mask.rows(seqQ: seqQ, seqKV: seqKV)
    var (pairs, empty) = (0, 0)
    for q in 0..<seqQ {
      let keys = (0..<seqKV).filter { allowed[q][$0] }
      #expect(Array(rows.keys(of: q).joined()) == keys, note)
      pairs += keys.count
      empty += keys.isEmpty ? 1 : 0
    }
    #expect(rows.attendedPairs == pairs, note)
    #expect(rows.emptyRows == empty, note)
    #expect(mask.attendedPairs(seqQ: seqQ, seqKV: seqKV) == Double(pairs), note)
  }
}
