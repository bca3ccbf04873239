import Attention
import Dataflow
import Foundation
import Programs
import Schedules
import Spatial
import Testing

/// The rules of FlashAttention-2 and LeanAttention, as integers.
@Suite struct DecodeGoldenTests {
  /// One line of the table: what the two rules give for a decode call (query length 1, as many KV heads as heads).
  struct Vector: Sendable, CustomStringConvertible {
    var fields: [Int]
    var gpu: String
    var description: String { "\(gpu) \(fields)" }
    var cores: Int { fields[0] }
    var batch: Int { fields[1] }
    var heads: Int { fields[2] }
    var seqKV: Int { fields[3] }
    var headDim: Int { fields[4] }
    var blocks: Int { fields[5] }
  }

  static let vectors: [Vector] = """
    A100 108 1 8 65536 64 256 24 192 11 216 10 104 30
    A100 108 1 12 8192 128 64 16 192 4 216 4 120 22
    A100 108 1 32 4096 128 32 6 192 6 216 5 160 9
    A100 108 1 32 131072 128 1024 6 192 171 216 152 152 8
    A100 108 1 56 32768 128 256 7 392 37 216 67 80 5
    A100 108 4 32 8192 128 64 3 384 22 216 38 200 3
    A100 108 8 40 16384 128 128 1 320 128 216 190 136 2
    A100 108 1 64 262144 64 1024 3 192 342 216 304 88 5
    H100 132 1 8 65536 64 256 29 232 9 256 8 256 33
    H100 132 1 12 8192 128 64 22 264 3 264 3 240 33
    H100 132 1 32 4096 128 32 7 224 5 264 4 232 12
    H100 132 1 32 131072 128 1024 7 224 147 264 125 32 10
    H100 132 1 56 32768 128 256 4 224 64 264 55 80 6
    H100 132 4 32 8192 128 64 2 256 32 264 32 8 4
    H100 132 8 40 16384 128 128 1 320 128 264 156 40 2
    H100 132 1 64 262144 64 1024 4 256 256 264 249 64 6
    """.split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      return Vector(fields: words.dropFirst().map { Int($0)! }, gpu: String(words[0]))
    }

  @Test("FlashAttention-2's split count", arguments: vectors)
  func fa2(vector: Vector) {
    let outputs = vector.batch * vector.heads
    let splits = SplitRule.fa2.splits(.init(rowTiles: outputs, blocks: vector.blocks, cores: vector.cores))
    #expect(splits == vector.fields[6])
    #expect(splits * outputs == vector.fields[7])
    #expect((vector.blocks + splits - 1) / splits == vector.fields[8])
  }

  @Test("LeanAttention's grid", arguments: vectors)
  func lean(vector: Vector) {
    let outputs = vector.batch * vector.heads
    let grid = StreamKRanges.authorsGrid(
      total: outputs * vector.blocks, outputTiles: outputs, blocks: vector.blocks, cores: vector.cores)
    let ranges = StreamKRanges(outputs: [.init(count: outputs, tiles: vector.blocks)], grid: grid)
    #expect(ranges.grid == vector.fields[9])
    #expect(ranges.maxTiles == vector.fields[10])
    #expect(ranges.highLoad == vector.fields[11])
    #expect(ranges.scratchSplits(blocks: vector.blocks) == vector.fields[12])
    // No output falls into more parts than the scratch memory has room for.
    var parts = [Int](repeating: 0, count: outputs)
    for piece in ranges.pieces() { parts[piece.output] += 1 }
    #expect(parts.max()! <= vector.fields[12])
  }

  /// `decode_kernels.py`, class Decode: the loop that deals parts, written out again from the source.
  private func benchmark(heads: Int, tiles: Int, programs: Int?, splits: Int) -> [[Int]] {
    let total = heads * tiles
    let per = programs.map { (total + $0 - 1) / $0 } ?? (tiles + splits - 1) / splits
    let count = programs == nil ? heads * splits : (total + per - 1) / per
    var parts: [[Int]] = []
    for program in 0..<count {
      var low: Int
      let high: Int
      if programs != nil {
        (low, high) = (program * per, min((program + 1) * per, total))
      } else {
        let (head, part) = (program / splits, program % splits)
        (low, high) = (head * tiles + min(part * per, tiles), head * tiles + min((part + 1) * per, tiles))
      }
      while low < high {
        let head = low / tiles
        let next = min(high, (head + 1) * tiles)
        parts.append([program, head, low - head * tiles, next - head * tiles])
        low = next
      }
    }
    return parts
  }

  @Test("Tile ranges of the measured Triton kernels", arguments: 0..<200)
  func tritonRanges(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound)) + 1
    }
    let (heads, tiles, programs, splits) = (draw(70), draw(300), draw(600), draw(140))
    let stream = StreamKRanges(outputs: [.init(count: heads, tiles: tiles)], equalRuns: programs)
    #expect(
      stream.pieces().map { [$0.workItem, $0.output, $0.tiles.lowerBound, $0.tiles.upperBound] }
        == benchmark(heads: heads, tiles: tiles, programs: programs, splits: 1),
      "\(heads) heads, \(tiles) tiles, \(programs) programs")
    let cut = FixedSplit(blocks: tiles, splits: splits)
    let found = (0..<heads).flatMap { head in
      (0..<splits).compactMap { part -> [Int]? in
        let range = cut.range(of: part)
        return range.isEmpty ? nil : [head * splits + part, head, range.lowerBound, range.upperBound]
      }
    }
    #expect(
      found == benchmark(heads: heads, tiles: tiles, programs: nil, splits: splits),
      "\(heads) heads, \(tiles) tiles, \(splits) splits")
  }

  @Test("The pieces of stream-K cover every tile once", arguments: 0..<100)
  func cover(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 7
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound)) + 1
    }
    let runs = (0..<draw(5)).map { _ in StreamKRanges.Run(count: draw(4), tiles: draw(90)) }
    let ranges = StreamKRanges(outputs: runs, grid: draw(300))
    var next: [Int] = Array(repeating: 0, count: runs.reduce(0) { $0 + $1.count })
    var loads = [Int](repeating: 0, count: ranges.grid)
    for piece in ranges.pieces() {
      #expect(piece.tiles.lowerBound == next[piece.output])
      next[piece.output] = piece.tiles.upperBound
      loads[piece.workItem] += piece.tiles.count
    }
    #expect(next == runs.flatMap { Array(repeating: $0.tiles, count: $0.count) })
    #expect(loads.max()! - loads.min()! <= 1)
  }
}
