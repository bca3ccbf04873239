import Foundation
import HWModels
import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Reports
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

@Suite("Pages")
struct PageTests {
  private func record() throws -> RunRecord {
    RunRecord(
      result: try Sample.result(), source: .scenario(name: "main.yaml", text: "device: <sample-h> & co\n"),
      deviceFileHash: ContentHash.hex("file"), toolVersion: "0.1.0")
  }

  @Test("A run as a page of one file")
  func run() throws {
    let html = RunPage.html(
      try record(), program: try Sample.program(), trace: Sample.trace(), attribution: Sample.attribution,
      elasticities: Sample.elasticities)
    try Picture.check(html, "run.html")
    expectSelfContained(html)
    #expect(html.contains("device: &lt;sample-h&gt; &amp; co"))
    let bare = RunPage.html(try record())
    #expect(!bare.contains("First steps"))
    expectSelfContained(bare)
  }

  /// Every tag closed, and nothing fetched: addresses only as names of XML spaces.
  private func expectSelfContained(_ html: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let spaces = html.replacingOccurrences(of: "http://www.w3.org/", with: "")
    for address in ["http:", "https:", "src=", "@import", "url("] {
      #expect(!spaces.contains(address), "\(address)", sourceLocation: sourceLocation)
    }
    for tag in ["svg", "table", "div", "figure", "details", "pre", "main", "script", "style"] {
      let opened = html.components(separatedBy: "<\(tag)").count
      #expect(
        opened == html.components(separatedBy: "</\(tag)>").count, "\(tag)", sourceLocation: sourceLocation)
    }
  }

  private func validation() -> ValidationReport {
    let time = ValidationMetric(name: "sustained_us", unit: "µs")
    let use = ValidationMetric(name: "tensor_pipe", unit: "", error: .difference)
    var rows: [ValidationRow] = []
    for (place, kernel) in ["fa2", "fa_cute"].enumerated() {
      for step in 0..<40 {
        let measured = 40 * Double(1 + step * step) * (place == 0 ? 1.7 : 1)
        // Errors that swing between -12 % and +15 %, the same on every machine.
        let error = Double((step * 37 + place * 11) % 28 - 12) / 100
        rows.append(
          ValidationRow(
            gpu: "H100", kernel: kernel, pass: step % 2 == 0 ? "fwd" : "bwd", metric: time,
            label: "batch 4, \(step + 1) heads, causal", measured: measured,
            predicted: measured * (1 + error),
            isFitted: step < 3))
      }
      rows.append(
        ValidationRow(
          gpu: "H100", kernel: kernel, pass: "fwd", metric: use, label: "batch 4", measured: 0.78,
          predicted: 0.80))
    }
    return ValidationReport(
      title: "h100.csv", rows: rows,
      skipped: [
        SkippedRows(kernel: "cudnn", count: 164, reason: "closed source: its schedule is not published <yet>")
      ])
  }

  @Test("Validation as text, JSON and page")
  func validationForms() throws {
    let report = validation()
    try Golden.check(report.text(), "validation.txt")
    try Golden.check(report.json() + "\n", "validation.json")
    let read = try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: [[String: Any]]]
    let keys = Set(try #require(read?["groups"]?.first).keys)
    let contract: Set = [
      "gpu", "kernel", "pass", "metric", "count", "mean_abs_error", "median_abs_error", "p90_abs_error",
      "max_abs_error",
    ]
    #expect(keys.isSuperset(of: contract))
    let html = report.html()
    try Picture.check(html, "validation.html")
    expectSelfContained(html)
    try Picture.check(
      ScatterFigure.svg([report.groups.filter { $0.metric.error == .relative }]), "scatter.svg")
    // The plots alone: the one that is asked for, or each.
    let names = Set(report.groups.filter { $0.metric.error == .relative }.map(\.metric.name))
    for name in names {
      let one = try #require(report.scatter(metric: name))
      #expect(one.contains("\(name): predicted over measured"))
      #expect(names.allSatisfy { one.contains(">\($0)</text>") == ($0 == name) })
    }
    let all = try #require(report.scatter())
    #expect(names.allSatisfy { all.contains(">\($0)</text>") })
    #expect(report.scatter(metric: "none") == nil)
    expectSelfContained(ValidationReport(title: "nothing", rows: []).html())
  }

  @Test("Quantiles and rank agreement by hand")
  func statistics() {
    #expect(Statistics.quantile([1, 2, 3, 4], 0.5) == 2.5)
    #expect(Statistics.quantile([0, 10], 0.9) == 9)
    #expect(Statistics.quantile([7], 0.9) == 7)
    #expect(Statistics.kendall([(1, 1), (2, 2), (3, 3)]) == 1)
    #expect(Statistics.kendall([(1, 3), (2, 2), (3, 1)]) == -1)
    // Three pairs: two agree, one does not.
    #expect(Statistics.kendall([(1, 1), (2, 3), (3, 2)]) == 1.0 / 3)
    #expect(Statistics.kendall([(1, 1)]) == nil)
    let zero = ValidationRow(
      gpu: "", kernel: "", pass: "", metric: ValidationMetric(name: "m", unit: ""), label: "", measured: 0,
      predicted: 1)
    #expect(zero.error == .infinity)
  }
}
