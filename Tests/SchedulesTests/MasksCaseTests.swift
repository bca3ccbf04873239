import Attention
import Dataflow
import Foundation
import Programs
import Schedules
import Spatial
import Testing

/// Counts that were made by looking at every pair, recomputed from interval algebra.
@Suite("Mask cases counted pair by pair")
struct MasksCaseTests {
  @Test("Every count column of the table comes out the same", arguments: ["gna-cases", "mask-cases"])
  func tablesAgree(name: String) throws {
    let text = try table(name)
    let parsed = try MaskCaseTable(parsing: blankingCounts(of: text))
    let filled = try parsed.filled { path in throw CocoaError(.fileNoSuchFile, userInfo: ["path": path]) }
    let expected = text.split(whereSeparator: \.isNewline)
    let actual = filled.split(whereSeparator: \.isNewline)
    #expect(actual.count == expected.count)
    for (a, b) in zip(actual, expected) { #expect(a == b) }
    #expect(filled == text)
  }

  private func table(_ name: String) throws -> String {
    let url = try #require(Bundle.module.url(forResource: name, withExtension: "csv", subdirectory: "Data"))
    return try String(contentsOf: url, encoding: .utf8)
  }

  /// The table with its count columns emptied, so that nothing can be copied through.
  private func blankingCounts(of text: String) throws -> String {
    let parsed = try MaskCaseTable(parsing: text)
    let counts = Set(parsed.kind.countColumns)
    var lines = [parsed.header.joined(separator: ",")]
    for row in parsed.rows {
      lines.append(
        zip(parsed.header, row.fields).map { counts.contains($0) ? "" : $1 }.joined(separator: ","))
    }
    let ending = text.contains("\r\n") ? "\r\n" : "\n"
    return lines.map { $0 + ending }.joined()
  }
}
