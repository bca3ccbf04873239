public import Attention
public import HWModels
public import Programs

/// Attention in constant memory on a streaming machine: running maximum, running sum and running output.
///
/// A scan keeps the maximum so far and sends on, for each score, the decay exp(old - new) and the weight exp(score - new). Sum
/// and output are scans that decay what they have. No node waits for a row, so all FIFOs are short, and full rate needs
/// two elements in each.
///
/// Expected for N queries and N keys, latencies and intervals of 1: N^2 + 4 cycles with FIFOs of 2 or more, 2N^2 + 3 with
/// FIFOs of 1.
/// - Source: arXiv 2404.16629; DAM-RS test_seq_agnostic_streaming_attn.rs (FIFOs of 12, latency 1).
public struct StreamingMemoryFree: Schedule {
  public static let name = "sdpa-memory-free"
  public static let summary = "Streaming dataflow with running maximum, sum and output: short FIFOs only"
  public static let parameters = FIFODepths.shortParameters
  public static let needs: [DeviceNeed] = [.streaming]
  public static let support = Support.streamed
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try StreamingAttention.program(Self.name, shape, on: device, depths: FIFODepths(values, hasLong: false)) {
      graph in
      let scores = graph.stream("scores")
      graph.addScores(to: [scores])
      let sumDecays = graph.stream("sum-decays")
      let sumWeights = graph.stream("sum-weights")
      let valueDecays = graph.stream("value-decays")
      let valueWeights = graph.stream("value-weights")
      graph.node(
        "running maximum", .scan, from: [graph.each(scores)],
        to: [sumDecays, sumWeights, valueDecays, valueWeights].map { graph.each($0) }, delay: .exponential,
        function: .runningMaximum,
        work: {
          $0.max = 1
          $0.fma = 2
          $0.exp = 2
        })
      let sums = graph.stream("sums")
      graph.node(
        "running sum", .scan, from: [graph.each(sumDecays), graph.each(sumWeights)], to: [graph.perRow(sums)],
        function: .runningSum, work: { $0.fma = 1 })
      let values = graph.addValues()
      let rows = graph.rowStream("weighted-rows", width: shape.headDimV)
      let width = Double(shape.headDimV)
      graph.node(
        "running output", .scan, from: [valueDecays, valueWeights, values].map { graph.each($0) },
        to: [graph.perRow(rows)], function: .runningValues,
        work: {
          $0.matrixFlops = 2 * width
          $0.fma = width
        })
      graph.addLateDivision(sums, rows)
    }
  }
}
