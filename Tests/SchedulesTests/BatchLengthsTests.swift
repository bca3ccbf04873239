import Schedules
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
    "What names no lengths",
    arguments: [
      "", ",", "0", "-1", "4k,", "3x", "x3", "0x5", "1x2x3", "4q", "99999999999999999999", "70000x1",
      "uniform",
      "uniform:9-3:n=2", "uniform:1-2", "uniform:1-2:n=0", "uniform:1-2:n=2:sigma=1",
      "uniform:1-2:n=2:seed=-1",
      "lognormal", "lognormal:4k:n=3", "lognormal:4k:sigma=9:n=3", "lognormal:4k:sigma=nan:n=3",
      "lognormal:4k:sigma=1:n=3:max=0x", "300M",
    ])
  func wrong(text: String) {
    #expect(throws: BatchLengths.Problem.self) { try BatchLengths(parsing: text) }
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
