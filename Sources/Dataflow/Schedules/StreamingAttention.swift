import Attention
package import HWModels
package import Programs

/// What the streaming graphs of attention share: streams of operands, scores, the way back to memory, and how copies of a
/// graph fill the machine.
///
/// One element of the score matrix moves in a cycle. Keys and values are streamed again for each query. FIFOs are named
/// for what they carry.
///
/// - Source: Sohn et al. 2024 (arXiv 2404.16629); stanford-ppl/DAM-RS, branch gina, src/templates/streamingattn.
struct StreamingAttention {
  let shape: AttentionShape
  let rows: Int
  var keys: Int { shape.seqKV }
  /// Firings of a node that handles one score at a time.
  var scores: Int { rows * keys }
  var builder: DataflowBuilder
  private let depths: FIFODepths

  private init(name: String, shape: AttentionShape, heads: Int, depths: FIFODepths) {
    self.shape = shape
    self.depths = depths
    rows = heads * shape.seqQ
    builder = DataflowBuilder(name)
  }

  /// A stream of scalars; FIFOs are single-precision inside the machine.
  mutating func stream(_ name: String, isLong: Bool = false) -> Int {
    builder.fifo(name, depth: nil, isLong: isLong)
  }

  mutating func rowStream(_ name: String, width: Int, type: DataType = .fp32) -> Int {
    builder.fifo(name, depth: nil, width: width, type: type)
  }

  mutating func node(
    _ name: String, _ pattern: DataflowGraph.Pattern, firings: Int? = nil, from inputs: [DataflowGraph.Port],
    to outputs: [DataflowGraph.Port], delay: DataflowGraph.Delay = .plain,
    function: DataflowGraph.Function, work: (inout Work) -> Void = { _ in }
  ) {
    builder.node(
      name, pattern, firings: firings ?? scores, inputs: inputs, outputs: outputs, delay: delay,
      work: .of(work), function: function)
  }

  /// Due once a row.
  func perRow(_ fifo: Int) -> DataflowGraph.Port { .init(fifo: fifo, every: keys) }
  func each(_ fifo: Int) -> DataflowGraph.Port { .init(fifo: fifo) }

  /// Queries and keys from memory, and their products: a repeat, a map and a reduction over the head dimension.
  mutating func addScores(to outputs: [Int]) {
    let element = Double(shape.dataType.bytes)
    let dimension = shape.headDim
    let queries = rowStream("queries", width: dimension, type: shape.dataType)
    let keyRows = rowStream("keys", width: dimension, type: shape.dataType)
    node(
      "read queries", .source, firings: rows, from: [], to: [each(queries)], function: .readQueries,
      work: { $0.streamRead = Double(dimension) * element })
    node(
      "read keys", .source, from: [], to: [each(keyRows)], function: .readKeys,
      work: { $0.globalRead = Double(dimension) * element })
    node(
      "score", .map, from: [perRow(queries), each(keyRows)], to: outputs.map { each($0) },
      delay: .dot(dimension), function: .score, work: { $0.matrixFlops = 2 * Double(dimension) })
  }

  /// The stream of value rows.
  mutating func addValues() -> Int {
    let element = Double(shape.dataType.bytes)
    let width = shape.headDimV
    let values = rowStream("values", width: width, type: shape.dataType)
    node(
      "read values", .source, from: [], to: [each(values)], function: .readValues,
      work: { $0.globalRead = Double(width) * element })
    return values
  }

  /// Weighted sum of the value rows over a row of scores.
  mutating func addWeightedValues(_ weights: Int, to output: Int) {
    let values = addValues()
    let width = Double(shape.headDimV)
    node(
      "weighted values", .reduce, from: [each(weights), each(values)], to: [perRow(output)],
      function: .weightedValues, work: { $0.matrixFlops = 2 * width })
  }

  /// Divides each output row by its sum and stores it.
  mutating func addLateDivision(_ sums: Int, _ rowsOut: Int) {
    let outputs = rowStream("outputs", width: shape.headDimV)
    let width = Double(shape.headDimV)
    node(
      "divide", .map, firings: rows, from: [each(sums), each(rowsOut)], to: [each(outputs)],
      function: .divideRow, work: { $0.fma = width })
    addStore(outputs)
  }

  mutating func addStore(_ outputs: Int) {
    let bytes = Double(shape.headDimV * shape.dataType.bytes)
    node(
      "write outputs", .sink, firings: rows, from: [each(outputs)], to: [], delay: .none,
      function: .writeOutput, work: { $0.globalWrite = bytes })
  }

  // MARK: Programs

  /// The program of a schedule: as many copies of its graph as the machine has places for, heads dealt out evenly.
  ///
  /// - Parameter graph: adds the nodes of one copy.
  /// - Throws: where the device is no streaming machine, the shape is outside the model, or one copy does not fit.
  static func program(
    _ schedule: String, _ shape: AttentionShape, on device: Device, depths: FIFODepths,
    warnings: [ModelLimit] = [], graph add: (inout StreamingAttention) -> Void
  ) throws(ScheduleError) -> Program {
    guard let machine = device.streaming else {
      throw .missingResource(schedule: schedule, part: "streaming", device: device.id)
    }
    let heads = shape.batch * shape.headsQ
    func build(_ share: Int) throws(ScheduleError) -> DataflowGraph {
      var attention = StreamingAttention(name: schedule, shape: shape, heads: share, depths: depths)
      add(&attention)
      var graph = attention.builder.build()
      try depths.apply(to: &graph, keys: shape.seqKV)
      return graph
    }
    let one = try build(1)
    let budget = Budget.streaming(one, on: machine)
    guard budget.fits else { throw .doesNotFit(schedule: schedule, budget: budget) }
    var places = Int(machine.nodes.value) / one.nodes.count
    if let bytes = one.fifoBytes { places = min(places, Int(machine.bufferCapacity.value / max(bytes, 1))) }
    let copies = min(max(places, 1), heads)
    let (share, rest) = (heads / copies, heads % copies)
    var shares: [DataflowPlacement.Share] = []
    if rest > 0 { shares.append(.init(graph: try build(share + 1), copies: rest, heads: share + 1)) }
    shares.append(.init(graph: try build(share), copies: copies - rest, heads: share))
    var warnings = warnings
    if one.fifoBytes == nil {
      warnings.append(
        .init(
          code: "unbounded-fifo",
          message: "a FIFO without a bound is a thought experiment: no machine has one"))
    }
    return Program(
      schedule: schedule, shape: shape, body: .graphs(DataflowPlacement(shares: shares, budget: budget)),
      warnings: warnings)
  }
}

extension DeviceNeed {
  static let streaming = part("streaming", "nodes joined by FIFOs") { $0.streaming != nil }
}

extension Support {
  /// Every key is streamed past every query.
  static let streamed = Support(.init(masks: .none, dataTypes: DataType.allCases, heads: .any))
}

extension Budget {
  /// Places and FIFO storage that one copy of `graph` takes of a streaming machine.
  package static func streaming(_ graph: DataflowGraph, on machine: Device.Streaming) -> Budget {
    var lines: [Line] = []
    for fifo in graph.fifos where fifo.isLong {
      guard let depth = fifo.depth else { continue }
      lines.append(.init(item: "FIFO \(fifo.name), bytes", needed: depth * fifo.bytesPerElement))
    }
    lines.append(.init(item: "nodes", needed: graph.nodes.count, available: Int(machine.nodes.value)))
    if let bytes = graph.fifoBytes {
      lines.append(
        .init(
          item: "FIFO storage, bytes", needed: Int(min(bytes, 1e18)),
          available: Int(min(machine.bufferCapacity.value, 1e18))))
    }
    return Budget(lines: lines)
  }
}
