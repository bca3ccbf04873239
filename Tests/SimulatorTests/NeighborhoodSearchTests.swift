import Attention
import Dataflow
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// The search over strides and tiles.
@Suite struct NeighborhoodSearchTests {
  private func search(_ mask: String, headDim: Int = 128, simulated: Int = 8) throws -> [NeighborhoodSearch
    .Candidate]
  {
    let parsed = try Mask(parsing: mask)
    guard case .neighborhood(let neighborhood) = parsed else { return [] }
    let shape = try AttentionShape(
      batch: 1, headsQ: 8, seqQ: neighborhood.tokens, headDim: headDim, mask: parsed)
    // Tiles of one axis lie in the sequence already.
    let parameters = neighborhood.axes.count > 1 ? ["permute": "off"] : [:]
    return try NeighborhoodSearch(
      .init(
        schedule: "gna-hopper", parameters: .init(parameters), shape: shape,
        device: try Devices.named("h100-sxm5")), simulated: simulated
    ).run()
  }

  @Test(
    "The order is that of time, the front that of time and distance, and stride 1 is among them",
    arguments: ["gna:256x256:w80x80", "gna:30x48x80:w18x24x24", "gna:4096:w512", "gna:33x50:w9x17"])
  func order(mask: String) throws {
    let found = try search(mask)
    #expect(found.contains { $0.stride.allSatisfy { $0 == 1 } && $0.movedShare == 0 })
    for (a, b) in zip(found, found.dropFirst()) { #expect(a.time <= b.time) }
    for (index, candidate) in found.enumerated() {
      let isBeaten = found[..<index].contains { $0.movedShare <= candidate.movedShare }
      #expect(candidate.isOnFront != isBeaten)
    }
  }

  /// The strides that the authors take for FLUX and HunyuanVideo are the nearest ones that need no mask.
  @Test(
    "The first strides without a mask are the published ones",
    arguments: [
      ("gna:256x256:w80x80", [16, 16]), ("gna:32768:w2048", [256]),
    ])
  func publishedStrides(mask: String, stride: [Int]) throws {
    let first = try #require(try search(mask, simulated: 40).first)
    #expect(first.isUnmasked)
    #expect(first.stride == stride)
  }

  @Test(
    "The share left out is that of a count pair by pair",
    arguments: [
      ("gna:23:w7", [3]), ("gna:23:w7:d2", [5]), ("gna:9x14:w5x6", [2, 6]), ("gna:9x14:w5x6:c1x0", [4, 1]),
    ])
  func distance(mask: String, stride: [Int]) throws {
    guard case .neighborhood(let plain) = try Mask(parsing: mask) else { return }
    let other = try plain.strided(stride)
    let (a, b) = (Mask.neighborhood(plain), Mask.neighborhood(other))
    let (rows, others) = (
      a.rows(seqQ: plain.tokens, seqKV: plain.tokens), b.rows(seqQ: plain.tokens, seqKV: plain.tokens)
    )
    var (pairs, kept) = (0, 0)
    for query in 0..<plain.tokens {
      for key in 0..<plain.tokens where rows.allows(query: query, key: key) {
        pairs += 1
        if others.allows(query: query, key: key) { kept += 1 }
      }
    }
    #expect(abs(plain.shareLeftOut(by: other) - (1 - Double(kept) / Double(pairs))) < 1e-12)
    #expect(plain.shareLeftOut(by: plain) == 0)
  }
}
