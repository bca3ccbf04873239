import Attention
import Dataflow
import Programs
import Schedules
import Spatial

/// The definition of every mask, pair by pair: slow, and written apart from the code under test.
enum MasksReference {
  private static func allows(_ mask: Mask, query: Int, key: Int, seqQ: Int, seqKV: Int) -> Bool {
    let aligned = query + seqKV - seqQ
    switch mask {
    case .none: return true
    case .causal: return key <= aligned
    case .causalTopLeft: return key <= query
    case .slidingWindow(let left, let right):
      return (left.map { key >= aligned - $0 } ?? true) && (right.map { key <= aligned + $0 } ?? true)
    case .slidingWindowTopLeft(let left, let right):
      return (left.map { key >= query - $0 } ?? true) && (right.map { key <= query + $0 } ?? true)
    case .prefix(let length, let alignment):
      return key < length || key <= (alignment == .topLeft ? query : aligned)
    case .sink(let tokens, let window, let alignment):
      let own = alignment == .topLeft ? query : aligned
      return key <= own && (key < tokens || own - key < window)
    case .documents(let documents):
      guard let q = place(query, documents.queryLengths), let k = place(key, documents.keyLengths) else {
        return false
      }
      let offset = documents.keyLengths[q.document] - documents.queryLengths[q.document]
      return q.document == k.document && (!documents.isCausal || k.offset <= q.offset + offset)
    case .neighborhood(let neighborhood):
      let q = coordinates(query, neighborhood)
      let k = coordinates(key, neighborhood)
      return q.indices.allSatisfy { allows(neighborhood.axes[$0], query: q[$0], key: k[$0]) }
    case .blockSparse(let blocks):
      guard case .list(let list) = blocks.pattern else { return false }
      let entry = BlockList.Entry(
        row: Int32(query / blocks.queryBlock), column: Int32(key / blocks.keyBlock))
      return list.entries.contains(entry)
    case .intersection, .union, .perHead: fatalError("combined by `pairs`")
    }
  }

  private static func place(_ token: Int, _ lengths: [Int]) -> (document: Int, offset: Int)? {
    var rest = token
    for (index, length) in lengths.enumerated() {
      if rest < length { return (index, rest) }
      rest -= length
    }
    return nil
  }

  private static func allows(_ axis: NeighborhoodAxis, query: Int, key: Int) -> Bool {
    let group = query % axis.dilation
    guard key % axis.dilation == group else { return false }
    let length = (axis.length - group + axis.dilation - 1) / axis.dilation
    let (i, j) = (query / axis.dilation, key / axis.dilation)
    if axis.isCausal {
      let leader = min(i / axis.stride * axis.stride + axis.stride - 1, length - 1)
      return j <= i && j > leader - axis.window
    }
    let leader = min(i / axis.stride * axis.stride + axis.stride / 2, length - 1)
    let start = min(max(leader - axis.window / 2, 0), length - axis.window)
    return j >= start && j < start + axis.window
  }

  /// The grid coordinates of token `token` of the sequence.
  private static func coordinates(_ token: Int, _ neighborhood: Neighborhood) -> [Int] {
    let shape = neighborhood.shape
    guard let tile = neighborhood.order else { return digits(token, shape) }
    let groups = neighborhood.dilation
    let tiles = zip(zip(shape, groups), tile).map { $0.0 / ($0.1 * $1) }
    let all = digits(token, groups + tiles + tile)
    let n = shape.count
    return (0..<n).map { (all[n + $0] * tile[$0] + all[2 * n + $0]) * groups[$0] + all[$0] }
  }

  private static func digits(_ number: Int, _ radices: [Int]) -> [Int] {
    var rest = number
    return radices.reversed().map { radix in
      defer { rest /= radix }
      return rest % radix
    }.reversed()
  }

  /// Every pair: for each query, whether it attends to each key.
  static func pairs(_ mask: Mask, seqQ: Int, seqKV: Int) -> [[Bool]] {
    guard case .neighborhood(let neighborhood) = mask else {
      return combined(mask, seqQ: seqQ, seqKV: seqKV)
        ?? (0..<seqQ).map { query in
          (0..<seqKV).map { allows(mask, query: query, key: $0, seqQ: seqQ, seqKV: seqKV) }
        }
    }
    // The pairs of each axis first: there are far fewer.
    let places = (0..<seqQ).map { coordinates($0, neighborhood) }
    let axes = neighborhood.axes.map { axis in
      (0..<axis.length).map { query in (0..<axis.length).map { allows(axis, query: query, key: $0) } }
    }
    return places.map { query in
      places.map { key in
        for axis in axes.indices where !axes[axis][query[axis]][key[axis]] { return false }
        return true
      }
    }
  }

  private static func combined(_ mask: Mask, seqQ: Int, seqKV: Int) -> [[Bool]]? {
    let parts: [Mask]
    let isUnion: Bool
    switch mask {
    case .intersection(let masks): (parts, isUnion) = (masks, false)
    case .union(let masks): (parts, isUnion) = (masks, true)
    default: return nil
    }
    let tables = parts.map { pairs($0, seqQ: seqQ, seqKV: seqKV) }
    return (0..<seqQ).map { query in
      (0..<seqKV).map { key in
        isUnion ? tables.contains { $0[query][key] } : tables.allSatisfy { $0[query][key] }
      }
    }
  }

  /// The tokens of each box of a grid in row-major order: dilation group by group, padded to whole boxes.
  static func boxes(_ neighborhood: Neighborhood, tile: [Int]) -> [[Int]] {
    let (shape, groups) = (neighborhood.shape, neighborhood.dilation)
    let tiles = shape.indices.map { axis in
      let longest = (shape[axis] + groups[axis] - 1) / groups[axis]
      return (longest + tile[axis] - 1) / tile[axis]
    }
    var boxes = [[Int]](repeating: [], count: (groups + tiles).reduce(1, *))
    for token in 0..<neighborhood.tokens {
      let place = digits(token, shape)
      let group = shape.indices.map { place[$0] % groups[$0] }
      let box = shape.indices.map { place[$0] / groups[$0] / tile[$0] }
      let index = zip(group + box, groups + tiles).reduce(0) { $0 * $1.1 + $1.0 }
      boxes[index].append(token)
    }
    return boxes
  }

  /// Visited and dense key tiles of each query tile of consecutive tokens.
  static func rows(_ allowed: [[Bool]], query: Int, key: Int) -> [(visited: [Int], dense: [Int])] {
    let seqKV = allowed[0].count
    return stride(from: 0, to: allowed.count, by: query).map { start in
      let queries = allowed[start..<min(start + query, allowed.count)]
      var (visited, dense): ([Int], [Int]) = ([], [])
      for (index, first) in stride(from: 0, to: seqKV, by: key).enumerated() {
        let keys = first..<min(first + key, seqKV)
        if queries.contains(where: { $0[keys].contains(true) }) { visited.append(index) }
        if keys.count == key, !queries.contains(where: { $0[keys].contains(false) }) { dense.append(index) }
      }
      return (visited, dense)
    }
  }
}
