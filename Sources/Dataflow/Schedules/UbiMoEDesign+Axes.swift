package import Programs

extension UbiMoEDesign {
  package static let queriesAxis = ParallelismAxis(parameter: "queries", values: (1...64).map(String.init))
  /// Tiles of the linear kernel by area, neither side more than four times the other.
  static let linearAxis: ParallelismAxis = {
    let sides = [4, 8, 12, 16, 24, 32, 48, 64, 96, 128]
    var tiles: [(Int, Int)] = []
    for a in sides { for b in sides where a <= 4 * b && b <= 4 * a { tiles.append((a, b)) } }
    tiles.sort { ($0.0 * $0.1, $0.0) < ($1.0 * $1.1, $1.0) }
    return ParallelismAxis(parameter: "linear", values: tiles.map { "\($0.0)x\($0.1)" })
  }()
}
