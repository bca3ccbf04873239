public import Attention
public import HWModels
public import Programs

/// FLAT: QK, softmax and AV fused over granules of queries, the scores of a granule in the global buffer; softmax in three passes.
///
/// Expected: the 1-D array decides with 4 rows of lanes for each row of scores, until the scores no longer fit in the buffer
/// (from 128k keys on with 32 MiB) and memory does.
/// - Source: FLAT (arXiv 2107.06419); micro24-fusemax-artifact@f543beb, src/accel/flat.py.
public struct Flat: Schedule {
  public static let name = "flat"
  public static let summary = "FLAT: fused three-pass attention on a spatial array, scores in the buffer"
  public static let parameters = SpatialOptions.parameters
  public static let needs: [DeviceNeed] = [.spatial]
  public static let support = Support.spatial
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = try SpatialCall(Self.name, shape, on: device, SpatialOptions(values))
    let mapper = FlatMapper(
      call: call, bytesPerCycle: call.machine.dramBandwidth.value / device.clock.maximum.value)
    guard let mapping = mapper.best() else {
      let needed = 2 * call.rows * 2 * (call.dim + call.dimV) * call.element
      let budget = Budget(lines: [
        .init(
          item: "tiles of the operands, bytes", needed: Int(min(needed, 1e18)),
          available: Int(min(call.machine.bufferCapacity.value, 1e18)))
      ])
      throw .doesNotFit(schedule: Self.name, budget: budget)
    }
    let softmax = SpatialSoftmax(call: call)
    func product(_ name: String, _ cycles: Double, _ inner: Double) -> SpatialProgram.Einsum {
      let macs = call.scores * inner
      return .init(
        name, on: .grid, cycles: cycles * call.heads,
        share: macs / (cycles * call.heads * call.rows * call.columns),
        operations: SpatialProgram.Operations.of { $0.mac = 1 }.times(macs), isProduct: true)
    }
    let einsums =
      [product("QK", mapping.cyclesQK, call.dim), product("AV", mapping.cyclesAV, call.dimV)]
      + softmax.einsums
    let section = SpatialProgram.Section(
      "attention", epochs: [.init("granules", einsums)],
      transfers: transfers(call, mapper, mapping, softmax))
    // Scores pass through the buffer seven times: QK, M, SN in and out, A in and out, AV.
    let buffer = mapping.keepsScores ? 7 * call.scores : 5 * call.scores
    return call.program(
      sections: [section], bufferBytes: buffer * call.element, mapping: words(mapping),
      budget: Budget(lines: [
        .init(item: "buffer asked for, bytes", needed: Int(min(mapping.footprint, 1e18))),
        .init(item: "global buffer, bytes", needed: Int(min(call.machine.bufferCapacity.value, 1e18))),
      ]), cascade: AttentionCascade.threePass(shape))
  }

  private func transfers(
    _ call: SpatialCall, _ mapper: FlatMapper, _ mapping: FlatMapper.Mapping, _ softmax: SpatialSoftmax
  ) -> [SpatialProgram.Transfer] {
    let scale = call.heads * call.element
    let scores = call.scores * call.element
    var transfers = zip(["Q", "K", "V"], 0..<3).map { name, operand in
      SpatialProgram.Transfer(name, read: mapper.elements(of: operand, mapping) * scale)
    }
    let output = mapper.elements(of: 3, mapping)
    transfers.append(
      .init(
        "AV", read: max(output * scale - call.outputBytes, 0), written: min(output * scale, call.outputBytes))
    )
    guard mapping.keepsScores else {
      let room = call.machine.bufferCapacity.value - mapping.footprint
      return transfers + [.init("QK", written: scores * mapping.scoreVisits)]
        + softmax.transfers(spilled: softmax.spilled(room)) + [.init("A", read: scores)]
    }
    // The spilled share of the scores moves at each of its visits: out and back in for M and SN, SN out and in, A out and in.
    let spilled = scores * mapping.spilled
    return transfers + [
      .init("QK", read: 2 * spilled, written: mapping.scoreVisits * spilled),
      .init("SN", read: spilled, written: spilled), .init("A", read: spilled, written: spilled),
    ]
  }

  private func words(_ mapping: FlatMapper.Mapping) -> [(name: String, value: String)] {
    let kept = zip(["Q", "K", "V", "AV"], mapping.keeps).filter(\.1).map(\.0)
    return [
      ("fused", mapping.isWholeHead ? "a head at a time" : "\(Int(mapping.granule)) queries at a time"),
      ("stationary", mapping.stationarity.rawValue),
      ("in the buffer", ((mapping.keepsScores ? ["scores"] : []) + kept).joined(separator: ", ")),
      ("spilled", "\((mapping.spilled * 1e4).rounded() / 100) % of what is kept"),
    ]
  }
}
