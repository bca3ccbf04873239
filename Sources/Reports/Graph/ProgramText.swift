import HWModels
import Programs

/// Parts of a program in words, shared by the dump and the graph.
enum ProgramText {
  static func policy(_ policy: TilePolicy) -> String {
    switch policy {
    case .grid(let order): "one launch for each item, \(self.order(order))"
    case .staticPersistent(let order): "static persistent, \(self.order(order))"
    case .dynamicPersistent(let order): "dynamic persistent, \(self.order(order))"
    case .ranges(let lengths, _): "\(lengths.count) launches, each a range of neighbouring items"
    }
  }

  static func order(_ order: ItemOrder) -> String {
    switch order {
    case .tilesFastest: "tiles of a sequence after each other"
    case .tilesDescending: "tiles of a sequence after each other, the last first"
    case .longestFirst(let sequences): "longest first in sections of \(sequences) sequences"
    case .firstTilesFirst(let sequences): "first tiles first in sections of \(sequences) sequences"
    case .sequencesFastest: "all sequences of a tile before the next tile"
    case .headsSlowest: "all batch elements of a head before the next head"
    case .rowTilesSlowest: "all sequences of a tile of rows before the next tile of rows"
    }
  }

  static func walk(_ walk: ItemClass.Walk) -> String {
    switch walk {
    case .ascending(let range):
      range.isEmpty ? "no tile" : "tiles \(range.lowerBound) to \(range.upperBound - 1)"
    case .descending(let range):
      range.isEmpty ? "no tile" : "tiles \(range.upperBound - 1) down to \(range.lowerBound)"
    case .list(let tiles):
      tiles.count <= 6
        ? "tiles \(tiles.map(String.init).joined(separator: ", "))" : "\(tiles.count) tiles of a list"
    case .runs(let runs, let isDescending):
      runs.count <= 6
        ? "tiles "
          + runs.map { run in
            let ends =
              isDescending ? [run.upperBound - 1, run.lowerBound] : [run.lowerBound, run.upperBound - 1]
            return run.count == 1
              ? "\(run.lowerBound)" : "\(ends[0]) \(isDescending ? "down to" : "to") \(ends[1])"
          }.joined(separator: ", ")
        : "\(walk.count) tiles in \(runs.count) runs"
    }
  }

  /// `once`, `4 trips`, `key tiles - 1 trips (7 to 31)`.
  static func trips(_ trips: TripCount, _ kernel: Kernel) -> String {
    switch trips {
    case .fixed(1): return "once"
    case .fixed(let count): return "\(count) trips"
    case .variable(let index, let offset):
      let names = kernel.stepNames()
      let name = names.indices.contains(index) ? names[index] : "variable \(index)"
      let shift = offset == 0 ? "" : offset > 0 ? " + \(offset)" : " - \(-offset)"
      let counts = kernel.items.classes.map { trips.count($0.values) }
      guard let least = counts.min(), let most = counts.max() else { return "\(name)\(shift) trips" }
      if most == 0 { return "\(name)\(shift) trips (never here)" }
      return "\(name)\(shift) trips (\(least == most ? "\(least)" : "\(least) to \(most)"))"
    }
  }

  /// Counts of work that are not zero, shortest form: `4.19 Mflop`, `8192 exp`.
  static func work(_ work: Work) -> [String] {
    work.named.filter { $0.value != 0 }.map { name, value in
      if name == "matrix_flops" { return NumberText.prefixed(value, "flop") }
      if name.hasSuffix("_bytes") {
        return RequestText.amount(value, .bytes) + " " + words(name.dropLast("_bytes".count))
      }
      return NumberText.significant(value, 6) + " " + words(name[...])
    }
  }

  private static func words(_ name: Substring) -> String {
    name.split(separator: "_").joined(separator: " ")
  }

  static func chain(_ chain: Chain) -> [String] {
    let steps = [
      (chain.alu, "alu"), (chain.exp, "exp"), (chain.shuffle, "shuffle"), (chain.shared, "shared"),
      (chain.global, "global"),
    ].filter { $0.0 != 0 }
    guard !steps.isEmpty else { return [] }
    return ["chain " + steps.map { "\($0.0) \($0.1)" }.joined(separator: " + ")]
  }
}
