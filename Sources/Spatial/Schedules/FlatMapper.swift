import HWModels

/// Searches FLAT's mappings: how many queries are fused at a time, which operands stay in the buffer, and what stays in the
/// array while the rest streams past.
///
/// FLAT keeps the scores of a granule of queries in the buffer (4 tiles of queries at most, or a whole head) and spills
/// what does not fit. Operands either stay in the buffer, twice for double buffering, or stream straight to the array a tile
/// at a time and are read again whenever the loops come back to them. The search minimises the latency of the two
/// products alone, as FLAT does: its model has no softmax. Among equally fast mappings it takes the larger granule, and
/// then the one that keeps fewer operands.
/// - Source: FLAT (arXiv 2107.06419); mappings and spill rule of micro24-fusemax-artifact@f543beb, src/accel/flat.py and
///   results/flat_validation.csv, which this search reproduces.
struct FlatMapper {
  enum Stationarity: String, CaseIterable { case output, weight, input }

  /// One mapping and what it costs, per head: reads and writes of each operand in elements.
  struct Mapping {
    var granule: Double
    var isWholeHead: Bool
    var stationarity: Stationarity
    var keepsScores: Bool
    /// Q, K, V, AV in the buffer.
    var keeps: [Bool]
    /// Share of what is kept that does not fit.
    var spilled = 0.0
    /// Bytes of the buffer that are asked for.
    var footprint = 0.0
    /// Times Q, K, V are read and AV written and read, where they stream.
    var visits: [Double] = []
    var rereads = 0.0
    var cyclesQK = 0.0
    var cyclesAV = 0.0
    /// Times scores pass in and out of the array in the first product.
    var scoreVisits = 1.0
  }

  let call: SpatialCall

  private var sizes: [Double] {
    [
      call.queries * call.dim, call.keys * call.dim, call.keys * call.dimV, call.queries * call.dimV,
    ]
  }

  /// The mapping that FLAT's search ends with, or nil where none fits.
  func best() -> Mapping? {
    var best: (mapping: Mapping, latency: Double, kept: Double)?
    let scale = call.rows
    let granules = [4 * scale, 2 * scale, scale].filter { $0 <= call.queries }
    for granule in [nil] + granules.map(Optional.some) {
      for stationarity in Stationarity.allCases {
        for keepsScores in [true, false] {
          // Q is the slowest to vary, AV the fastest: of two that keep as much, the later operand is kept.
          for bits in 0..<16 {
            let keeps = [8, 4, 2, 1].map { bits & $0 != 0 }
            var mapping = Mapping(
              granule: granule ?? call.queries, isWholeHead: granule == nil, stationarity: stationarity,
              keepsScores: keepsScores, keeps: keeps)
            complete(&mapping)
            guard keepsScores || mapping.spilled == 0, tilesFit else { continue }
            let bytes = products(mapping) * call.element * call.heads
            let cycles = (mapping.cyclesQK + mapping.cyclesAV) * call.heads
            // In bytes, so that no clock is needed: the array's time is what memory would carry meanwhile.
            let latency = max(bytes, cycles * bytesPerCycle)
            let kept = zip([mapping.granule * call.dim, sizes[1], sizes[2]], keeps).reduce(0) {
              $0 + ($1.1 ? $1.0 : 0)
            }
            let isNew: Bool
            if let best {
              let sameGroup =
                best.mapping.granule == mapping.granule && best.mapping.stationarity == stationarity
                && best.mapping.keepsScores == keepsScores
              isNew =
                latency < best.latency * (1 - Self.equal)
                || (sameGroup && latency <= best.latency * (1 + Self.equal) && kept < best.kept)
            } else {
              isNew = true
            }
            if isNew { best = (mapping, latency, kept) }
          }
        }
      }
    }
    return best?.mapping
  }

  /// Whether the tiles that stream past have room: they cannot spill.
  private var tilesFit: Bool {
    4 * call.rows * (call.dim + call.dimV) * call.element <= call.machine.bufferCapacity.value
  }

  /// Latencies that differ by less are equal.
  private static let equal = 1e-9
  /// Bytes that memory carries while the array works one cycle.
  let bytesPerCycle: Double

  private func complete(_ mapping: inout Mapping) {
    func tiles(_ extent: Double, _ tile: Double) -> Double { (extent / tile).rounded(.up) }
    let (across, down) = (call.columns, call.rows)
    let granules = tiles(call.queries, mapping.granule)
    switch mapping.stationarity {
    case .output:
      let (keyTiles, queryTiles) = (tiles(call.keys, across), tiles(call.queries, down))
      mapping.visits = [keyTiles, queryTiles, queryTiles, 1]
      mapping.cyclesQK = call.dim * keyTiles * queryTiles
      mapping.cyclesAV = call.keys * tiles(call.dimV, across) * queryTiles
    case .weight:
      let keyTiles = tiles(call.keys, down)
      mapping.visits = [keyTiles, granules, granules, keyTiles]
      mapping.rereads = keyTiles - 1
      mapping.cyclesQK = call.queries * tiles(call.dim, across) * keyTiles
      mapping.cyclesAV = call.queries * tiles(call.dimV, across) * keyTiles
      mapping.scoreVisits = 2 * tiles(call.dim, across) - 1
    case .input:
      let (keyTiles, queryTiles) = (tiles(call.keys, across), tiles(call.queries, down))
      mapping.visits = [1, queryTiles, queryTiles, keyTiles]
      mapping.rereads = keyTiles - 1
      mapping.cyclesQK = call.keys * tiles(call.dim, across) * queryTiles
      mapping.cyclesAV = call.dimV * keyTiles * queryTiles
      mapping.scoreVisits = 2 * tiles(call.dim, across) - 1
    }
    let whole = [mapping.granule * call.dim, sizes[1], sizes[2], mapping.granule * call.dimV]
    let widths = [call.dim, call.dim, call.dimV, call.dimV]
    var elements = mapping.keepsScores ? mapping.granule * call.keys : 0
    for operand in 0..<4 {
      elements += 2 * (mapping.keeps[operand] ? whole[operand] : call.rows * widths[operand])
    }
    mapping.footprint = elements * call.element
    mapping.spilled = 1 - min(1, call.machine.bufferCapacity.value / mapping.footprint)
  }

  /// Elements of the two products per head as FLAT counts them: what is kept is loaded once and its spilled share moved
  /// at each visit.
  private func products(_ mapping: Mapping) -> Double {
    var elements = 0.0
    for operand in 0..<4 { elements += self.elements(of: operand, mapping, loadsSpilled: true) }
    let scores = call.keys * call.queries
    return elements + (mapping.keepsScores ? mapping.spilled : 1) * (mapping.scoreVisits + 1) * scores
  }

  /// Elements of Q, K, V or AV that cross the memory port per head.
  ///
  /// - Parameter loadsSpilled: whether data that will be spilled at once is loaded all the same, as FLAT's own model has it.
  func elements(of operand: Int, _ mapping: Mapping, loadsSpilled: Bool = false) -> Double {
    let visits = mapping.visits[operand] + (operand == 3 ? mapping.rereads : 0)
    guard mapping.keeps[operand] else { return visits * sizes[operand] }
    return sizes[operand] * ((loadsSpilled ? 1 : 1 - mapping.spilled) + mapping.spilled * visits)
  }
}
