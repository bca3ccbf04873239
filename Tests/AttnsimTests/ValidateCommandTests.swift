import Foundation
import Testing

@Suite("attnsim validate, against a baseline and broken tables")
struct ValidateCommandTests {
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
