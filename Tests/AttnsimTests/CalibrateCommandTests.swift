import Foundation
import Testing

/// The H100's device file with changes of its text, each of which must be found.
private func h100(_ changes: [(String, String)] = []) throws -> String {
  var text = try String(
    contentsOf: checkout.appendingPathComponent("hardware/h100-sxm5.yaml"), encoding: .utf8)
  for (old, new) in changes {
    let range = try #require(text.range(of: old))
    text.replaceSubrange(range, with: new)
  }
  return text
}

@Suite("attnsim calibrate")
struct CalibrateCommandTests {
  /// Runs the fit in a folder of its own; `written` is the new file, or nil where there is none.
  private func calibrate(table: String, device: String) throws -> (run: Run, written: String?) {
    var result: (run: Run, written: String?)?
    try withFolder { folder in
      try Data(table.utf8).write(to: folder.appendingPathComponent("rows.csv"))
      try Data(device.utf8).write(to: folder.appendingPathComponent("h100-sxm5.yaml"))
      let run = try attnsim(
        "calibrate", "rows.csv", "--device", "h100-sxm5.yaml", "-o", "new.yaml", "--map",
        checkout.appendingPathComponent("validation/map.yaml").path, in: folder)
      result = (run, try? String(contentsOf: folder.appendingPathComponent("new.yaml"), encoding: .utf8))
    }
    return try #require(result)
  }

  @Test("A table of other units is refused with the error it really has", arguments: [1000, 0.001])
  func units(factor: Double) throws {
    let (run, written) = try calibrate(table: try shortRows(times: factor), device: try h100())
    #expect(run.status == 65)
    #expect(written == nil)
    #expect(run.errors.contains("after the fit: it says nothing"), "\(run.errors)")
    // log 1000 is 6.9: the model is within a few percent of the rows as measured.
    let bounded = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("not bounded") })
    let numbers = bounded.split(separator: " ").compactMap { Double($0) }
    #expect(numbers.prefix(2).allSatisfy { abs($0 - 691) < 15 }, "\(bounded)")
    let count = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("beyond the bound") })
    let parts = count.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }
    #expect(parts.count == 3 && Set(parts).count == 1, "\(count)")
  }

  @Test("Residuals are printed by kernel, pass and metric, before and after")
  func residuals() throws {
    let (run, written) = try calibrate(table: try shortRows(), device: try h100())
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    let counts = try #require(lines.first?.split(separator: " ").compactMap { Int($0) })
    var rows = 0
    for group in [
      "fa2 fwd sustained_us", "fa2 fwd kernel_us", "fa_cute fwd sustained_us", "fa_cute fwd kernel_us",
    ] {
      let line = try #require(lines.first { $0.hasPrefix(group) }, "\(group)")
      let cells = line.split(separator: " ").compactMap { Double($0) }
      // Rows, bias before and after, mean error before and after, rows beyond the bound.
      #expect(cells.count == 6, "\(line)")
      #expect(abs(cells[1]) <= cells[3] + 0.1 && abs(cells[2]) <= cells[4] + 0.1, "\(line)")
      rows += Int(cells[0])
    }
    #expect(counts.prefix(2) == [3, rows])
    // What is written is what is printed.
    let file = try #require(written)
    let flop = try #require(lines.first { $0.hasPrefix("power.tensorFlop ") }).split(separator: " ")
    #expect(file.contains("value: \(flop[3]) pJ, kind: fitted"))
    #expect(file.contains("\nid: new\n"))
  }
}
