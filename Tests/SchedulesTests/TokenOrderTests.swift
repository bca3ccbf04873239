import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Tokens in the order of a kernel's tiles.
@Suite struct TokenOrderTests {
  @Test(
    "Every token has exactly one row, and rows of one tile are a box of one dilation group",
    arguments: [
      ([12], [4], [1]), ([13], [4], [3]), ([8, 8], [4, 2], [1, 1]), ([9, 10], [4, 8], [2, 1]),
      ([5, 6, 7], [2, 4, 2], [1, 2, 3]),
    ])
  func isPermutation(_ shape: [Int], _ tile: [Int], _ dilation: [Int]) {
    let order = TokenOrder(shape: shape, tile: tile, dilation: dilation)
    let tokens = shape.reduce(1, *)
    let volume = tile.reduce(1, *)
    var seen = [Int](repeating: 0, count: tokens)
    for start in stride(from: 0, to: order.rows, by: volume) {
      var low = [Int](repeating: .max, count: shape.count)
      var high = [Int](repeating: 0, count: shape.count)
      for token in (start..<start + volume).compactMap({ order.token(ofRow: $0) }) {
        seen[token] += 1
        var rest = token
        for axis in shape.indices.reversed() {
          low[axis] = min(low[axis], rest % shape[axis])
          high[axis] = max(high[axis], rest % shape[axis])
          rest /= shape[axis]
        }
      }
      for axis in shape.indices where low[axis] <= high[axis] {
        #expect(high[axis] - low[axis] <= (tile[axis] - 1) * dilation[axis])
      }
    }
    #expect(seen.allSatisfy { $0 == 1 })
    #expect(order.rows % volume == 0)
    #expect(order.token(ofRow: order.rows) == nil)
  }

  @Test("Runs list the tokens of a range of rows in order, without padding")
  func runs() {
    let order = TokenOrder(shape: [9, 10], tile: [4, 8], dilation: [2, 1])
    for start in stride(from: 0, to: order.rows, by: 24) {
      let range = start..<min(start + 24, order.rows)
      var fromRuns = [Int?](repeating: nil, count: range.count)
      for run in order.runs(of: range) {
        for (step, token) in run.tokens.enumerated() { fromRuns[run.offset + step] = token }
      }
      #expect(fromRuns == range.map { order.token(ofRow: $0) })
    }
  }

  @Test("A sequence of whole tiles is its own order")
  func identity() {
    #expect(TokenOrder(shape: [256], tile: [64], dilation: [1]).isIdentity)
    #expect(!TokenOrder(shape: [255], tile: [64], dilation: [1]).isIdentity)
    #expect(!TokenOrder(shape: [256], tile: [64], dilation: [2]).isIdentity)
  }
}
