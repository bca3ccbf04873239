import Attention
import AttnsimTestSupport
import Dataflow
import HWModels
import InputFiles
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

/// Numbers that the authors of generalized neighborhood attention print, computed again (validation/published_gna.csv).
@Suite struct PublishedNeighborhoodTests {
  /// A row of the table; columns as its header names them.
  private struct Row {
    var fields: [String: String]
    subscript(name: String) -> String { fields[name] ?? "" }
    var value: Double { Double(self["value"]) ?? .nan }
    var model: String { String(self["note"].split(separator: ";").dropFirst().first ?? "").trimmed }
    var mask: PublishedMask { PublishedMask(self["mask"]) }
  }

  /// `na2d:L=256x256:w=80x80:s=16x1:d=1x1`.
  private struct PublishedMask {
    var parts: [String: [Int]]
    init(_ text: String) {
      parts = [:]
      for part in text.split(separator: ":").dropFirst() {
        let pair = part.split(separator: "=")
        if pair.count == 2 { parts[String(pair[0])] = pair[1].split(separator: "x").compactMap { Int($0) } }
      }
    }
    var key: String { "\(parts["L"] ?? []) \(parts["w"] ?? [])" }
    func neighborhood() throws -> Neighborhood {
      try Neighborhood(
        shape: #require(parts["L"]), window: #require(parts["w"]), stride: parts["s"], dilation: parts["d"])
    }
  }

  private func rows() throws -> [Row] {
    let folder = try #require(CheckoutFolder.find("validation"))
    let lines = try SourceText.load(folder + "/published_gna.csv").text.split(separator: "\n")
    let header = cells(String(lines[0]))
    return lines.dropFirst().map { Row(fields: .init(zip(header, cells(String($0)))) { first, _ in first }) }
  }

  private func cells(_ line: String) -> [String] {
    var cells = [""]
    var isQuoted = false
    for character in line {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        cells.append("")
      } else {
        cells[cells.count - 1].append(character)
      }
    }
    return cells.map(\.trimmed)
  }

  /// End-to-end speed-up by Amdahl's law: self-attention's share of the time, the share of diffusion steps that are
  /// sparse, and the speed-up of the operation.
  private func endToEnd(_ speedup: Double, share: Double, sparse: Double) -> Double {
    1 / (1 - share * sparse + share * sparse / speedup)
  }

  /// Whether `speedup` gives the printed value, given that the share is rounded to a tenth of a percent and the value to
  /// a hundredth.
  private func gives(_ speedup: Double, _ row: Row, share: Double) throws -> Bool {
    let words = row["note"].split(whereSeparator: { " ;".contains($0) }).compactMap { Int($0) }
    let (kept, steps) = (words[words.count - 2], words[words.count - 1])
    let sparse = 1 - Double(kept) / Double(steps)
    let ends = [-0.0005, 0.0005].map { endToEnd(speedup, share: share + $0, sparse: sparse) }
    return row.value > ends[0] - 0.00501 && row.value < ends[1] + 0.00501
  }

  private func shares(_ rows: [Row]) -> [String: Double] {
    var shares: [String: Double] = [:]
    for row in rows where row["metric"] == "utilization" {
      let model = row["note"].split(separator: ";").dropFirst().first.map { String($0).trimmed } ?? ""
      shares[String(model.prefix { $0 != ":" })] = row.value
    }
    return shares
  }

  @Test("FLOP-wise end-to-end speed-ups of tables 2 to 5, all of them")
  func flopColumns() throws {
    let rows = try rows()
    let shares = shares(rows)
    var checked = 0
    for row in rows where row["note"].contains("FLOP-wise") && row["kernel"] == "GNA E2E" {
      let neighborhood = try row.mask.neighborhood()
      let tokens = Double(neighborhood.tokens)
      let speedup = tokens * tokens / Double(neighborhood.attendedPairs)
      let share = try #require(shares[row.model], "\(row.model)")
      #expect(try gives(speedup, row, share: share), "\(row["mask"]) \(row["note"]): \(speedup)")
      checked += 1
    }
    #expect(checked == 44)
  }

  /// Tiles that the authors state: FLUX (docs/profiler.md) and HunyuanVideo 18x24x24 (Fig. 3). The paper rounds the
  /// operation's speed-up to one decimal before some of its end-to-end numbers, so either counts.
  @Test("NATTENSim's upper bounds, every row whose tiles the authors state")
  func simulatedColumns() throws {
    let stated: [String: (query: [Int], key: [Int])] = [
      "[256, 256] [80, 80]": ([16, 16], [16, 8]), "[30, 48, 80] [18, 24, 24]": ([4, 8, 8], [2, 8, 8]),
    ]
    let rows = try rows()
    let shares = shares(rows)
    var checked = 0
    for row in rows where row["note"].contains("NATTENSim") && row["kernel"] == "GNA E2E" {
      let mask = row.mask
      guard let tiles = stated[mask.key] else { continue }
      let neighborhood = try mask.neighborhood()
      let map = try Mask.neighborhood(neighborhood).tiles(
        seqQ: neighborhood.tokens, seqKV: neighborhood.tokens,
        geometry: .boxes(query: tiles.query, key: tiles.key, .fixed))
      var most = 0
      map.forEachRow { _, row in most = max(most, row.visitedCount) }
      let speedup = Double(map.keyTiles) / Double(most)
      let rounded = (speedup * 10).rounded() / 10
      let share = try #require(shares[row.model], "\(row.model)")
      let isPrinted = try gives(speedup, row, share: share) || gives(rounded, row, share: share)
      #expect(isPrinted, "\(row["mask"]) \(row["note"]): \(speedup)")
      checked += 1
    }
    #expect(checked == 21)
  }

  /// NATTEN's own profile of its Hopper kernel: one, two and three axes, every tile masked and none. Each error is printed.
  @Test("Times of NATTEN's kernel on an H100 within 10 % on average")
  func hopperTimes() throws {
    let device = try Devices.named("h100-sxm5")
    var errors: [Double] = []
    for row in try rows() where row["kernel"] == "hopper-fna" && row["hardware"] == "H100" {
      let tokens = try #require(Int(row["seq_q"]))
      let neighborhood = try row.mask.neighborhood()
      let shape = try AttentionShape(
        batch: 1, headsQ: try #require(Int(row["heads_q"])), seqQ: tokens, headDim: 128, dataType: .fp16,
        mask: .neighborhood(neighborhood))
      // Tiles of one axis lie in the sequence already.
      var parameters = neighborhood.axes.count > 1 ? ["permute": "off"] : [:]
      // The profile of three axes asks for these tiles; the others take the default.
      if row["note"].contains("Tq=2x8x8") { parameters["tile-q"] = "2x8x8" }
      let result = try Simulation.run(
        .init(
          schedule: "gna-hopper", parameters: ScheduleParameters(parameters), shape: shape, device: device))
      let error = result.time.value * 1e6 / row.value - 1
      print("\(row["mask"]): \(result.time.value * 1e6) us, \(row.value) printed, \(error)")
      errors.append(abs(error))
      #expect(abs(error) < 0.18, "\(row["mask"])")
    }
    #expect(errors.count == 7)
    #expect(errors.reduce(0, +) / Double(errors.count) < 0.10)
  }
}

extension String {
  fileprivate var trimmed: String {
    var rest = self[...]
    while rest.first == " " { rest.removeFirst() }
    while rest.last == " " || rest.last == "\r" { rest.removeLast() }
    return String(rest)
  }
}
