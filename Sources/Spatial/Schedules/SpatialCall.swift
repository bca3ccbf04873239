import Attention
import HWModels
import Programs

/// An attention call on a spatial machine: extents as real numbers, tile counts, and what all bindings share.
///
/// A tile is `rows` keys by `columns` queries of one head. Every query head reads keys and values of its own.
struct SpatialCall {
  let schedule: String
  let shape: AttentionShape
  let machine: Device.Spatial
  let options: SpatialOptions

  /// Heads of the batch.
  var heads: Double { Double(shape.batch) * Double(shape.headsQ) }
  var keys: Double { Double(shape.seqKV) }
  var queries: Double { Double(shape.seqQ) }
  var dim: Double { Double(shape.headDim) }
  var dimV: Double { Double(shape.headDimV) }
  var element: Double { Double(shape.dataType.bytes) }
  var rows: Double { machine.rows.value }
  var columns: Double { machine.columns.value }
  /// Cycles in which the 1-D array goes over one row of a tile.
  var turns: Double { (columns / machine.lanes.value).rounded(.up) }
  var keyTiles: Double { (keys / rows).rounded(.up) }
  var queryTiles: Double { (queries / columns).rounded(.up) }
  /// Tiles of all heads.
  var tiles: Double { heads * keyTiles * queryTiles }
  /// Scores of all heads, without padding.
  var scores: Double { heads * keys * queries }
  /// Bytes of Q, K, V and O of all heads.
  var queryBytes: Double { heads * queries * dim * element }
  var keyBytes: Double { heads * keys * dim * element }
  var valueBytes: Double { heads * keys * dimV * element }
  var outputBytes: Double { heads * queries * dimV * element }

  /// - Throws: where the device is no spatial machine or the shape is outside the model.
  init(
    _ schedule: String, _ shape: AttentionShape, on device: Device, _ options: SpatialOptions
  ) throws(ScheduleError) {
    guard let machine = device.spatial else {
      throw .missingResource(schedule: schedule, part: "spatial", device: device.id)
    }
    self.schedule = schedule
    self.shape = shape
    self.machine = machine
    self.options = options
  }

  /// Cycles of the exponential and the subtraction before it, one after the other.
  var exponentialCycles: Double { machine.exponentialCycles.value + 1 }

  /// exp(x - y) of one element.
  var exponential: SpatialProgram.Operations {
    .of {
      $0.add = 1
      if machine.exponentialIsPolynomial {
        $0.mac = machine.exponentialCycles.value
        $0.polynomials = 1
      } else {
        $0.exponential = 1
      }
    }
  }

  /// The program: attention, and the linear layers before and after it where they are asked for.
  func program(
    sections: [SpatialProgram.Section], bufferBytes: Double, mapping: [(name: String, value: String)],
    budget: Budget, omitsExponentials: Bool = false, cascade: Cascade
  ) -> Program {
    let linear = linearLayers()
    let spatial = SpatialProgram(
      sections: sections + linear.sections, bufferBytes: bufferBytes + linear.bufferBytes, mapping: mapping,
      budget: budget, accounting: options.accounting, publishedOmitsExponentials: omitsExponentials,
      cascade: cascade)
    var warnings = [
      ModelLimit(
        code: "busy-cycles",
        message: "arrays fill, drain and talk to each other in no time; memory has bandwidth and no latency")
    ]
    if shape.headsKV != shape.headsQ {
      warnings.append(
        ModelLimit(
          code: "unshared-heads",
          message: "each query head reads keys and values of its own: these mappings know no grouped heads"))
    }
    if shape.dataType.bytes != 2 {
      warnings.append(
        ModelLimit(
          code: "operand-width",
          message:
            "the table of energies and the elements' rate are those of 16-bit operands: of \(shape.dataType.rawValue) only the bytes in buffer and memory are counted"
        ))
    }
    if options.accounting == .published {
      warnings.append(
        ModelLimit(
          code: "published-energy",
          message: "as in the published energies, registers of the 2-D array are counted for one element only"
            + (omitsExponentials && !machine.exponentialIsPolynomial ? ", and exponentials not at all" : "")
            + "; accounting=full counts them"))
    }
    var program = Program(
      schedule: schedule, shape: shape, body: .einsums(spatial), warnings: warnings)
    program.linearFlops = linear.flops
    return program
  }

  // MARK: Linear layers

  /// The six matrix products of an encoder layer around attention: Q, K, V, output projection and two of the feed-forward layer.
  private func linearLayers() -> (sections: [SpatialProgram.Section], bufferBytes: Double, flops: Double) {
    guard let feedForward = options.feedForward else { return ([], 0, 0) }
    let (width, tokens) = (Double(shape.headsQ) * dim, Double(shape.batch) * queries)
    let layers: [(String, Double, Double)] = [
      ("Q", width, width), ("K", width, width), ("V", width, width), ("Z", width, width),
      ("FFN1", width, Double(feedForward)), ("FFN2", Double(feedForward), width),
    ]
    var (bufferBytes, flops) = (0.0, 0.0)
    let sections = layers.map { name, inner, outer in
      let tiles = (tokens / columns).rounded(.up) * (outer / rows).rounded(.up)
      bufferBytes += tiles * inner * (rows + columns) * element
      flops += 2 * tokens * inner * outer
      let product = SpatialProductMapper(
        resident: tokens, streamed: outer, inner: inner, residentTile: columns, streamedTile: rows,
        bufferBytes: machine.bufferCapacity.value, element: element)
      return SpatialProgram.Section(
        "linear \(name)",
        epochs: [
          .init(
            name,
            [
              .init(
                name, on: .grid, cycles: tiles * inner,
                share: min(tokens * outer / (tiles * rows * columns), 1),
                operations: SpatialProgram.Operations.of { $0.mac = 1 }.times(tokens * inner * outer),
                isProduct: true)
            ])
        ],
        transfers: [
          .init("\(name) activations", read: product.residentReads * tokens * inner * element),
          .init("\(name) weights", read: product.streamedReads * inner * outer * element),
          .init("\(name) results", written: tokens * outer * element),
        ])
    }
    return (sections, bufferBytes, flops)
  }
}
