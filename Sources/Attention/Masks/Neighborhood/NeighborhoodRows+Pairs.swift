extension NeighborhoodRows {
  /// Pairs of `queries` and `keys` that may attend: over pairs of boxes of both, products over the axes.
  ///
  /// Complexity: O(coordinates of the queries' boxes); O(queries) for few of them.
  func pairs(of queries: Range<Int>, within keys: Range<Int>) -> Int {
    if keys.isEmpty || queries.isEmpty { return 0 }
    if queries.count <= 32 {
      return queries.reduce(0) {
        $0 + keysBefore(keys.upperBound, of: $1) - keysBefore(keys.lowerBound, of: $1)
      }
    }
    let keyBoxes = boxes(of: keys)
    return boxes(of: queries).reduce(0) { sum, queryBox in
      keyBoxes.reduce(sum) { sum, keyBox in
        sum
          + axes.indices.reduce(1) {
            $0 == 0 ? 0 : $0 * pairs(of: queryBox[$1], with: keyBox[$1], axis: axes[$1])
          }
      }
    }
  }

  /// Keys before `key` that query `query` attends to. Complexity: O(axes).
  private func keysBefore(_ key: Int, of query: Int) -> Int {
    func seen(_ axis: Int, _ group: Int, _ place: Int) -> Range<Int> {
      axes[axis].seen(by: place..<place + 1, groupLength: axes[axis].groupLength(group))
    }
    guard let pages else {
      // Row-major: keys that are smaller on the first axis on which they differ.
      var (before, size) = (0, shape.reduce(1, *))
      var (queryRest, keyRest) = (query, key)
      var isSame = key < size
      if !isSame { before = 1 }
      for index in axes.indices {
        size /= shape[index]
        let dilation = axes[index].dilation
        let (coordinate, limit) = (queryRest / size, keyRest / size)
        (queryRest, keyRest) = (queryRest % size, keyRest % size)
        let group = coordinate % dilation
        let places = seen(index, group, coordinate / dilation)
        before *= places.count
        guard isSame else { continue }
        // Places whose coordinate is below the limit.
        let end = limit < group ? 0 : (limit - group + dilation - 1) / dilation
        before += min(max(end, places.lowerBound), places.upperBound) - places.lowerBound
        isSame = limit % dilation == group && places.contains(limit / dilation)
      }
      return before
    }
    let volume = pages.volume
    let (queryPage, keyPage) = (query / volume, key / volume)
    var (queryRest, keyRest) = (query % volume, key % volume)
    var (tileSize, before, inPage, ownSoFar) = (volume, 0, 0, 1)
    // `before` counts keys in earlier pages, `inPage` earlier keys of the same page.
    var (isSame, isSamePlace) = (true, true)
    for index in axes.indices {
      let (group, keyGroup) = (
        queryPage / pages.sizes[index] % pages.grid[index], keyPage / pages.sizes[index]
      )
      let limit = index == 0 ? keyGroup : keyGroup % pages.grid[index]
      if limit != group { return limit < group ? 0 : all(queryPage, query % volume, seen) }
    }
    for index in axes.indices {
      let (tile, entry) = (pages.tile[index], axes.count + index)
      tileSize /= tile
      let group = queryPage / pages.sizes[index] % pages.grid[index]
      let start = queryPage / pages.sizes[entry] % pages.grid[entry] * tile
      let places = seen(index, group, start + queryRest / tileSize)
      let limit = keyPage / pages.sizes[entry] % pages.grid[entry]
      let offset = keyRest / tileSize
      (queryRest, keyRest) = (queryRest % tileSize, keyRest % tileSize)
      before *= places.count
      guard isSame else { continue }
      let own = places.clamped(to: limit * tile..<(limit + 1) * tile)
      // On earlier axes the key's own tile counts, with the visible places in it (`ownSoFar`).
      before +=
        ownSoFar * (min(max(limit * tile, places.lowerBound), places.upperBound) - places.lowerBound)
      ownSoFar *= own.count
      isSame = !own.isEmpty
      inPage *= own.count
      if isSamePlace {
        let end = limit * tile + offset
        inPage += min(max(end, own.lowerBound), own.upperBound) - own.lowerBound
        isSamePlace = own.contains(end)
      }
    }
    return before + (isSame ? inPage : 0)
  }

  /// All keys that the query at `offset` of page `page` attends to.
  private func all(_ page: Int, _ offset: Int, _ seen: (Int, Int, Int) -> Range<Int>) -> Int {
    guard let pages else { return 0 }
    var (rest, size, count) = (offset, pages.volume, 1)
    for index in axes.indices {
      let (tile, entry) = (pages.tile[index], axes.count + index)
      size /= tile
      let place = page / pages.sizes[entry] % pages.grid[entry] * tile + rest / size
      count *= seen(index, page / pages.sizes[index] % pages.grid[index], place).count
      rest %= size
    }
    return count
  }

  private func pairs(of queries: [Part], with keys: [Part], axis: NeighborhoodAxis) -> Int {
    var places: [Int: [Range<Int>]] = [:]
    for part in keys { places[part.group, default: []].append(part.places) }
    return queries.reduce(0) { sum, query in
      (places[query.group] ?? []).reduce(sum) {
        $0 + axis.pairs(of: query.places, with: $1, groupLength: axis.groupLength(query.group))
      }
    }
  }
}
