public import Attention
public import HWModels
public import Programs

/// UbiMoE's streaming attention kernel on an FPGA: all heads of a vision transformer's layer, one image after another.
///
/// Expected: one key word a cycle, so `UbiMoEDesign.attentionCycles`: 102,168 for 129 tokens, 3 heads of 64, 32-bit elements;
/// 236,400 for 197 tokens, 6 heads of 64, 16-bit elements. That is from one image to the next; one image alone takes
/// keys x words more, while the product with the values ends, and a few to fill.
///
/// - Shapes: batch is images. The element type stands for fixed point of the same width.
/// - Leaves out: the depth of the synthesised pipelines (each stage counts one cycle), which is not published.
/// - Source: `UbiMoEDesign`.
public struct UbiMoE: Schedule {
  public static let name = "ubimoe"
  public static let summary = "UbiMoE's streaming attention kernel (FPGA): keys streamed past a few queries"
  enum Keys: String, CaseIterable { case auto, memory, chip }
  static let keysParameter = Parameter(
    "keys", "where keys and values are streamed from; auto: memory where its bandwidth is enough",
    default: Keys.auto)
  private static let scoresParameter = FIFODepths.depth("scores", "depth of the FIFO of scores", "N")
  public static let parameters: [any AnyParameter] = [
    UbiMoEDesign.queriesParameter, UbiMoEDesign.wordParameter, keysParameter, scoresParameter,
    FIFODepths.namedParameter,
  ]
  public static let parallelism = [UbiMoEDesign.queriesAxis]
  public static let needs: [DeviceNeed] = [.fpga]
  public static let support = UbiMoEDesign.support

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    guard let board = device.fpga else {
      throw .missingResource(schedule: Self.name, part: "fpga", device: device.id)
    }
    let design = UbiMoEDesign(
      queries: values[UbiMoEDesign.queriesParameter], wordBits: values[UbiMoEDesign.wordParameter])
    let (keys, depths) = (values[Self.keysParameter], FIFODepths(values, long: Self.scoresParameter))
    try design.require(shape, schedule: Self.name)
    func graph(keepsKeys: Bool) throws(ScheduleError) -> DataflowGraph {
      var graph = UbiMoEGraph(design: design, shape: shape, keepsKeys: keepsKeys).attention(name: Self.name)
      try depths.apply(to: &graph, keys: shape.seqKV)
      return graph
    }
    var attention = try graph(keepsKeys: keys == .chip)
    var warnings: [ModelLimit] = [.pipelineDepth]
    if keys == .auto {
      let cycles = Double(design.attentionCycles(shape))
      if let kept = try Self.kept(attention, cycles: cycles, on: device, graph: graph) {
        attention = kept
        warnings.append(.keysOnChip)
      }
    }
    let budget = Budget.fpga([attention], on: board)
    guard budget.fits else { throw .doesNotFit(schedule: Self.name, budget: budget) }
    return Program(
      schedule: Self.name, shape: shape,
      body: .graphs(
        DataflowPlacement(
          shares: [.init(graph: attention, copies: 1, heads: shape.headsQ)], budget: budget,
          pipeline: .init(images: shape.batch))),
      warnings: warnings)
  }

  /// The graph that keeps keys and values on chip, where memory is too slow for `attention` at the nominal clock and they fit.
  static func kept(
    _ attention: DataflowGraph, cycles: Double, on device: Device,
    graph: (_ keepsKeys: Bool) throws(ScheduleError) -> DataflowGraph
  ) throws(ScheduleError) -> DataflowGraph? {
    guard let board = device.fpga else { return nil }
    let seconds = attention.memoryBytes / board.memoryBandwidth.value
    guard seconds * device.clock.nominal.value > cycles else { return nil }
    let kept = try graph(true)
    return Budget.fpga([kept], on: board).fits ? kept : nil
  }
}

extension DeviceNeed {
  static let fpga = part("fpga", "multipliers and memories of an FPGA") { $0.fpga != nil }
}

extension DataflowGraph {
  /// Bytes to and from device memory in a run.
  public var memoryBytes: Double {
    nodes.reduce(0) {
      $0 + Double($1.firings) * ($1.work.globalRead + $1.work.streamRead + $1.work.globalWrite)
    }
  }
}

extension ModelLimit {
  static let pipelineDepth = ModelLimit(
    code: "pipeline-depth",
    message:
      "each stage counts one cycle: how deep the synthesised pipelines are is not published, and adds some tens of cycles once"
  )
  static let keysOnChip = ModelLimit(
    code: "keys-on-chip",
    message:
      "memory is too slow to stream keys and values again for each group of queries, so they are kept on chip; --param keys=memory shows the stall"
  )
}
