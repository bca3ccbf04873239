public import Attention
public import HWModels
public import Programs

/// Softmax attention as the textbook has it, on a streaming machine: maximum, exponential, sum, division, product.
///
/// Two reductions stand in the way of the scores: the maximum and the sum are known only when the whole row has passed, so
/// the row waits in a long FIFO beside each.
///
/// Expected for N queries and N keys, latencies and intervals of 1, short FIFOs of 2: N^2 + 2N + 4 cycles where the long FIFOs
/// hold N + 2; N - 1 more for each element less; deadlock below N.
/// - Source: arXiv 2404.16629; DAM-RS src/templates/streamingattn, whose tests have the subtraction in a node of its own.
public struct StreamingNaive: Schedule {
  public static let name = "sdpa-naive"
  public static let summary = "Streaming dataflow: row maximum, sum and division, two FIFOs that hold a row"
  enum Subtract: String, CaseIterable { case fused, separate }
  private static let subtract = Parameter(
    "subtract", "whether score - maximum has a node of its own", default: Subtract.fused)
  public static let parameters: [any AnyParameter] = FIFODepths.parameters + [subtract]
  public static let needs: [DeviceNeed] = [.streaming]
  public static let support = Support.streamed
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    try StreamingAttention.program(Self.name, shape, on: device, depths: FIFODepths(values, hasLong: true)) {
      graph in
      // The score node writes to the maximum before the long FIFO, the exponential to the long FIFO before the sum.
      let toMaximum = graph.stream("scores")
      let held = graph.stream("held-scores", isLong: true)
      graph.addScores(to: [toMaximum, held])
      let weightsHeld = graph.stream("held-weights", isLong: true)
      let toSum = graph.stream("weights")
      graph.addShiftedExponential(
        toMaximum, held, to: [weightsHeld, toSum], apart: values[Self.subtract] == .separate)
      graph.addEarlyDivision(toSum, weightsHeld)
    }
  }
}

extension StreamingAttention {
  /// exp(score - row maximum): the maximum first, then the row that waited for it.
  mutating func addShiftedExponential(
    _ scores: Int, _ held: Int, to outputs: [Int], apart: Bool = false
  ) {
    let maxima = stream("maxima")
    node(
      "row maximum", .reduce, from: [each(scores)], to: [perRow(maxima)], function: .rowMaximum,
      work: { $0.max = 1 })
    guard apart else {
      node(
        "exponential", .map, from: [perRow(maxima), each(held)], to: outputs.map { each($0) },
        delay: .exponential, function: .exponentialOfDifference,
        work: {
          $0.fma = 1
          $0.exp = 1
        })
      return
    }
    let differences = stream("differences")
    node(
      "subtract", .map, from: [perRow(maxima), each(held)], to: [each(differences)],
      function: .subtractMaximum, work: { $0.fma = 1 })
    addExponential(differences, to: outputs)
  }

  /// exp(x), one element after another.
  mutating func addExponential(_ input: Int, to outputs: [Int]) {
    node(
      "exponential", .map, from: [each(input)], to: outputs.map { each($0) }, delay: .exponential,
      function: .exponential, work: { $0.exp = 1 })
  }

  /// The sum of a row of weights.
  mutating func addSum(_ weights: Int) -> Int {
    let sums = stream("sums")
    node(
      "row sum", .reduce, from: [each(weights)], to: [perRow(sums)], function: .rowSum, work: { $0.fma = 1 })
    return sums
  }

  /// Divides every weight of a row that waited for its sum, then takes the weighted values.
  mutating func addEarlyDivision(_ weights: Int, _ held: Int) {
    let sums = addSum(weights)
    let probabilities = stream("probabilities")
    node(
      "divide", .map, from: [perRow(sums), each(held)], to: [each(probabilities)], function: .divideBySum,
      work: { $0.fma = 1 })
    let outputs = rowStream("outputs", width: shape.headDimV)
    addWeightedValues(probabilities, to: outputs)
    addStore(outputs)
  }

  /// Takes the weighted values and the sum at once, and divides each output row.
  mutating func addLateDivision(of weights: Int, bySumOf toSum: Int) {
    let sums = addSum(toSum)
    let rows = rowStream("weighted-rows", width: shape.headDimV)
    addWeightedValues(weights, to: rows)
    addLateDivision(sums, rows)
  }
}
