import Attention
import Foundation

/// The counts of one mask as text and as JSON.
struct MaskReport {
  var mask: Mask
  /// The heads that have this mask, where masks differ by head.
  var heads: Range<Int>?
  var counts: MaskCaseCounts
  /// The workload whose end-to-end speed-up is asked for.
  var workload: AmdahlShare?

  private var map: TileMap { counts.map }
  private var tiles: TileCounts { counts.tiles }

  // MARK: Text

  var text: String {
    lines.map { name, value in name.padding(toLength: 22, withPad: " ", startingAt: 0) + value }
      .joined(separator: "\n")
  }

  private var lines: [(String, String)] {
    var lines = [("mask", "\(mask)")]
    if let heads { lines.append(("heads", "\(heads.lowerBound) to \(heads.upperBound - 1)")) }
    lines += [
      ("queries x keys", "\(map.seqQ) x \(map.seqKV)"), ("tile", tileText),
      ("attended pairs", "\(counts.attendedPairs)" + emptyRowsText),
      ("query tiles", "\(tiles.queryTiles)" + paddingText), ("key tiles", "\(counts.keyTiles)"),
      ("visited", "\(tiles.visited) of \(tiles.totalTiles) tiles"), ("  dense", "\(tiles.dense)"),
      ("  partial", "\(tiles.partial)"), ("  first to last", "\(tiles.span)"),
      ("visited a query tile", "\(tiles.minPerQuery) to \(tiles.maxPerQuery)"),
    ]
    if let boxes = counts.boxes {
      lines += [
        ("self attention", "\(boxes.selfQueryTiles) x \(boxes.selfKeyTiles) tiles"),
        (
          "kernel walk",
          "\(boxes.walked) tiles, at most \(boxes.maxWalkedPerQuery); fast path \(boxes.takesFastPath ? "yes" : "no")"
        ),
      ]
    }
    return lines + [
      ("FLOP speed-up", ratio(counts.flopSpeedup)), ("tile speed-up, worst", ratio(counts.tileSpeedupMax)),
      ("tile speed-up, mean", ratio(counts.tileSpeedupMean)),
      ("issued pairs", "\(counts.issuedPairs), \(ratio(counts.tileEfficiency)) attended"),
    ] + workloadLines + classLines
  }

  private var workloadLines: [(String, String)] {
    guard let workload else { return [] }
    let speedups = [counts.flopSpeedup, counts.tileSpeedupMax, counts.tileSpeedupMean].map {
      ratio($0.map { workload.speedup($0) })
    }
    return [
      ("end to end", "\(speedups[0]) by FLOP, \(speedups[1]) by the worst tile, \(speedups[2]) by the mean")
    ]
  }

  private static let mostClasses = 12
  static let mostListedTiles = MaskCaseCounts.mostListedTiles

  private var classLines: [(String, String)] {
    guard let classes else {
      return [("query tiles by visits", "not listed for more than \(Self.mostListedTiles) query tiles")]
    }
    let shown = classes.prefix(Self.mostClasses).enumerated().map { place, item in
      (
        place == 0 ? "query tiles by visits" : "",
        "\(item.count) x \(item.visited) visited, \(item.dense) dense"
      )
    }
    let rest = classes.count - shown.count
    return shown + (rest > 0 ? [("", "and \(rest) more classes")] : [])
  }

  /// The most frequent first.
  private var classes: [TileClasses.Class]? {
    counts.classes?.sorted { ($1.count, $0.representative) < ($0.count, $1.representative) }
  }

  private var tileText: String {
    switch map.geometry {
    case .linear(let query, let key): return "\(query) queries x \(key) keys"
    case .boxes(let query, let key, let origin):
      let shapes = [query, key].map { $0.map(String.init).joined(separator: "x") }
      return "\(shapes[0]) queries x \(shapes[1]) keys"
        + (origin == .dynamic ? ", key boxes at each window" : "")
    }
  }

  private var emptyRowsText: String {
    counts.emptyQueryRows == 0 ? "" : "; \(counts.emptyQueryRows) queries attend to nothing"
  }

  private var paddingText: String {
    let padding = tiles.queryTiles - tiles.queryTilesNotEmpty
    return padding == 0 ? "" : ", \(padding) of them padding only"
  }

  private func ratio(_ value: Double?) -> String { value.map { String(format: "%.4g", $0) } ?? "-" }

  // MARK: JSON

  static func json(_ mask: Mask, _ reports: [MaskReport]) throws -> String {
    struct Document: Encodable {
      var mask: String
      var maps: [Entry]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    let data = try encoder.encode(Document(mask: "\(mask)", maps: reports.map(\.entry)))
    return String(decoding: data, as: UTF8.self)
  }

  private struct Entry: Encodable {
    struct Class: Encodable { var visited, dense, queryTiles, firstQueryTile: Int }
    var mask: String
    var heads: [Int]?
    var seqQ, seqKv: Int
    var tileQ, tileKv: [Int]
    var attendedPairs, emptyQRows, qTiles, qTilesNonempty, kvTiles, totalTiles: Int
    var visitedTiles, denseTiles, partialTiles, spanTiles, maxKvPerQ, minKvPerQ: Int
    var saQTiles, saKvTiles, visitedTilesKernel, maxKvPerQKernel: Int?
    var blockSparseExact: Bool
    var kernelFastPath: Bool?
    var flopSpeedup, tileSpeedupMax, tileSpeedupMean, tileEfficiency: Double?
    var issuedPairs: Int
    var endToEndFlop, endToEndMax, endToEndMean: Double?
    var classes: [Class]
  }

  private func endToEnd(_ speedup: Double?) -> Double? {
    guard let workload, let speedup else { return nil }
    return workload.speedup(speedup)
  }

  private var entry: Entry {
    let (queryTile, keyTile) =
      switch map.geometry {
      case .linear(let query, let key): ([query], [key])
      case .boxes(let query, let key, _): (query, key)
      }
    return Entry(
      mask: "\(mask)", heads: heads.map { [$0.lowerBound, $0.upperBound - 1] }, seqQ: map.seqQ,
      seqKv: map.seqKV, tileQ: queryTile, tileKv: keyTile, attendedPairs: counts.attendedPairs,
      emptyQRows: counts.emptyQueryRows, qTiles: tiles.queryTiles, qTilesNonempty: tiles.queryTilesNotEmpty,
      kvTiles: counts.keyTiles, totalTiles: tiles.totalTiles, visitedTiles: tiles.visited,
      denseTiles: tiles.dense, partialTiles: tiles.partial, spanTiles: tiles.span,
      maxKvPerQ: tiles.maxPerQuery,
      minKvPerQ: tiles.minPerQuery, saQTiles: counts.boxes?.selfQueryTiles,
      saKvTiles: counts.boxes?.selfKeyTiles, visitedTilesKernel: counts.boxes?.walked,
      maxKvPerQKernel: counts.boxes?.maxWalkedPerQuery, blockSparseExact: counts.isBlockSparse,
      kernelFastPath: counts.boxes?.takesFastPath, flopSpeedup: counts.flopSpeedup,
      tileSpeedupMax: counts.tileSpeedupMax, tileSpeedupMean: counts.tileSpeedupMean,
      tileEfficiency: counts.tileEfficiency, issuedPairs: counts.issuedPairs,
      endToEndFlop: endToEnd(counts.flopSpeedup), endToEndMax: endToEnd(counts.tileSpeedupMax),
      endToEndMean: endToEnd(counts.tileSpeedupMean),
      classes: (classes ?? []).map {
        .init(visited: $0.visited, dense: $0.dense, queryTiles: $0.count, firstQueryTile: $0.representative)
      })
  }
}
