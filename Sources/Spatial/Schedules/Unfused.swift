public import Attention
public import HWModels
public import Programs

/// Attention as three operators on a spatial array, the scores through memory in between: QK, softmax, AV.
///
/// Expected: E and F cycles a tile for the products, 4 rows of lanes for softmax; memory decides for the products: scores are
/// written, read, written and read again.
/// - Source: micro24-fusemax-artifact@f543beb, src/accel/unfused.py; its products are mapped by a search.
public struct Unfused: Schedule {
  public static let name = "unfused"
  public static let summary = "Three operators on a spatial array, scores through memory in between"
  public static let parameters = SpatialOptions.parameters
  public static let needs: [DeviceNeed] = [.spatial]
  public static let support = Support.spatial
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = try SpatialCall(Self.name, shape, on: device, SpatialOptions(values))
    let softmax = SpatialSoftmax(call: call)
    let bytes = call.scores * call.element
    let first = mapper(call, call.dim)
    let second = mapper(call, call.dimV)
    func product(_ name: String, _ inner: Double) -> SpatialProgram.Epoch {
      .init(
        name,
        [
          .init(
            name, on: .grid, cycles: call.tiles * inner,
            share: call.scores / (call.tiles * call.rows * call.columns),
            operations: SpatialProgram.Operations.of { $0.mac = 1 }.times(call.scores * inner),
            isProduct: true)
        ])
    }
    let sections: [SpatialProgram.Section] = [
      .init(
        "QK", epochs: [product("QK", call.dim)],
        transfers: [
          .init("Q", read: call.queryBytes * first.residentReads),
          .init("K", read: call.keyBytes * first.streamedReads),
          .init("QK", written: bytes),
        ]),
      .init(
        "softmax", epochs: [.init("softmax", softmax.einsums)],
        transfers: softmax.transfers(spilled: softmax.spilled(call.machine.bufferCapacity.value))),
      .init(
        "AV", epochs: [product("AV", call.dimV)],
        transfers: [
          .init("A", read: bytes), .init("V", read: call.valueBytes * second.streamedReads),
          .init("AV", written: call.outputBytes),
        ]),
    ]
    // Operands and partial outputs of each tile; scores go in and out of the buffer five times: M, SN twice, A twice.
    let tile = call.dim * (call.rows + call.columns) + call.dimV * (call.rows + 2 * call.columns)
    let capacity = Int(min(call.machine.bufferCapacity.value, 1e18))
    let needed = (call.rows + call.columns) * call.element * max(call.dim, call.dimV)
    let budget = Budget(lines: [
      .init(item: "one tile of each operand, bytes", needed: Int(min(needed, 1e18)), available: capacity)
    ])
    guard budget.fits else { throw .doesNotFit(schedule: Self.name, budget: budget) }
    return call.program(
      sections: sections, bufferBytes: (call.tiles * tile + 5 * call.scores) * call.element,
      mapping: [
        ("keys read", "\(Int(first.streamedReads)) times"),
        ("values read", "\(Int(second.streamedReads)) times"),
        ("scores", "through memory"),
      ], budget: budget, cascade: AttentionCascade.threePass(shape))
  }

  /// A block of queries (of outputs, for the second product) stays while keys (values) stream past.
  private func mapper(_ call: SpatialCall, _ inner: Double) -> SpatialProductMapper {
    SpatialProductMapper(
      resident: call.queries, streamed: call.keys, inner: inner, residentTile: call.columns,
      streamedTile: call.rows, bufferBytes: call.machine.bufferCapacity.value, element: call.element)
  }
}
