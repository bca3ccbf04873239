public import Attention
public import HWModels
public import Programs

/// Attention with the division after the product with the values, on a streaming machine.
///
/// Weights go to the sum and to the product at once, and only the N outputs are divided, so no row waits for its sum: one long
/// FIFO less. The row still waits for its maximum.
///
/// Expected for N queries and N keys, latencies and intervals of 1, short FIFOs of 2: N^2 + N + 4 cycles where the long FIFO
/// holds N + 2; N - 1 more for each element less; deadlock below N - 1, since the score node writes to the maximum first.
/// - Source: arXiv 2404.16629.
public struct StreamingReordered: Schedule {
  public static let name = "sdpa-reordered"
  public static let summary = "Streaming dataflow, division after the product: one FIFO that holds a row"
  public static let parameters = FIFODepths.parameters
  public static let needs: [DeviceNeed] = [.streaming]
  public static let support = Support.streamed
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try StreamingAttention.program(Self.name, shape, on: device, depths: FIFODepths(values, hasLong: true)) {
      graph in
      let toMaximum = graph.stream("scores")
      let held = graph.stream("held-scores", isLong: true)
      graph.addScores(to: [toMaximum, held])
      let toValues = graph.stream("value-weights")
      let toSum = graph.stream("weights")
      graph.addShiftedExponential(toMaximum, held, to: [toValues, toSum])
      graph.addLateDivision(of: toValues, bySumOf: toSum)
    }
  }
}
