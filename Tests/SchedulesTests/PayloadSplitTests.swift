import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

/// FlashMLA's division of a batch, as integers.
@Suite struct PayloadSplitTests {
  /// What the authors' kernel gives (get_decoding_sched_meta.cu@9241ae3, transliterated line by line and run apart from
  /// this program).
  struct Vector: Sendable {
    var lengths: [Int]
    var parts: Int
    var payload: Int
    /// Work items that have blocks, most blocks of one, and those of the last.
    var busy: Int
    var longest: Int
    var last: Int
    /// Most pieces of a request, and of all.
    var mostSplits: Int
    var pieces: Int

    init(_ lengths: [Int], _ numbers: [Int]) {
      self.lengths = lengths
      (parts, payload, busy, longest) = (numbers[0], numbers[1], numbers[2], numbers[3])
      (last, mostSplits, pieces) = (numbers[4], numbers[5], numbers[6])
    }
  }

  static let vectors = [
    Vector([4096], [132, 6, 64, 1, 1, 64, 64]),
    Vector(Array(repeating: 4096, count: 4), [66, 10, 52, 5, 4, 13, 52]),
    Vector(Array(repeating: 16384, count: 256), [66, 1018, 66, 998, 936, 2, 318]),
    Vector(Array(repeating: 4096, count: 128), [132, 72, 128, 64, 64, 1, 128]),
    Vector(Array(repeating: 8, count: 1024), [132, 52, 128, 8, 8, 1, 1024]),
    Vector(Array(repeating: 2048, count: 2), [132, 6, 64, 1, 1, 32, 64]),
    Vector(Array(repeating: 65536, count: 4), [132, 37, 128, 32, 32, 32, 128]),
    Vector([102, 3165, 138, 94, 3802, 14071, 23], [66, 11, 60, 6, 1, 37, 60]),
    Vector(
      [
        62, 142, 485, 8114, 162, 38208, 148, 25997, 57, 143, 75, 1182, 7720, 20217, 53486, 11845,
      ], [1, 2718, 1, 2633, 2633, 1, 16]),
    Vector(
      [
        41872, 96, 141, 4115, 3907, 13498, 4356, 2574, 4797, 2963, 2036, 179, 21, 19678, 32448, 3677, 4989,
        31, 27403, 194, 1246, 3455, 172, 196, 37554, 2787, 22950, 32551, 52226, 564, 70, 533, 188,
      ], [17, 313, 17, 308, 279, 3, 47]),
    Vector(
      [52290, 25715, 3269, 849, 3281, 49, 54, 1330, 88, 3446, 1, 9914, 6650, 209, 54, 24657],
      [4, 542, 4, 537, 512, 2, 19]),
    Vector([4934, 3885, 30, 3818, 3964, 704, 27], [17, 24, 16, 19, 11, 5, 21]),
  ]

  @Test("The authors' vectors", arguments: vectors)
  func authors(vector: Vector) {
    let split = PayloadSplit(blocks: vector.lengths.map { ($0 + 63) / 64 }, parts: vector.parts)
    var perPart: [Int: Int] = [:]
    for piece in split.pieces { perPart[piece.part, default: 0] += piece.blocks.count }
    #expect(split.payload == vector.payload)
    #expect(perPart.count == vector.busy)
    #expect(perPart.values.max() == vector.longest)
    #expect(perPart[perPart.keys.max() ?? 0] == vector.last)
    #expect(split.splits.max() == vector.mostSplits)
    #expect(split.pieces.count == vector.pieces)
  }

  /// Block after block: a work item begins a request only if its payload covers the overhead and a block, or the whole
  /// rest, and goes on while a block is left beside the overhead.
  private func slowly(_ blocks: [Int], parts: Int, overhead: Int) -> [PayloadSplit.Piece] {
    let total = blocks.reduce(0) { $0 + $1 + overhead }
    let payload = Int((Double(total) / Double(parts)).rounded(.up)) + overhead
    var pieces: [PayloadSplit.Piece] = []
    var (request, block, split) = (0, 0, 0)
    for part in 0..<parts {
      var left = payload
      var isFull = false
      while request < blocks.count, !isFull {
        let first = block
        let fits = blocks[request] - block + overhead <= left
        while block < blocks[request], fits || left > overhead {
          block += 1
          left -= 1
        }
        if block > first {
          pieces.append(.init(request: request, blocks: first..<block, part: part, split: split))
        }
        isFull = block < blocks[request]
        if isFull {
          split += block > first ? 1 : 0
        } else {
          left -= overhead
          (request, block, split) = (request + 1, 0, 0)
        }
      }
    }
    return pieces
  }

  @Test("It equals a slow obvious rule, and covers every block once", arguments: 0..<200)
  func slowRule(seed: Int) {
    var generator = SplitMix(seed: UInt64(seed))
    let most = [1, 3, 20, 300].randomElement(using: &generator) ?? 1
    let blocks = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
      Int.random(in: 1...most, using: &generator)
    }
    let parts = Int.random(in: 1...140, using: &generator)
    let overhead = [0, 1, 5].randomElement(using: &generator) ?? 5
    let split = PayloadSplit(blocks: blocks, parts: parts, overhead: overhead)
    #expect(split.pieces == slowly(blocks, parts: parts, overhead: overhead), "seed \(seed)")
    var next = [Int](repeating: 0, count: blocks.count)
    for piece in split.pieces {
      #expect(piece.blocks.lowerBound == next[piece.request])
      next[piece.request] = piece.blocks.upperBound
    }
    #expect(next == blocks)
    #expect(split.pieces.count <= blocks.count + parts)
    var loads = [Int](repeating: 0, count: parts)
    for piece in split.pieces { loads[piece.part] += piece.blocks.count + overhead }
    #expect(loads.allSatisfy { $0 <= split.payload })
  }

  @Test(
    "Work items of a tile of rows",
    arguments: [(132, 1, 1, 132), (132, 1, 2, 66), (132, 8, 1, 16), (16, 4, 8, 1)])
  func parts(cores: Int, headsKV: Int, rowTiles: Int, parts: Int) {
    #expect(PayloadSplit.parts(cores: cores, headsKV: headsKV, rowTiles: rowTiles) == parts)
  }
}
