import Foundation
import Testing

@Suite("attnsim validate, against a baseline and broken tables")
struct ValidateCommandTests {
  @Test("The order of kernels is held against the recorded one, where it was recorded")
  func rankings() throws {
    try withFolder { folder in
      let (right, wrong) = (folder.appendingPathComponent("a.csv"), folder.appendingPathComponent("b.csv"))
      try Data(try shortRows().utf8).write(to: right)
      try Data(try shortRows(swapped: true).utf8).write(to: wrong)
      let recorded = try attnsim("validate", right.path, "--json")
      #expect(recorded.status == 0, "\(recorded.errors)")
      let object = try JSONSerialization.jsonObject(with: Data(recorded.output.utf8))
      let rankings = try #require((object as? [String: Any])?["rankings"] as? [[String: Any]])
      #expect(!rankings.isEmpty)
      func against(_ table: URL, _ baseline: [String: Any]) throws -> Run {
        let file = folder.appendingPathComponent("baseline.json")
        try JSONSerialization.data(withJSONObject: baseline).write(to: file)
        return try attnsim("validate", table.path, "--baseline", file.path)
      }
      let none: [[String: Any]] = []
      #expect(try against(right, ["groups": none, "rankings": rankings]).status == 0)
      // Records of earlier versions have none.
      #expect(try against(wrong, ["groups": none]).status == 0)
      let worse = try against(wrong, ["groups": none, "rankings": rankings])
      #expect(worse.status == 1)
      #expect(worse.errors.contains("order of two kernels, sustained_us: wrong in"), "\(worse.errors)")
      let gone = try against(
        right, ["groups": none, "rankings": [["metric": "x_us", "pairs": 9, "right": 9]]])
      #expect(gone.status == 1)
      #expect(gone.errors.contains("x_us: recorded with 9 pairs, now without any"))
    }
  }

  @Test(
    "Of many errors the first are printed, and how many more there are", arguments: ["validate", "check"])
  func manyErrors(name: String) throws {
    try withFolder { folder in
      let table = try shortRows().split(separator: "\n")
      let rows = [table[0]] + Array(repeating: table[1], count: 1001)
      let file = folder.appendingPathComponent("many.csv")
      try Data(rows.joined(separator: "\n").utf8).write(to: file)
      let run = try attnsim(name, file.path)
      #expect(run.status == 65)
      #expect(run.errors.components(separatedBy: "the same row stands at line").count == 21)
      #expect(run.errors.contains("and 980 more errors"))
    }
  }
}
