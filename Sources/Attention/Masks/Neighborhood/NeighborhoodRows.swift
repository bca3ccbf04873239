/// A neighborhood mask on the one-dimensional sequence of its tokens, row-major or permuted tile by tile.
///
/// A run of queries is a few boxes of the grid; what a box sees is a product of sets, one per axis.
struct NeighborhoodRows: Sendable {
  let neighborhood: Neighborhood
  let shape: [Int]
  let axes: [NeighborhoodAxis]
  /// Tokens of a tile of the order, and the grid of (groups, tiles) it comes from; nil for row-major order.
  let pages: Pages?

  struct Pages: Sendable {
    var tile: [Int]
    var volume: Int
    /// Groups of each axis, then tiles of each axis.
    var grid: [Int]
    /// Pages per step of each entry of `grid`.
    var sizes: [Int]
  }

  /// Places of one dilation group of an axis.
  struct Part {
    var group: Int
    var places: Range<Int>
  }

  init(_ neighborhood: Neighborhood) {
    self.neighborhood = neighborhood
    shape = neighborhood.shape
    axes = neighborhood.axes
    pages = neighborhood.order.map { tile in
      let grid = neighborhood.dilation + axesTiles(neighborhood, tile)
      var sizes = [Int](repeating: 1, count: grid.count)
      for index in grid.indices.dropLast().reversed() { sizes[index] = sizes[index + 1] * grid[index + 1] }
      return Pages(tile: tile, volume: tile.reduce(1, *), grid: grid, sizes: sizes)
    }
    func axesTiles(_ neighborhood: Neighborhood, _ tile: [Int]) -> [Int] {
      zip(neighborhood.axes, tile).map { $0.length / ($0.dilation * $1) }
    }
  }

  // MARK: Tiles

  /// Tiles of `marks.tile` keys that the queries see, and those that all of them see in full.
  func tiles(of queries: Range<Int>, marks: inout TileMarks) -> (seen: KeyRuns, full: KeyRuns) {
    let boxes = boxes(of: queries)
    for box in boxes {
      forEachSet(seen(by: box)) { set in
        switch set {
        case .run(let keys): marks.mark(keys)
        case .grid(let base, let grid): grid.mark(base: base, into: &marks)
        case .page(let base, let offsets):
          // A page inside one tile marks it, whatever it holds.
          if base + pageTokens <= marks.endOfTile(holding: base) {
            marks.mark(base..<base + 1)
          } else {
            pageSet(offsets).mark(base: base, into: &marks)
          }
        }
      }
    }
    let seen = marks.takeMarked()
    forEachSet(common(to: boxes)) { set in
      switch set {
      case .run(let keys): marks.cover(keys)
      case .grid(let base, let grid): grid.forEachRun { marks.cover($0.shifted(by: base)) }
      case .page(let base, let offsets):
        if base + pageTokens <= marks.endOfTile(holding: base) {
          // Only the number of keys in the tile matters, so that any run of as many stands for them.
          marks.cover(base..<base + offsets.reduce(1) { $0 * $1.count })
        } else {
          pageSet(offsets).forEachRun { marks.cover($0.shifted(by: base)) }
        }
      }
    }
    return (seen, marks.takeCovered())
  }

  // MARK: Keys

  func reach(of queries: Range<Int>, within keys: Range<Int>) -> Reach {
    let boxes = boxes(of: queries)
    var pieces: [Range<Int>] = []
    func collect(_ run: Range<Int>) {
      let run = run.clamped(to: keys)
      if !run.isEmpty { pieces.append(run) }
    }
    func collect(_ set: KeySet) {
      switch set {
      case .run(let keys): collect(keys)
      case .grid(let base, let grid):
        grid.forEachRun(in: keys.shifted(by: -base)) { collect($0.shifted(by: base)) }
      case .page(let base, let offsets):
        guard (base..<base + pageTokens).overlaps(keys) else { return }
        pageSet(offsets).forEachRun(in: keys.shifted(by: -base)) { collect($0.shifted(by: base)) }
      }
    }
    for box in boxes { forEachSet(seen(by: box), collect) }
    let seen = KeyRuns(merging: pieces)
    pieces.removeAll()
    forEachSet(common(to: boxes), collect)
    return Reach(seen: seen, common: KeyRuns(merging: pieces))
  }

  // MARK: Boxes of queries

  /// The run of tokens as boxes: for each axis the places of each dilation group.
  func boxes(of tokens: Range<Int>) -> [[[Part]]] {
    guard let pages else {
      return gridBoxes(of: tokens, shape: shape).map { box in
        box.indices.map { parts(axis: $0, coordinates: box[$0]) }
      }
    }
    // Whole pages are boxes of the page grid; the rest are boxes inside the first and the last page.
    let first = (tokens.lowerBound + pages.volume - 1) / pages.volume
    let end = tokens.upperBound / pages.volume
    var boxes: [[[Part]]] = []
    var edges: [Range<Int>] = []
    if first <= end {
      if first < end {
        boxes += gridBoxes(of: first..<end, shape: pages.grid).map { parts(pages: pages, box: $0) }
      }
      edges = [tokens.lowerBound..<first * pages.volume, end * pages.volume..<tokens.upperBound]
    } else {
      edges = [tokens]
    }
    for edge in edges where !edge.isEmpty {
      let page = edge.lowerBound / pages.volume
      let inside = edge.lowerBound - page * pages.volume..<edge.upperBound - page * pages.volume
      boxes += gridBoxes(of: inside, shape: pages.tile).map { parts(pages: pages, page: page, offsets: $0) }
    }
    return boxes
  }

  private func parts(axis: Int, coordinates: Range<Int>) -> [Part] {
    let dilation = axes[axis].dilation
    if dilation == 1 { return [Part(group: 0, places: coordinates)] }
    if coordinates.count < dilation {
      return coordinates.map { Part(group: $0 % dilation, places: $0 / dilation..<$0 / dilation + 1) }
    }
    return (0..<dilation).compactMap { group in
      // Places p with p * dilation + group in the range.
      let first = (coordinates.lowerBound - group + dilation - 1) / dilation
      let end = (coordinates.upperBound - group + dilation - 1) / dilation
      return first < end ? Part(group: group, places: first..<end) : nil
    }
  }

  private func parts(pages: Pages, box: [Range<Int>]) -> [[Part]] {
    axes.indices.map { axis in
      let tiles = box[axes.count + axis]
      let tile = pages.tile[axis]
      return box[axis].map { Part(group: $0, places: tiles.lowerBound * tile..<tiles.upperBound * tile) }
    }
  }

  private func parts(pages: Pages, page: Int, offsets: [Range<Int>]) -> [[Part]] {
    axes.indices.map { axis in
      let group = page / pages.sizes[axis] % pages.grid[axis]
      let index = axes.count + axis
      let start = page / pages.sizes[index] % pages.grid[index] * pages.tile[axis]
      return [Part(group: group, places: offsets[axis].shifted(by: start))]
    }
  }

  // MARK: What boxes see

  private func seen(by box: [[Part]]) -> [[Part]] {
    zip(axes, box).map { axis, parts in
      parts.map {
        Part(group: $0.group, places: axis.seen(by: $0.places, groupLength: axis.groupLength($0.group)))
      }
    }
  }

  /// Keys that every query of every box sees: on each axis, those common to all its coordinates.
  private func common(to boxes: [[[Part]]]) -> [[Part]] {
    axes.indices.map { index in
      let axis = axes[index]
      var result: Part?
      for box in boxes {
        for part in box[index] {
          let keys = axis.common(to: part.places, groupLength: axis.groupLength(part.group))
          guard let old = result else {
            result = Part(group: part.group, places: keys)
            continue
          }
          let places = old.places.clamped(to: keys)
          if old.group != part.group || places.isEmpty { return [] }
          result?.places = places
        }
      }
      return result.map { $0.places.isEmpty ? [] : [$0] } ?? []
    }
  }

  // MARK: Products of parts as sets of keys

  private enum KeySet {
    case run(Range<Int>)
    /// A product over the whole grid, which starts at key `base`.
    case grid(base: Int, ProductSet)
    /// Places of the page that starts at key `base`: a product of runs, one per axis.
    case page(base: Int, [ProductSet.Progression])
  }

  private var pageTokens: Int { pages?.volume ?? 0 }

  private func pageSet(_ offsets: [ProductSet.Progression]) -> ProductSet {
    ProductSet(axes: offsets.map { [$0] }, shape: pages?.tile ?? [])
  }

  /// Calls `body` with sets that together are the product of parts; they do not overlap.
  private func forEachSet(_ product: [[Part]], _ body: (KeySet) -> Void) {
    guard !product.contains(where: \.isEmpty) else { return }
    if let pages {
      var offsets = product.map { _ in ProductSet.Progression(0..<0) }
      visitPages(pages, product, axis: 0, page: 0, &offsets, body)
      return
    }
    let sets = zip(axes, product).map { axis, parts in
      parts.map {
        ProductSet.Progression(
          first: $0.places.lowerBound * axis.dilation + $0.group, step: axis.dilation, count: $0.places.count)
      }
    }
    body(.grid(base: 0, ProductSet(axes: sets, shape: shape)))
  }

  private func visitPages(
    _ pages: Pages, _ product: [[Part]], axis: Int, page: Int, _ offsets: inout [ProductSet.Progression],
    _ body: (KeySet) -> Void
  ) {
    let tile = pages.tile[axis]
    for part in product[axis] {
      let groupPage = page + part.group * pages.sizes[axis]
      for index in part.places.lowerBound / tile...(part.places.upperBound - 1) / tile {
        let inside = part.places.clamped(to: index * tile..<(index + 1) * tile)
        offsets[axis] = ProductSet.Progression(inside.shifted(by: -index * tile))
        let next = groupPage + index * pages.sizes[axes.count + axis]
        if axis + 1 < axes.count {
          visitPages(pages, product, axis: axis + 1, page: next, &offsets, body)
        } else if zip(offsets, pages.tile).allSatisfy({ $0.count == $1 }) {
          body(.run(next * pages.volume..<(next + 1) * pages.volume))
        } else {
          body(.page(base: next * pages.volume, offsets))
        }
      }
    }
  }
}

/// A run of places of a row-major grid as boxes: a partial row, whole rows, a partial row, on each axis.
///
/// At most `2 * axes - 1` boxes.
func gridBoxes(of places: Range<Int>, shape: [Int]) -> [[Range<Int>]] {
  guard shape.count > 1 else { return [[places]] }
  let rest = Array(shape.dropFirst())
  let size = rest.reduce(1, *)
  let (first, last) = (places.lowerBound / size, (places.upperBound - 1) / size)
  if first == last {
    return gridBoxes(of: places.shifted(by: -first * size), shape: rest).map { [first..<first + 1] + $0 }
  }
  let headStarts = places.lowerBound % size
  let tailEnds = places.upperBound % size
  var boxes: [[Range<Int>]] = []
  if headStarts > 0 {
    boxes += gridBoxes(of: headStarts..<size, shape: rest).map { [first..<first + 1] + $0 }
  }
  let whole = (headStarts > 0 ? first + 1 : first)..<(tailEnds > 0 ? last : last + 1)
  if !whole.isEmpty { boxes.append([whole] + rest.map { 0..<$0 }) }
  if tailEnds > 0 { boxes += gridBoxes(of: 0..<tailEnds, shape: rest).map { [last..<last + 1] + $0 } }
  return boxes
}
