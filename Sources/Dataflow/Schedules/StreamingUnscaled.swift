public import Attention
public import HWModels
public import Programs

/// Attention without the row maximum, on a streaming machine: exponential, sum, division, product.
///
/// One reduction stands in the way: the row of weights waits in a long FIFO for its sum. Scores must stay small enough that
/// their exponentials are finite; nothing here checks that.
///
/// Expected for N queries and N keys, latencies and intervals of 1, short FIFOs of 2: N^2 + N + 4 cycles where the long FIFO
/// holds N + 2; N - 1 more for each element less; deadlock below N.
/// - Source: arXiv 2404.16629; DAM-RS src/templates/streamingattn.
public struct StreamingUnscaled: Schedule {
  public static let name = "sdpa-unscaled"
  public static let summary = "Streaming dataflow without the row maximum: one FIFO that holds a row"
  public static let parameters = FIFODepths.parameters
  public static let needs: [DeviceNeed] = [.streaming]
  public static let support = Support.streamed
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try StreamingAttention.program(
      Self.name, shape, on: device, depths: FIFODepths(values, hasLong: true),
      warnings: [.unshiftedExponential]
    ) { graph in
      let scores = graph.stream("scores")
      graph.addScores(to: [scores])
      let held = graph.stream("held-weights", isLong: true)
      let toSum = graph.stream("weights")
      graph.addExponential(scores, to: [held, toSum])
      graph.addEarlyDivision(toSum, held)
    }
  }
}

extension ModelLimit {
  /// Exponentials are taken of scores as they are.
  static let unshiftedExponential = ModelLimit(
    code: "no-maximum",
    message: "exponentials of the scores as they are: right only while no score exceeds 88, where fp32 ends")
}
