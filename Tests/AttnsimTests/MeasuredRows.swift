import Foundation
import Testing

/// A table of FlashAttention-2 and -3 forward passes under half a millisecond, from the measured ones.
func shortRows(times factor: Double = 1, swapped: Bool = false) throws -> String {
  let text = try String(contentsOf: checkout.appendingPathComponent("validation/h100.csv"), encoding: .utf8)
  let lines = text.split(whereSeparator: \.isNewline)
  let header = lines[0].split(separator: ",").map(String.init)
  let timeColumns = header.indices.filter { header[$0].hasSuffix("_us") }
  let sustained = try #require(header.firstIndex(of: "sustained_us"))
  var table = [header.joined(separator: ",")]
  for line in lines.dropFirst() {
    var cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard ["fa2", "fa_cute"].contains(cells[1]), cells[2] == "fwd", cells[9] == "128", cells[11] == "none",
      let time = Double(cells[sustained]), time < 500
    else { continue }
    for column in timeColumns {
      guard let value = Double(cells[column]) else { continue }
      cells[column] = String(value * factor)
    }
    // The slower kernel becomes the faster one.
    if swapped, cells[1] == "fa2" {
      for column in timeColumns {
        guard let value = Double(cells[column]) else { continue }
        cells[column] = String(value / 10)
      }
    }
    table.append(cells.joined(separator: ","))
  }
  return table.joined(separator: "\n") + "\n"
}
