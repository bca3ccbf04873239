import Attention
import Programs

extension VerificationReport {
  /// A line for each family of masks, the reasons for what was skipped, and every failure in full.
  ///
  /// `of plain` is the largest error over that of plain attention rounded to the same type on the same inputs; twice
  /// it is allowed.
  public var summary: String {
    let failures = cases.filter { $0.failure != nil }
    let verdict =
      cases.isEmpty ? "nothing executed" : failures.isEmpty ? "all right" : "\(failures.count) wrong"
    var lines = [
      "\(schedule) on \(device): \(cases.count) shapes, \(orders) random orders each, seed \(seed): \(verdict)"
    ]
    var families: [(name: String, cases: [Case])] = []
    for one in cases {
      let name = Self.family(one.shape) + (one.drawn.values["page-size"] == nil ? "" : ", pages")
      if let index = families.firstIndex(where: { $0.name == name }) {
        families[index].cases.append(one)
      } else {
        families.append((name, [one]))
      }
    }
    for family in families {
      let outputs = family.cases.flatMap(\.outputs).filter { $0.tensor == .o || $0.roundedMaximum > 0 }
      let worst = outputs.map { $0.roundedMaximum > 0 ? $0.maximum / $0.roundedMaximum : 0 }.max() ?? 0
      let orders = family.cases.reduce(0) { $0 + $1.ordersRun }
      let operations = family.cases.reduce(0) { $0 + $1.operations * $1.ordersRun }
      lines.append(
        "  \(family.name): \(family.cases.count) shapes, \(orders) orders, \(operations) operations, largest error "
          + "\((worst * 100).rounded() / 100) of plain")
    }
    var skips: [(reason: String, count: Int)] = []
    for skip in skipped {
      let reason = "mask \(Self.family(skip.shape)): not taken by this schedule"
      if let index = skips.firstIndex(where: { $0.reason == reason }) {
        skips[index].count += 1
      } else {
        skips.append((reason, 1))
      }
    }
    for skip in skips { lines.append("  skipped \(skip.count) x \(skip.reason)") }
    for failure in failures { lines += failure.lines.map { "  " + $0 } }
    return lines.joined(separator: "\n")
  }

  private static func family(_ shape: AttentionShape) -> String {
    "\(shape.mask.description.prefix { $0 != ":" }) \(shape.pass.rawValue)"
      + (shape.hasQueryLengths ? ", query lengths" : shape.lengths != nil ? ", lengths" : "")
      + (shape.sharedPrefix > 0 ? ", shared prefix" : "")
  }
}
