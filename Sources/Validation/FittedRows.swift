import Attention
import HWModels
import InputFiles

/// Which rows of a table of times a calibration fits on: those of every second shape, in the order of the table.
///
/// All rows of one shape are on the same side, so that near-copies are never on both.
enum FittedRows {
  /// Line numbers of the rows whose shape's number, in the order of the table, is taken; every second unless said.
  static func lines(
    of table: MeasuredTable, map: KernelMap, where isTaken: (Int) -> Bool = { $0 % 2 == 0 }
  ) -> Set<Int> {
    var numbers: [AttentionShape: Int] = [:]
    var lines: Set<Int> = []
    for row in table.rows {
      guard let shape = try? row.shape(),
        case .schedule = map.target(of: row)
      else { continue }
      let number = numbers[shape] ?? numbers.count
      numbers[shape] = number
      if isTaken(number) { lines.insert(row.line) }
    }
    return lines
  }

  /// Whether a constant of `device` was fitted on the table in `file`.
  static func wasFitted(_ device: Device, on file: String) -> Bool {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    return device.provenance.values.contains { provenance in
      provenance.fit?.data.split(whereSeparator: { " ,/".contains($0) }).contains { $0 == name } ?? false
    }
  }
}
