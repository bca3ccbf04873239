import Attention
import Dataflow
import Foundation
import HWModels
import Programs
import Results
import Schedules
import Simulator
import Spatial
import Testing

@testable import Reports

@Suite("Text for people")
struct TextTests {
  @Test(
    "Numbers print alike everywhere",
    arguments: [
      (0.0, "0", "0 s"), (1.0, "1", "1.00 s"), (0.001234, "0.00123", "1.23 ms"), (999.96, "1000", "1.00 ks"),
      (99.97, "100", "100 s"),
      (1.5e-6, "0.0000015", "1.50 µs"), (1e-9, "1e-9", "1.00 ns"), (1830, "1830", "1.83 ks"),
      (6.02e23, "6.02e23", "602000 Es"), (-0.5, "-0.5", "-500 ms"), (9.999e-10, "1e-9", "1.00 ns"),
    ])
  func numbers(value: Double, significant: String, prefixed: String) {
    #expect(NumberText.significant(value) == significant)
    #expect(NumberText.prefixed(value, "s") == prefixed)
  }

  @Test("Digits are grouped by thousands")
  func grouped() {
    #expect(NumberText.grouped(0) == "0")
    #expect(NumberText.grouped(999) == "999")
    #expect(NumberText.grouped(1_313_367) == "1,313,367")
    #expect(NumberText.grouped(-12_345.6) == "-12,346")
    #expect(NumberText.fixed(-0.001, 2) == "0.00")
    #expect(NumberText.fixed(.nan, 2) == "nan")
  }

  @Test("A bar fills to an eighth of a cell")
  func bars() {
    #expect(TextLayout.bar(0, width: 4) == "····")
    #expect(TextLayout.bar(0.5, width: 4) == "██··")
    #expect(TextLayout.bar(1.0 / 32, width: 4) == "▏···")
    #expect(TextLayout.bar(7, width: 4) == "████")
    #expect(TextLayout.bar(.nan, width: 4) == "····")
  }

  @Test("The result as text")
  func text() throws { try Golden.check(TextReport.render(Sample.result()), "result.txt") }

  @Test("No line is wider than the terminal", arguments: [80, 96, 100])
  func widths(width: Int) throws {
    let style = TextStyle(width: width)
    let text = ExplainReport.text(
      try Sample.result(), attribution: Sample.attribution, elasticities: Sample.elasticities, style: style)
    for line in text.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
    #expect(!text.contains("\u{1B}"))
  }

  @Test("Colour codes only where asked for")
  func colour() throws {
    #expect(TextReport.render(try Sample.result(), style: TextStyle(colour: true)).contains("\u{1B}[1m"))
  }

  @Test("The result as JSON")
  func json() throws {
    let text = JSONReport.render(try Sample.result())
    try Golden.check(text + "\n", "result.json")
    let read = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(read["cycles"] as? Double == 613_000)
    let compact = JSONReport.render(try Sample.result(), indented: false)
    #expect(!compact.contains("\n"))
    _ = try JSONSerialization.jsonObject(with: Data(compact.utf8))
  }

  @Test("JSON escapes what must be escaped and keeps numbers")
  func jsonText() throws {
    let value = JSONValue.object([
      "a\"\\\n\u{1}é\u{2028}": .array([
        .number(.infinity), .number(0.1), .number(1e300), .number(-0.0), .boolean(true), .null, .integer(7),
      ]),
      "empty": .object([:]), "none": .array([]),
    ])
    for indented in [true, false] {
      let read =
        try JSONSerialization.jsonObject(with: Data(value.text(indented: indented).utf8)) as? [String: Any]
      let list = try #require(read?["a\"\\\n\u{1}é\u{2028}"] as? [Any])
      #expect(list.count == 7)
      #expect(list[0] is NSNull)
      #expect(list[1] as? Double == 0.1)
      #expect(list[2] as? Double == 1e300)
    }
  }

  @Test("The result as CSV")
  func csv() throws {
    try Golden.check(CSVReport.render(Sample.result()), "result.csv")
    #expect(CSVReport.quoted("a,\"b\"") == "\"a,\"\"b\"\"\"")
  }

  @Test("Two results side by side")
  func compare() throws {
    var other = try Sample.request()
    other.schedule = "fa2"
    other.overrides = [(path: "vector.exp", value: "32 op/clk")]
    DeviceField.at("vector.exp")?.set(32, on: &other.device)
    let text = CompareReport.text(try Sample.result(), try Sample.result(seq: 8192, request: other))
    try Golden.check(text, "compare.txt")
    let json = CompareReport.json(try Sample.result(), try Sample.result(request: other))
    _ = try JSONSerialization.jsonObject(with: Data(json.utf8))
  }

  @Test("The explanation")
  func explain() throws {
    let text = ExplainReport.text(
      try Sample.result(), attribution: Sample.attribution, elasticities: Sample.elasticities)
    try Golden.check(text, "explain.txt")
    let json = ExplainReport.json(
      try Sample.result(), attribution: Sample.attribution, elasticities: Sample.elasticities)
    _ = try JSONSerialization.jsonObject(with: Data(json.utf8))
  }
}
