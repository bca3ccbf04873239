import HWModels

/// An attention call on a spatial machine: extents as real numbers, tile counts, and what all bindings share.
///
/// A tile is `rows` keys by `columns` queries of one head. Every query head reads keys and values of its own.
struct SpatialCall {
  let schedule: String
  let shape: AttentionShape
  let machine: Device.Spatial
  let accounting: SpatialProgram.Accounting
  /// Width of the feed-forward layer where linear layers are part of the call.
  let feedForward: Int?

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

  static let accountingParameter = ParameterDescription(
    name: "accounting",
    summary: "whose energies: as published (registers of one element only) or every access",
    choices: SpatialProgram.Accounting.allCases.map(\.rawValue), defaultValue: "published")
  static let feedForwardParameter = ParameterDescription(
    name: "ffn",
    summary:
      "adds the linear layers of an encoder with a feed-forward layer of this width; 0 for attention alone",
    defaultValue: "0")
  static let parameters = [accountingParameter, feedForwardParameter]

  /// - Throws: where the device is no spatial machine or the shape is outside the model.
  init(
    _ schedule: String, _ shape: AttentionShape, on device: Device, parameters: ScheduleParameters
  ) throws(ScheduleError) {
    guard let machine = device.spatial else {
      throw .missingResource(schedule: schedule, part: "spatial", device: device.id)
    }
    if shape.pass == .backward {
      throw .unsupported(schedule: schedule, field: "pass", message: "computes the forward pass only")
    }
    if shape.mask != .none {
      throw .unsupported(
        schedule: schedule, field: "mask", message: "takes every key with every query: there is no mask")
    }
    self.schedule = schedule
    self.shape = shape
    self.machine = machine
    accounting = try Self.accounting(parameters)
    feedForward = try Self.feedForward(parameters)
  }

  static func accounting(_ parameters: ScheduleParameters) throws(ScheduleError) -> SpatialProgram.Accounting
  {
    .init(rawValue: try parameters.value(accountingParameter)) ?? .published
  }

  static func feedForward(_ parameters: ScheduleParameters) throws(ScheduleError) -> Int? {
    let text = try parameters.value(feedForwardParameter)
    guard let width = Int(text), (0...1 << 24).contains(width) else {
      throw .parameter(name: "ffn", message: "'\(text)' is not a whole number from 0 to 2^24")
    }
    return width == 0 ? nil : width
  }

  /// Cycles of the exponential and the subtraction before it, one after the other.
  var exponentialCycles: Double { machine.exponentialCycles.value + 1 }

  /// exp(x - y) of one element.
  var exponential: SpatialProgram.Operations {
    .of {
      $0.add = 1
      if machine.exponentialIsPolynomial {
        $0.mac = machine.exponentialCycles.value
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
      budget: budget, accounting: accounting, publishedOmitsExponentials: omitsExponentials, cascade: cascade)
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
    if accounting == .published {
      warnings.append(
        ModelLimit(
          code: "published-energy",
          message: "as in the published energies, registers of the 2-D array are counted for one element only"
            + (omitsExponentials && !machine.exponentialIsPolynomial ? ", and exponentials not at all" : "")
            + "; accounting=full counts them"))
    }
    return Program(schedule: schedule, shape: shape, spatial: spatial, warnings: warnings)
  }

  // MARK: Linear layers

  /// The six matrix products of an encoder layer around attention: Q, K, V, output projection and two of the feed-forward layer.
  private func linearLayers() -> (sections: [SpatialProgram.Section], bufferBytes: Double) {
    guard let feedForward else { return ([], 0) }
    let (width, tokens) = (Double(shape.headsQ) * dim, Double(shape.batch) * queries)
    let layers: [(String, Double, Double)] = [
      ("Q", width, width), ("K", width, width), ("V", width, width), ("Z", width, width),
      ("FFN1", width, Double(feedForward)), ("FFN2", Double(feedForward), width),
    ]
    var bufferBytes = 0.0
    let sections = layers.map { name, inner, outer in
      let tiles = (tokens / columns).rounded(.up) * (outer / rows).rounded(.up)
      bufferBytes += tiles * inner * (rows + columns) * element
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
                operations: SpatialProgram.Operations.of { $0.mac = 1 }.times(tokens * inner * outer))
            ])
        ],
        transfers: [
          .init("\(name) activations", read: product.residentReads * tokens * inner * element),
          .init("\(name) weights", read: product.streamedReads * inner * outer * element),
          .init("\(name) results", written: tokens * outer * element),
        ])
    }
    return (sections, bufferBytes)
  }
}
