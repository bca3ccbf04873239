import HWModels
import Programs

/// What the three FuseMax bindings share: cycles of the twelve einsums, residency of queries, traffic.
///
/// Cycles for T tiles of all heads, E and F the head dimensions, x = cycles of an exponential with its subtraction (7 where
/// it is six multiply-accumulates), c = turns of the 1-D array for a row of queries (1 where it is as wide as the 2-D one):
/// QK = T E, SLNV = T F, LM = SLD = T, SLN = T x on the 2-D array; RM = SPD = RD = T c, PRM = T x c, SPNV = RNV = T F c,
/// and AV = F c for each tile of queries on the 1-D array. On elements without vector operations LM, SLN and SLD go to the 1-D array
/// row by row. Lanes beyond the columns of a row have nothing to do: rows do not share a turn.
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

  /// - Parameters:
  ///   - cost: cycles of one element for one point.
  ///   - turns: turns of its array, each of which serves all elements once for each cycle of `cost`.
  ///   - points: what is computed, padding of tiles included.
  ///   - useful: points among them that the call asks for.
  private func einsum(
    _ name: String, _ place: SpatialProgram.Place, turns: Double, cost: Double = 1,
    _ operations: SpatialProgram.Operations, points: Double, useful: Double, isProduct: Bool = false
  ) -> SpatialProgram.Einsum {
    let elements = place == .grid ? call.rows * call.columns : call.machine.lanes.value
    return .init(
      name, on: place, cycles: turns * cost, share: min(useful / (turns * elements), 1),
      operations: operations.times(points), isProduct: isProduct)
  }

  /// Scores of whole tiles.
  private var scores: Double { call.tiles * call.rows * call.columns }
  /// Turns of the array on which LM, SLN and SLD run, for one operation on each score.
  private func vector(
    _ name: String, cost: Double = 1, _ operations: SpatialProgram.Operations
  ) -> SpatialProgram.Einsum {
    einsum(
      name, keepsScores ? .line : .grid,
      turns: keepsScores ? call.tiles * call.rows * call.turns : call.tiles,
      cost: cost, operations, points: scores, useful: call.scores)
  }
  private func product(_ name: String, _ dim: Double) -> SpatialProgram.Einsum {
    einsum(
      name, .grid, turns: call.tiles, cost: dim, .of { $0.mac = 1 }.times(dim), points: scores,
      useful: call.scores, isProduct: true)
  }
  /// What runs once for each tile of keys and query, on the 1-D array.
  private func running(
    _ name: String, cost: Double = 1, _ operations: SpatialProgram.Operations
  ) -> SpatialProgram.Einsum {
    einsum(
      name, .line, turns: call.tiles * call.turns, cost: cost, operations, points: call.tiles * call.columns,
      useful: call.heads * call.keyTiles * call.queries)
  }

  var qk: SpatialProgram.Einsum { product("QK", call.dim) }
  var lm: SpatialProgram.Einsum { vector("LM", .of { $0.max = 1 }) }
  var rm: SpatialProgram.Einsum { running("RM", .of { $0.max = 1 }) }
  var sln: SpatialProgram.Einsum { vector("SLN", cost: call.exponentialCycles, call.exponential) }
  var sld: SpatialProgram.Einsum { vector("SLD", .of { $0.add = 1 }) }
  var slnv: SpatialProgram.Einsum { product("SLNV", call.dimV) }
  var prm: SpatialProgram.Einsum { running("PRM", cost: call.exponentialCycles, call.exponential) }
  var spd: SpatialProgram.Einsum { running("SPD", .of { $0.mac = 1 }) }
  var rd: SpatialProgram.Einsum { running("RD", .of { $0.add = 1 }) }
  var spnv: SpatialProgram.Einsum { running("SPNV", cost: call.dimV, .of { $0.mac = call.dimV }) }
  var rnv: SpatialProgram.Einsum { running("RNV", cost: call.dimV, .of { $0.add = call.dimV }) }
  var av: SpatialProgram.Einsum {
    let tiles = call.heads * call.queryTiles
    return einsum(
      "AV", .line, turns: tiles * call.turns, cost: call.dimV, .of { $0.divide = call.dimV },
      points: tiles * call.columns, useful: call.heads * call.queries)
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
    var program = call.program(
      sections: [section], bufferBytes: call.tiles * (tile + kept) * call.element,
      mapping: [
        ("queries that stay on chip", "\(Int(call.queryTiles / reads)) of \(Int(call.queryTiles)) tiles"),
        ("keys and values read", "\(Int(reads)) times"),
      ], budget: budget, omitsExponentials: keepsScores,
      cascade: AttentionCascade.onePass(call.shape, tile: Int(call.rows)))
    let (lanes, columns) = (call.machine.lanes.value, call.columns)
    if lanes > columns {
      program.warnings.append(
        ModelLimit(
          code: "idle-lanes",
          message:
            "rows of \(Int(columns)) queries go through the 1-D array one after another: \(Int(lanes - columns)) of its \(Int(lanes)) lanes never work"
        ))
    }
    return program
  }
}
