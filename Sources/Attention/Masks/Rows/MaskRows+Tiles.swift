/// Tiles that are in a set for certain, and those that may be.
private struct TileBounds {
  var least: KeyRuns
  var most: KeyRuns

  init(_ exact: KeyRuns) { (least, most) = (exact, exact) }
  init(least: KeyRuns, most: KeyRuns) { (self.least, self.most) = (least, most) }
  var open: KeyRuns { most.subtracting(least) }
}

/// Tiles of which it is not known whether the queries see them, or whether all queries see them in full.
private struct OpenTiles {
  var seen: KeyRuns
  var full: KeyRuns
  var isEmpty: Bool { seen.isEmpty && full.isEmpty }
  var all: KeyRuns { seen.union(full) }

  func clipped(to window: Range<Int>) -> OpenTiles {
    OpenTiles(seen: seen.intersection(window), full: full.intersection(window))
  }

  /// Windows that hold the open tiles, at least a quarter of each open: what lies between is not looked at.
  var windows: [Range<Int>] {
    var windows: [Range<Int>] = []
    var count = 0
    for run in all.runs {
      if let last = windows.last, 4 * (count + run.count) >= run.upperBound - last.lowerBound {
        windows[windows.count - 1] = last.lowerBound..<run.upperBound
        count += run.count
      } else {
        windows.append(run)
        count = run.count
      }
    }
    return windows
  }
}

extension MaskRows {
  /// Tiles of `marks.tile` keys that the queries see, and those that all of them see in full.
  ///
  /// The parts of an intersection or a union are laid over tiles one by one. Tiles that two of them cut are looked at
  /// key by key, with ever fewer queries where needed.
  func tiles(of queries: Range<Int>, marks: inout TileMarks) -> (seen: KeyRuns, full: KeyRuns) {
    let bounds = rule.tileBounds(of: queries, seqKV: seqKV, marks: &marks)
    var (seen, full) = (bounds.seen.least, bounds.full.most)
    let open = OpenTiles(seen: bounds.seen.open, full: bounds.full.open)
    for window in open.windows {
      let found = resolve(queries, tile: marks.tile, open.clipped(to: window))
      seen = seen.union(found.seen)
      full = full.subtracting(found.notFull)
    }
    return (seen, full)
  }

  /// Which of the open tiles the queries see, and which of them they do not see in full.
  private func resolve(
    _ queries: Range<Int>, tile: Int, _ open: OpenTiles
  ) -> (seen: KeyRuns, notFull: KeyRuns) {
    guard let hull = open.all.hull else { return (KeyRuns(), KeyRuns()) }
    let keys = hull.lowerBound * tile..<min(hull.upperBound * tile, seqKV)
    let reach = rule.reach(of: queries, within: keys, seqKV: seqKV)
    var seen = reach.seen.tilesTouched(size: tile).intersection(open.seen)
    let fullAtMost = reach.commonAtMost.tilesInside(size: tile).intersection(open.full)
    var notFull = open.full.subtracting(fullAtMost)
    var rest = OpenTiles(
      seen: reach.seenAtMost.tilesTouched(size: tile).intersection(open.seen).subtracting(seen),
      full: fullAtMost.subtracting(reach.common.tilesInside(size: tile)))
    // The bounds meet for a single query.
    guard !rest.isEmpty, queries.count > 1 else { return (seen, notFull) }
    for half in [queries.halves.0, queries.halves.1] where !rest.isEmpty {
      let found = resolve(half, tile: tile, rest)
      seen = seen.union(found.seen)
      notFull = notFull.union(found.notFull)
      rest.seen = rest.seen.subtracting(found.seen)
      rest.full = rest.full.subtracting(found.notFull)
    }
    return (seen, notFull)
  }
}

extension MaskRows.Rule {
  /// Bounds of the tiles that `queries` see, and of those that all of them see in full; exact for rules of one part.
  fileprivate func tileBounds(
    of queries: Range<Int>, seqKV: Int, marks: inout TileMarks
  ) -> (seen: TileBounds, full: TileBounds) {
    switch self {
    case .neighborhood(let rows):
      let (seen, full) = rows.tiles(of: queries, marks: &marks)
      return (TileBounds(seen), TileBounds(full))
    case .intersection(let rules):
      var (seen, full) = rules[0].tileBounds(of: queries, seqKV: seqKV, marks: &marks)
      for rule in rules.dropFirst() {
        let other = rule.tileBounds(of: queries, seqKV: seqKV, marks: &marks)
        // A tile that one part does not cut is seen as the other sees it.
        seen = TileBounds(
          least: full.least.intersection(other.seen.least).union(
            seen.least.intersection(other.full.least)),
          most: seen.most.intersection(other.seen.most))
        full = TileBounds(
          least: full.least.intersection(other.full.least), most: full.most.intersection(other.full.most))
      }
      return (seen, full)
    case .union(let rules):
      var (seen, full) = rules[0].tileBounds(of: queries, seqKV: seqKV, marks: &marks)
      for rule in rules.dropFirst() {
        let other = rule.tileBounds(of: queries, seqKV: seqKV, marks: &marks)
        // A tile that is full in neither part can be full only where both cut it.
        full = TileBounds(
          least: full.least.union(other.full.least),
          most: full.most.union(other.full.most).union(seen.most.intersection(other.seen.most)))
        seen = TileBounds(
          least: seen.least.union(other.seen.least), most: seen.most.union(other.seen.most))
      }
      return (seen, full)
    default:
      let reach = reach(of: queries, within: 0..<seqKV, seqKV: seqKV)
      return (
        TileBounds(reach.seen.tilesTouched(size: marks.tile)),
        TileBounds(reach.common.tilesInside(size: marks.tile))
      )
    }
  }
}
