import Attention
import HWModels
import Programs

/// Nodes that take a group of queries, all heads of each, and keys and values word by word.
extension GraphMachine {
  /// Rows of a group of queries, one query after another, its heads side by side.
  func queryGroup(_ group: Int, queries: Int) -> [Float] {
    var numbers: [Float] = []
    for query in (group * queries)..<((group + 1) * queries) {
      for head in heads {
        numbers +=
          query < shape.seqQ ? row(of: data.q[head], query) : [Float](repeating: 0, count: shape.headDim)
      }
    }
    return numbers
  }

  /// The word of keys or values that is due: a part of one head's row.
  func word(of tiles: [Tile], _ firing: Int, _ node: Place, words: Int) -> [Float] {
    let width = graph.fifos[node.outputs[0].fifo].width
    let column = firing % words * width
    let key = firing / words % shape.seqKV
    let row = row(of: tiles[heads.lowerBound + column / shape.headDim], key)
    return Array(row[(column % shape.headDim)..<(column % shape.headDim + width)])
  }

  /// State: a sum for each query and head, then their maxima.
  func scoreGroup(_ node: Place, _ firing: Int, queries: Int, words: Int) {
    let count = queries * heads.count
    let taken = node.taken
    let (word, key) = (firing % words, firing / words % shape.seqKV)
    if node.state.isEmpty { node.state = [Float](repeating: 0, count: 2 * count) }
    let width = taken[1].count
    let column = word * width
    let head = column / shape.headDim
    let row = heads.count * shape.headDim
    let isNew = column % shape.headDim == 0
    for place in 0..<queries {
      let start = place * row + column
      var sum: Float = isNew ? 0 : node.state[place * heads.count + head]
      for element in 0..<width { sum += taken[0][start + element] * taken[1][element] }
      node.state[place * heads.count + head] = sum
    }
    guard word == words - 1 else { return }
    let scores = node.state[0..<count].map { $0 * scale }
    for place in 0..<count {
      let before = key == 0 ? -Float.infinity : node.state[count + place]
      node.state[count + place] = max(before, scores[place])
    }
    node.results[0] = scores
    node.results[1] = Array(node.state[count...])
  }

  /// State: a weight for each query and head, their sums, then the output rows.
  func weighGroup(_ node: Place, _ firing: Int, queries: Int, words: Int) {
    let count = queries * heads.count
    let taken = node.taken
    let (word, key) = (firing % words, firing / words % shape.seqKV)
    if node.state.isEmpty {
      node.state = [Float](repeating: 0, count: 2 * count + count * shape.headDim)
    }
    if word == 0 {
      for place in 0..<count {
        let weight = exponential(difference(taken[1][place], taken[0][place]))
        node.state[place] = weight
        node.state[count + place] = (key == 0 ? 0 : node.state[count + place]) + weight
      }
    }
    let width = taken[2].count
    let column = word * width
    let head = column / shape.headDim
    let row = heads.count * shape.headDim
    for place in 0..<queries {
      let weight = node.state[place * heads.count + head]
      let sums = 2 * count + place * row + column
      for element in 0..<width {
        let before = key == 0 ? 0 : node.state[sums + element]
        node.state[sums + element] = weight == 0 ? before : before + weight * taken[2][element]
      }
    }
    guard word == words - 1, key == shape.seqKV - 1 else { return }
    node.results[0] = (0..<(count * shape.headDim)).map { element in
      let sum = node.state[count + element / shape.headDim]
      return sum == 0 ? 0 : node.state[2 * count + element] / sum
    }
  }

  func storeGroup(_ rows: [Float], _ group: Int, queries: Int) {
    for place in 0..<queries where group * queries + place < shape.seqQ {
      for (offset, head) in heads.enumerated() {
        let from = (place * heads.count + offset) * shape.headDim
        outputs[head]?.write(rows[from..<from + shape.headDim], row: group * queries + place)
      }
    }
  }
}
