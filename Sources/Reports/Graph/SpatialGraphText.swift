import Programs

/// Spatial programs as Graphviz text and as a dump: sections and epochs in order, einsums by array.
enum SpatialGraphText {
  static func dot(_ program: SpatialProgram) -> String {
    var dot = DotWriter(name: "program")
    var last: [String] = []
    var number = 0
    for (place, section) in program.sections.enumerated() {
      dot.open("cluster_s\(place)", label: section.name, "color=\"#8b949e\"; style=rounded")
      for epoch in section.epochs {
        var current: [String] = []
        for array in [SpatialProgram.Place.grid, .line] {
          let einsums = epoch.einsums.filter { $0.place == array }
          guard !einsums.isEmpty else { continue }
          let name = "n\(number)"
          number += 1
          dot.node(
            name,
            label: ["\(epoch.name), \(title(array))", einsums.map(\.name).joined(separator: ", ")]
              + ["\(NumberText.grouped(epoch.cycles(on: array))) cycles"],
            fill: array == .grid ? "#ddf4ff" : "#fff8c5")
          current.append(name)
        }
        for before in last {
          for next in current { dot.edge(before, next, "color=\"\(DotWriter.plainColour)\"") }
        }
        last = current
      }
      dot.close()
    }
    return dot.text
  }

  static func title(_ place: SpatialProgram.Place) -> String { place == .grid ? "2-D array" : "1-D array" }

  /// Everything that is timed, as `--dump-program` prints it.
  static func dump(_ program: SpatialProgram) -> [String] {
    var lines: [String] = []
    for section in program.sections {
      lines.append("section \(section.name): memory and arrays overlap")
      for epoch in section.epochs {
        lines.append("  epoch \(epoch.name), \(NumberText.grouped(epoch.cycles)) cycles")
        var table = TextTable([.left, .left, .right, .left])
        for einsum in epoch.einsums {
          let share = einsum.share < 1 ? "\(NumberText.percent(einsum.share)) of its elements" : ""
          table.add(einsum.name, title(einsum.place), NumberText.grouped(einsum.cycles), share)
        }
        if epoch.stall > 0 { table.add("stall", "both", NumberText.grouped(epoch.stall), "") }
        lines += table.lines(indent: 4)
      }
      var table = TextTable([.left, .right, .right])
      for transfer in section.transfers where transfer.read + transfer.written > 0 {
        table.add(
          transfer.tensor, "\(NumberText.grouped(transfer.read)) B read",
          "\(NumberText.grouped(transfer.written)) B written")
      }
      lines += ["  memory"] + table.lines(indent: 4)
    }
    lines += ["mapping"] + program.mapping.map { "  \($0.name): \($0.value)" }
    lines += ["budget"] + program.budget.description.split(separator: "\n").map { String($0) }
    lines += ["cascade"] + CascadeText.write(program.cascade).split(separator: "\n").map { "  " + $0 }
    return lines
  }
}
