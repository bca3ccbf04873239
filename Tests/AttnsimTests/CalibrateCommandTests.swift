import Foundation
import Testing

/// The H100's device file with changes of its text, each a regular expression that must be found and what takes its place.
private func h100(_ changes: [(String, String)] = []) throws -> String {
  var text = try String(
    contentsOf: checkout.appendingPathComponent("hardware/h100-sxm5.yaml"), encoding: .utf8)
  for (old, new) in changes {
    let range = try #require(text.range(of: old, options: .regularExpression), "\(old)")
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

  @Test("A fitted number without a fit gets one, and more than sixteen are warned of")
  func withoutFit() throws {
    // The first fit of the file.
    let device = try h100([(",\\s*fit: \\{[^}]*\\} \\}", " }")])
    let (run, written) = try calibrate(table: try shortRows(), device: device)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.isEmpty)
    #expect(written?.components(separatedBy: "fit: { data: \"rows.csv\"").count == 4)
    let many = try h100().replacingOccurrences(of: "kind: measured", with: "kind: fitted")
      .replacingOccurrences(of: "kind: derived", with: "kind: fitted")
    let warned = try calibrate(table: try shortRows(), device: many).run
    #expect(warned.errors.contains("more than 16 can follow any table"), "\(warned.errors)")
  }

  @Test("A number that nobody fitted and the data does not identify is written as assumed, as it was")
  func neverFitted() throws {
    // No kernel here runs at the lowest clock.
    let device = try h100([
      (
        "\\{ value: 345 MHz, kind: assumed, source: \"nvidia-smi, low end",
        "{ value: 345 MHz, kind: fitted, source: \"nvidia-smi, low end"
      )
    ])
    let (run, written) = try calibrate(table: try shortRows(), device: device)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("'clock.minimum' has no fit and this data does not identify it"))
    let line = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("clock.minimum") })
    #expect(line.contains("not identified by this data: kept"))
    #expect(written?.contains("{ value: 345 MHz, kind: assumed, source: \"nvidia-smi, low end") == true)
    #expect(written?.contains("not identified by rows.csv") == true)
  }

  @Test("A fitted number that starts at 0 is refused at its line")
  func zero() throws {
    let device = try h100([("\\{ value: [0-9.]+ us, kind: fitted", "{ value: 0 us, kind: fitted")])
    let (run, written) = try calibrate(table: try shortRows(), device: device)
    #expect(run.status == 65)
    #expect(written == nil)
    let line = device.prefix(upTo: try #require(device.range(of: "value: 0 us")).lowerBound).filter(
      \.isNewline)
    #expect(
      run.errors.contains("h100-sxm5.yaml:\(line.count + 1):14: error: 'sync.kernelRamp' is fitted"),
      "\(run.errors)")
  }

  @Test("The help says that the id follows the name of the file")
  func help() throws {
    let help = try attnsim("calibrate", "--help").output.split(whereSeparator: \.isWhitespace)
    #expect(help.joined(separator: " ").contains("the id, because a device is called as its file"))
  }
}
