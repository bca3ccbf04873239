public import Attention
public import HWModels
public import Programs

/// Attention without the row maximum and with the division after the product, on a streaming machine: nothing waits for a
/// row, and all FIFOs are short.
///
/// Expected for N queries and N keys, latencies and intervals of 1, FIFOs of 2: N^2 + 4 cycles; 2N^2 + 3 with FIFOs of 1.
/// - Source: arXiv 2404.16629.
public struct StreamingUnscaledReordered: Schedule {
  public static let name = "sdpa-unscaled-reordered"
  public static let summary =
    "Streaming dataflow without the row maximum, division after the product: short FIFOs only"
  public static let parameters = FIFODepths.shortParameters
  public static let needs: [DeviceNeed] = [.streaming]
  public static let support = Support.streamed
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try StreamingAttention.program(
      Self.name, shape, on: device, depths: FIFODepths(values, hasLong: false),
      warnings: [.unshiftedExponential]
    ) { graph in
      let scores = graph.stream("scores")
      graph.addScores(to: [scores])
      let toValues = graph.stream("value-weights")
      let toSum = graph.stream("weights")
      graph.addExponential(scores, to: [toValues, toSum])
      graph.addLateDivision(of: toValues, bySumOf: toSum)
    }
  }
}
