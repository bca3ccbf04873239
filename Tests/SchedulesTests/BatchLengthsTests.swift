import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

/// Lengths of a batch as text.
@Suite struct BatchLengthsTests {
  @Test(
    "Lists",
    arguments: [
      ("4096", [4096]), ("8k,77, 3x2", [8192, 77, 2, 2, 2]), ("1M", [1_048_576]), ("2x4k", [4096, 4096]),
    ])
  func lists(text: String, keys: [Int]) throws {
    let lengths = try BatchLengths(parsing: text)
    #expect(lengths.keys == keys)
    #expect(lengths.longest == keys.max())
    #expect(lengths.runs.reduce(0) { $0 + $1.count } == keys.count)
    // Written again, it means the same.
    #expect(try BatchLengths(parsing: BatchLengths(keys: keys).description).keys == keys)
  }

  @Test("Distributions have as many lengths as asked, inside their bounds, the same each time")
  func distributions() throws {
    let uniform = try BatchLengths(parsing: "uniform:100-2k:n=500:seed=3")
    #expect(uniform.keys.count == 500)
    #expect(uniform.keys.allSatisfy { (100...2048).contains($0) })
    // The mean of 500 such numbers is within four standard errors of 1074.
    let mean = Double(uniform.keys.reduce(0, +)) / 500
    #expect(abs(mean - 1074) < 4 * 562 / 22.4)
    #expect(try BatchLengths(parsing: "uniform:100-2k:n=500:seed=3") == uniform)
    #expect(try BatchLengths(parsing: "uniform:100-2k:n=500:seed=4").keys != uniform.keys)
    let skewed = try BatchLengths(parsing: "lognormal:4k:sigma=1:n=1001:max=32k")
    #expect(skewed.keys.allSatisfy { (1...32_768).contains($0) })
    // Half lie below the median; its standard error is 1.25 / sqrt(1001) of sigma, 4 %.
    let median = Double(skewed.keys.sorted()[500])
    #expect(abs(median / 4096 - 1) < 0.16)
    #expect(try BatchLengths(parsing: "lognormal:4k:sigma=0:n=3").keys == [4096, 4096, 4096])
  }

  @Test(
    "Queries over keys",
    arguments: [
      ("1/4k", [1], [4096]), ("3x1/100,7/7", [1, 1, 1, 7], [100, 100, 100, 7]),
      ("uniform:50-50:n=2:q=3, 2k/2k", [3, 3, 2048], [50, 50, 2048]),
      // No more queries than keys.
      ("uniform:5-5:n=2:q=8-9", [5, 5], [5, 5]),
    ])
  func queries(text: String, queries: [Int], keys: [Int]) throws {
    let lengths = try BatchLengths(parsing: text)
    #expect(lengths.keys == keys)
    #expect(lengths.queries == queries)
    #expect(lengths.mostQueries == queries.max())
    let runs = lengths.runs(queries: 77)
    #expect(runs.flatMap { Array(repeating: $0.queries, count: $0.count) } == queries)
    #expect(runs.flatMap { Array(repeating: $0.keys, count: $0.count) } == keys)
    let again = try BatchLengths(parsing: BatchLengths(keys: keys, queries: queries).description)
    #expect(again.keys == keys && again.queries == queries)
    #expect(try BatchLengths(parsing: "4k,1k").runs(queries: 77).map(\.queries) == [77, 77])
  }

  @Test("Entries follow each other, and queries leave the keys of a distribution as they are")
  func entries() throws {
    let plain = try BatchLengths(parsing: "lognormal:4k:sigma=1:n=40:seed=3")
    let listed = try BatchLengths(parsing: "7,lognormal:4k:sigma=1:n=40:seed=3,2x9")
    #expect(listed.keys == [7] + plain.keys + [9, 9])
    let drawn = try BatchLengths(parsing: "lognormal:4k:sigma=1:n=40:seed=3:q=2-6")
    #expect(drawn.keys == plain.keys)
    let queries = try #require(drawn.queries)
    #expect(queries.allSatisfy { (2...6).contains($0) })
    #expect(Set(queries).count == 5)
  }

  @Test(
    "Where the mistake is",
    arguments: [
      ("4k,5q", 3), ("0", 0), ("8,uniform:0-10:n=3", 10), ("uniform:1-10:n=3:q=0", 17), ("1/4k, 8", 6),
      ("8,1/4k", 2), ("4k,lognormal:0:sigma=1:n=2", 13), ("4k,lognormal:8:sigma=9:n=2", 15),
      ("1/2/3", 0), ("9,uniform:5-3:n=2", 10), ("9,uniform:5-6:n=2:k=3", 18), ("6x0/9", 0),
      ("65536x1,1", 8),
    ])
  func places(text: String, position: Int) throws {
    let problem = #expect(throws: BatchLengths.Problem.self) { try BatchLengths(parsing: text) }
    #expect(problem?.position == position)
  }

  @Test(
    "What names no lengths",
    arguments: [
      "", ",", "0", "-1", "4k,", "3x", "x3", "0x5", "1x2x3", "4q", "99999999999999999999", "70000x1",
      "uniform",
      "uniform:9-3:n=2", "uniform:1-2", "uniform:1-2:n=0", "uniform:1-2:n=2:sigma=1",
      "uniform:1-2:n=2:seed=-1",
      "lognormal", "lognormal:4k:n=3", "lognormal:4k:sigma=9:n=3", "lognormal:4k:sigma=nan:n=3",
      "lognormal:4k:sigma=1:n=3:max=0x", "lognormal:4k:sigma=1:n=3:max=0", "300M", "/5", "5/", "1/0",
      "uniform:0-10:n=4", "uniform:1-2:n=2:q=", "uniform:1-2:n=2:q=3-1",
    ])
  func wrong(text: String) {
    #expect(throws: BatchLengths.Problem.self) { try BatchLengths(parsing: text) }
  }

  @Test("A shape with queries of its own counts each sequence")
  func mixedShape() throws {
    // A decode over 100 keys, a prefill of 3 over 3, three queries behind 5 keys.
    let lengths = try BatchLengths(keys: [100, 3, 8], queries: [1, 3, 3])
    let shape = try AttentionShape(
      batch: 3, headsQ: 4, headsKV: 2, seqQ: 3, headDim: 64, mask: .causal, lengths: lengths)
    #expect(shape.totalQueries == 7)
    // 100, then 1 + 2 + 3, then 6 + 7 + 8: bottom-right aligned, each by itself.
    #expect((shape.attendedPairs * 3).rounded() == 127)
    #expect(shape.compulsoryBytes.read == Double((4 * 7 + 2 * 111 * 2) * 64 * 2))
    #expect(shape.compulsoryBytes.write == Double(4 * 7 * 64 * 2))
    #expect(shape.hasQueryLengths)
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: 3, headsQ: 4, seqQ: 4, headDim: 64, lengths: lengths)
    }
    let alike = try BatchLengths(keys: [5, 6], queries: [2, 2])
    #expect(try !AttentionShape(batch: 2, headsQ: 4, seqQ: 2, headDim: 64, lengths: alike).hasQueryLengths)
  }

  @Test("A shape with lengths of its own counts each sequence")
  func shape() throws {
    let lengths = try BatchLengths(keys: [5, 1, 100])
    let shape = try AttentionShape(
      batch: 3, headsQ: 4, headsKV: 2, seqQ: 2, headDim: 64, mask: .causal, lengths: lengths)
    #expect(shape.seqKV == 100)
    // Two queries each, the last sees all keys, the other one fewer: 5 + 4, 1 + 0, 100 + 99.
    #expect(shape.attendedPairs * 3 == 209)
    // Two products of 2 x 64 flops, four heads.
    #expect(shape.usefulFlops == Double(4 * 209 * 2 * 2 * 64))
    #expect(shape.compulsoryBytes.read == Double((3 * 4 * 2 + 2 * 106 * 2) * 64 * 2))
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: 2, headsQ: 4, seqQ: 1, headDim: 64, lengths: lengths)
    }
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: 3, headsQ: 4, seqQ: 1, seqKV: 200, headDim: 64, lengths: lengths)
    }
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: 3, headsQ: 4, seqQ: 1, headDim: 64, pass: .backward, lengths: lengths)
    }
  }

  @Test("Shared keys are stored once and attended by all")
  func sharedPrefix() throws {
    let shape = try AttentionShape(
      batch: 3, headsQ: 4, headsKV: 2, seqQ: 1, headDim: 64, lengths: BatchLengths(keys: [50, 40, 100]),
      sharedPrefix: 40)
    // 190 keys, of which 40 are held once and not three times.
    #expect(shape.totalKeys == 190 && shape.storedKeys == 110)
    #expect(shape.attendedPairs * 3 == 190)
    #expect(shape.compulsoryBytes.read == Double((3 * 4 + 2 * 110 * 2) * 64 * 2))
  }

  @Test(
    "A prefix that some sequence does not have is refused, with its limit", arguments: [-1, 41, 1 << 40])
  func wrongPrefix(prefix: Int) throws {
    let error = #expect(throws: ShapeError.self) {
      try AttentionShape(
        batch: 2, headsQ: 4, seqQ: 1, headDim: 64, lengths: BatchLengths(keys: [50, 40]), sharedPrefix: prefix
      )
    }
    #expect(error?.problems.map(\.field) == ["shared-prefix"])
    #expect(error?.description.contains("40") == true)
    #expect(throws: ShapeError.self) {
      try AttentionShape(batch: 2, headsQ: 4, seqQ: 64, headDim: 64, pass: .backward, sharedPrefix: 8)
    }
  }
}
