import HWModels

/// What the three FuseMax bindings share: cycles of the twelve einsums, residency of queries, traffic.
///
/// Cycles for T tiles of all heads, E and F the head dimensions, x = cycles of an exponential with its subtraction (7 where
/// it is six multiply-accumulates), c = turns of the 1-D array for a row of queries (1 where it is as wide as the 2-D one):
/// QK = T E, SLNV = T F, LM = SLD = T, SLN = T x on the 2-D array; RM = SPD = RD = T c, PRM = T x c, SPNV = RNV = T F c,
/// and AV = F c for each tile of queries on the 1-D array. On elements without vector operations LM, SLN and SLD go to the 1-D array
/// row by row.
/// - Source: micro24-fusemax-artifact@f543beb, src/accel/proposal.py, flat_pe_proposal.py, problems/*.yaml.
struct FuseMaxCall {
  let call: SpatialCall
  /// Whether maxima, exponentials and sums of scores run on the 1-D array, with the scores in the global buffer.
  let keepsScores: Bool

  /// Times the keys and values are read: the query tiles over those that stay in the buffer together.
  let reads: Double
  private let budget: Budget

  init(_ call: SpatialCall, keepsScores: Bool) throws(ScheduleError) {
    self.call = call
    self.keepsScores = keepsScores
    let machine = call.machine
    // A block of keys and values, and for each query Q, maximum, sum, output, and scores where the 1-D array reads them.
    let fixed = call.rows * (call.dim + call.dimV) * call.element
    let scores = keepsScores ? 2 * call.rows : 0
    let perTile = (call.dim + 2 + call.dimV + scores) * call.element * call.columns
    let room = ((machine.bufferCapacity.value - fixed) / perTile).rounded(.down)
    budget = Budget(lines: [
      .init(item: "block of keys and values, bytes", needed: Int(min(fixed, 1e18))),
      .init(item: "one tile of queries, bytes", needed: Int(min(perTile, 1e18))),
      .init(
        item: "global buffer, bytes", needed: Int(min(fixed + perTile, 1e18)),
        available: Int(min(machine.bufferCapacity.value, 1e18))),
    ])
    guard room >= 1 else { throw .doesNotFit(schedule: call.schedule, budget: budget) }
    reads = call.queryTiles / SpatialTiles.largestDivisor(of: call.queryTiles, atMost: room)
  }

  private func einsum(
    _ name: String, _ place: SpatialProgram.Place, _ cycles: Double, _ operations: SpatialProgram.Operations,
    points: Double, isProduct: Bool = false
  ) -> SpatialProgram.Einsum {
    .init(name, on: place, cycles: cycles, operations: operations.times(points), isProduct: isProduct)
  }

  /// Scores of whole tiles.
  private var scores: Double { call.tiles * call.rows * call.columns }
  /// Points of what runs once for each tile and query.
  private var running: Double { call.tiles * call.columns }
  /// Where LM, SLN and SLD run, and their cycles for one operation on each score.
  private var vector: (SpatialProgram.Place, Double) {
    keepsScores ? (.line, call.tiles * call.rows * call.turns) : (.grid, call.tiles)
  }
  private var line: Double { call.tiles * call.turns }

  var qk: SpatialProgram.Einsum {
    einsum("QK", .grid, call.tiles * call.dim, .of { $0.mac = 1 }, points: scores * call.dim, isProduct: true)
  }
  var lm: SpatialProgram.Einsum { einsum("LM", vector.0, vector.1, .of { $0.max = 1 }, points: scores) }
  var rm: SpatialProgram.Einsum { einsum("RM", .line, line, .of { $0.max = 1 }, points: running) }
  var sln: SpatialProgram.Einsum {
    einsum("SLN", vector.0, vector.1 * call.exponentialCycles, call.exponential, points: scores)
  }
  var sld: SpatialProgram.Einsum { einsum("SLD", vector.0, vector.1, .of { $0.add = 1 }, points: scores) }
  var slnv: SpatialProgram.Einsum {
    einsum(
      "SLNV", .grid, call.tiles * call.dimV, .of { $0.mac = 1 }, points: scores * call.dimV, isProduct: true)
  }
  var prm: SpatialProgram.Einsum {
    einsum("PRM", .line, line * call.exponentialCycles, call.exponential, points: running)
  }
  var spd: SpatialProgram.Einsum { einsum("SPD", .line, line, .of { $0.mac = 1 }, points: running) }
  var rd: SpatialProgram.Einsum { einsum("RD", .line, line, .of { $0.add = 1 }, points: running) }
  var spnv: SpatialProgram.Einsum {
    einsum("SPNV", .line, line * call.dimV, .of { $0.mac = 1 }, points: running * call.dimV)
  }
  var rnv: SpatialProgram.Einsum {
    einsum("RNV", .line, line * call.dimV, .of { $0.add = 1 }, points: running * call.dimV)
  }
  var av: SpatialProgram.Einsum {
    let tiles = call.heads * call.queryTiles
    return einsum(
      "AV", .line, tiles * call.turns * call.dimV, .of { $0.divide = 1 },
      points: tiles * call.columns * call.dimV)
  }

  /// The program with these epochs. Queries are read once, outputs written once, keys and values read for each block of queries.
  func program(_ epochs: [SpatialProgram.Epoch]) -> Program {
    let section = SpatialProgram.Section(
      "attention", epochs: epochs,
      transfers: [
        .init("Q", read: call.queryBytes), .init("K", read: call.keyBytes * reads),
        .init("V", read: call.valueBytes * reads), .init("AV", written: call.outputBytes),
      ])
    // For each tile: queries and keys of QK, values of SLNV, the output read and written; scores five times where they
    // pass through the buffer (QK, LM, SLN in and out, SLNV).
    let tile = call.dim * (call.rows + call.columns) + call.dimV * (call.rows + 2 * call.columns)
    let kept = keepsScores ? 5 * call.rows * call.columns : 0
    return call.program(
      sections: [section], bufferBytes: call.tiles * (tile + kept) * call.element,
      mapping: [
        ("queries that stay on chip", "\(Int(call.queryTiles / reads)) of \(Int(call.queryTiles)) tiles"),
        ("keys and values read", "\(Int(reads)) times"),
      ], budget: budget, omitsExponentials: keepsScores,
      cascade: AttentionCascade.onePass(call.shape, tile: Int(call.rows)))
  }
}
