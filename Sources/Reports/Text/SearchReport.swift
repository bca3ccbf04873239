import HWModels
public import Simulator

/// The choices of a search over strides, as text and as JSON.
public enum SearchReport {
  /// - Parameters:
  ///   - candidates: fastest first.
  ///   - most: lines of the table; the fastest, and stride 1.
  public static func text(_ candidates: [NeighborhoodSearch.Candidate], title: String, most: Int) -> String {
    var table = TextTable([.right, .left, .left, .left, .right, .right, .right, .left, .right, .left])
    table.add("rank", "stride", "tile-q", "tile-kv", "time", "to stride 1", "tiles", "mask", "moved", "")
    let plain = candidates.first { $0.stride.allSatisfy { $0 == 1 } }
    for (rank, candidate) in candidates.enumerated() {
      let isPlain = candidate.stride == plain?.stride
      guard rank < most || isPlain || candidate.isOnFront else { continue }
      let speedup = plain.map { $0.time.value / candidate.time.value }
      table.add([
        "\(rank + 1)", name(candidate.stride), name(candidate.queryTile), name(candidate.keyTile),
        NumberText.time(candidate.time.value), speedup.map { "\(NumberText.significant($0)) x" } ?? "-",
        "\(candidate.walkedTiles)", candidate.isUnmasked ? "none" : "every tile",
        NumberText.percent(candidate.movedShare), candidate.isOnFront ? "*" : "",
      ])
    }
    return
      ([title, ""] + table.lines() + [
        "",
        "moved: share of the pairs at stride 1 that the stride leaves out; * no choice is faster and moves less",
      ]).joined(separator: "\n")
  }

  public static func json(_ candidates: [NeighborhoodSearch.Candidate]) -> String {
    JSONValue.array(
      candidates.map { candidate in
        .object([
          "stride": .array(candidate.stride.map { .integer($0) }),
          "tile_q": .array(candidate.queryTile.map { .integer($0) }),
          "tile_kv": .array(candidate.keyTile.map { .integer($0) }),
          "time_us": .number(candidate.time.value * 1e6), "walked_tiles": .integer(candidate.walkedTiles),
          "unmasked": .boolean(candidate.isUnmasked), "moved_share": .number(candidate.movedShare),
          "on_front": .boolean(candidate.isOnFront),
        ])
      }
    ).text()
  }

  private static func name(_ tuple: [Int]) -> String { tuple.map(String.init).joined(separator: "x") }
}
