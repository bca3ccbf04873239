import Attention
import HWModels
import Programs

extension Verification {
  /// Multiply-accumulates that a shape may take in one product; the queries beyond are left out.
  private static let productsPerShape = 100_000

  /// Verifies what a spatial program computes: its cascade, with the program's tiles, in the order of the file and in random
  /// ones.
  ///
  /// Queries do not see each other, so that where a call is large some of them, spread over it, stand for all.
  /// The cascades have no scale: queries are scaled before, in double precision.
  static func check(
    _ spatial: SpatialProgram, shape: AttentionShape, kind: AttentionData.Kind, orders: Int, seed: UInt64,
    references: ReferenceCache
  ) -> VerificationReport.Case {
    let reference = references.reference(for: shape, kind: kind, seed: seed)
    var result = VerificationReport.Case(shape: shape, data: kind.rawValue)
    let heads = shape.batch * shape.headsQ
    let perQuery = heads * shape.seqKV * (shape.headDim + shape.headDimV)
    let count = min(shape.seqQ, max(1, productsPerShape / max(perQuery, 1)))
    let rows = (0..<count).map { $0 * shape.seqQ / count }
    var seen: Set<[Double]> = []
    for order in 0...min(orders, 1) {
      var generator = SplitMix(seed: seed &+ UInt64(order))
      var error = OutputError()
      var all: [Double] = []
      for head in 0..<heads {
        let numbers = compute(
          spatial.cascade, reference.data, head: head, rows: rows
        ) { order == 0 ? 0 : generator.below($0) }
        all += numbers
        var tile = Tile(rows: count, columns: shape.headDimV, type: shape.dataType.outputType)
        for row in 0..<count {
          tile.write((0..<shape.headDimV).map { Float(numbers[$0 * count + row]) }, row: row)
        }
        let expected = rows.flatMap { row in
          reference.outputs[.o].map { $0[head][(row * shape.headDimV)..<((row + 1) * shape.headDimV)] } ?? []
        }
        error.add(tile, against: expected)
      }
      seen.insert(all)
      result.ordersRun += 1
      if order == 0 { result.operations = spatial.cascade.einsums.count * heads }
      let output = VerificationReport.Output(.o, error, reference: reference)
      result.outputs = [output]
      if !(output.maximum <= output.allowedMaximum && output.mean <= output.allowedMean) {
        result.failure = .init(message: "wrong o", order: order)
        return result
      }
    }
    result.distinctResults = seen.count
    return result
  }

  /// AV of some queries of a head, `[headDimV, rows]`.
  private static func compute(
    _ cascade: Cascade, _ data: AttentionData, head: Int, rows: [Int], shuffle: (Int) -> Int
  ) -> [Double] {
    let shape = data.shape
    var cascade = cascade
    for rank in cascade.ranks.indices where cascade.ranks[rank].name == "P" {
      cascade.ranks[rank].shape = rows.count
    }
    let keys = cascade.ranks.first { $0.name == "M" }?.shape ?? shape.seqKV
    let scale = 1 / Double(shape.headDim).squareRoot()
    let (q, k, v) = (data.q[head], data.k[head / shape.group], data.v[head / shape.group])
    var machine = CascadeMachine(
      cascade,
      inputs: [
        "Q": transposed(q, rows: rows, columns: shape.headDim, width: rows.count).map { $0 * scale },
        "K": transposed(k, rows: Array(0..<shape.seqKV), columns: shape.headDim, width: keys),
        "V": transposed(v, rows: Array(0..<shape.seqKV), columns: shape.headDimV, width: keys),
      ], live: ["M": shape.seqKV], shuffle: shuffle)
    machine.run()
    return machine.tensor("AV")
  }

  /// Columns of a matrix as rows of `width` numbers, zeros beyond.
  private static func transposed(_ tile: Tile, rows: [Int], columns: Int, width: Int) -> [Double] {
    var numbers = [Double](repeating: 0, count: columns * width)
    for (place, row) in rows.enumerated() {
      for column in 0..<columns { numbers[column * width + place] = Double(tile[row, column]) }
    }
    return numbers
  }
}
