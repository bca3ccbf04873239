public import Attention
import HWModels
public import Programs

/// What a verification found, shape by shape.
public struct VerificationReport: Sendable {
  public var schedule: String
  public var device: String
  /// Random orders for each shape, beside the earliest one.
  public var orders: Int
  public var seed: UInt64
  public var cases: [Case] = []
  public var skipped: [Skip] = []

  public init(schedule: String, device: String, orders: Int, seed: UInt64) {
    self.schedule = schedule
    self.device = device
    self.orders = orders
    self.seed = seed
  }

  /// Adds what another part of the same schedule's calls came to.
  public mutating func append(_ other: VerificationReport) {
    cases += other.cases
    skipped += other.skipped
  }

  /// Whether something was executed and all of it was right.
  public var passed: Bool { !cases.isEmpty && cases.allSatisfy { $0.failure == nil } }

  /// One shape.
  public struct Case: Sendable {
    public var shape: AttentionShape
    /// Parameters of the schedule that were drawn for this shape.
    public var drawn = ScheduleParameters()
    /// Kind of inputs.
    public var data: String
    /// Operations executed in one order.
    public var operations = 0
    public var ordersRun = 0
    /// Results that differ in some bit between orders.
    public var distinctResults = 1
    /// Of all orders, the largest errors.
    public var outputs: [Output] = []
    /// Steps of the simulated order, and those of them that could be taken at their turn.
    public var simulatedSteps = 0
    public var simulatedStepsFollowed = 0
    public var failure: Failure?

    init(shape: AttentionShape, data: String) {
      self.shape = shape
      self.data = data
    }
  }

  /// A shape that the schedule does not take.
  public struct Skip: Sendable {
    public var shape: AttentionShape
    public var reason: String
  }

  /// Error of one output against double precision, beside those of plain attention on the same inputs.
  public struct Output: Sendable {
    public var tensor: Tensor
    public var maximum: Double
    public var mean: Double
    /// Plain attention with probabilities and outputs rounded to the element type.
    public var roundedMaximum: Double
    public var roundedMean: Double
    /// Plain attention in fp32.
    public var singleMaximum: Double
    public var singleMean: Double
    /// What a right program may reach.
    public var allowedMaximum: Double
    public var allowedMean: Double

    init(_ tensor: Tensor, _ error: OutputError, reference: Reference) {
      let rounded = reference.rounded[tensor] ?? OutputError()
      let single = reference.single[tensor] ?? OutputError()
      let allowed = reference.tolerance(tensor)
      self.tensor = tensor
      (maximum, mean) = (error.maximum, error.mean)
      (roundedMaximum, roundedMean) = (rounded.maximum, rounded.mean)
      (singleMaximum, singleMean) = (single.maximum, single.mean)
      (allowedMaximum, allowedMean) = allowed
    }
  }

  /// A call that came out wrong, with what it takes to see it again.
  public struct Failure: Sendable {
    public var message: String
    /// Number of the random order that failed, 0 for the earliest and the simulated one; nil where no order was at fault.
    public var order: Int?
    /// The shortest breaking order: work items in flight, steps that must come first, and what goes wrong.
    public var slots = 0
    public var choices = 0
    public var operation = ""
    public var buffer = ""
    public var finding = ""
    public var steps: [String] = []

    init(message: String, order: Int? = nil) {
      self.message = message
      self.order = order
    }
  }
}

extension VerificationReport.Case {
  mutating func noteSimulated(_ outcome: Trial.Outcome, _ order: Order) {
    guard case .listed(let agents) = order.choice else { return }
    simulatedSteps = agents.count
    simulatedStepsFollowed = zip(agents, outcome.choices).prefix { $0 == $1 }.count
  }

  /// Writes down a failure with the shortest order that shows it.
  mutating func fail(_ outcome: Trial.Outcome, order number: Int, trial: Trial, _ order: Order) {
    let message: String
    if let fault = outcome.fault {
      message = fault.description
    } else {
      outputs = outcome.errors.map { .init($0.tensor, $0.error, reference: trial.reference) }
      let wrong = outputs.filter { !($0.maximum <= $0.allowedMaximum && $0.mean <= $0.allowedMean) }
      message = "wrong " + wrong.map(\.tensor.rawValue).joined(separator: ", ")
    }
    var failure = VerificationReport.Failure(message: message, order: number)
    let shortest = trial.shortest(order)
    failure.slots = shortest.slots
    failure.choices = shortest.choices.count
    failure.operation = shortest.operation
    failure.buffer = shortest.buffer
    failure.finding = shortest.finding
    failure.steps = shortest.steps
    self.failure = failure
  }
}

// MARK: Text

extension VerificationReport: CustomStringConvertible {
  /// A summary line, a line for each shape, and for each failure the story of its shortest order.
  public var description: String {
    let failures = cases.filter { $0.failure != nil }.count
    let verdict = cases.isEmpty ? "nothing executed" : failures == 0 ? "all right" : "\(failures) wrong"
    var lines = [
      "\(schedule) on \(device): \(cases.count) shapes, \(orders) random orders each, seed \(seed): \(verdict)"
    ]
    for one in cases { lines += one.lines.map { "  " + $0 } }
    for skip in skipped { lines.append("  skipped \(skip.shape.summary): \(skip.reason)") }
    return lines.joined(separator: "\n")
  }
}

extension VerificationReport.Case {
  var lines: [String] {
    let mark = failure == nil ? "right" : "WRONG"
    let with = drawn.values.isEmpty ? "" : ", \(drawn.summary)"
    var lines = [
      "\(mark)  \(shape.summary)\(with), \(data) inputs: \(operations) operations, \(ordersRun) orders"
    ]
    for output in outputs {
      lines.append(
        "       \(output.tensor.rawValue): max error \(output.maximum.short), mean \(output.mean.short); plain "
          + "\(shape.dataType.rawValue) \(output.roundedMaximum.short), \(output.roundedMean.short); plain fp32 "
          + "\(output.singleMaximum.short), \(output.singleMean.short)")
    }
    guard let failure else { return lines }
    lines.append(
      "       \(failure.message)"
        + (failure.order.map { $0 == 0 ? " in the earliest or simulated order" : " in random order \($0)" }
          ?? ""))
    if failure.order != nil {
      lines.append(
        "       shortest: \(failure.choices) chosen steps, then the serial order, \(failure.slots) work items in flight"
      )
    }
    if !failure.operation.isEmpty {
      lines.append("       '\(failure.operation)', buffer \(failure.buffer): \(failure.finding)")
    } else if !failure.finding.isEmpty {
      lines.append("       \(failure.finding)")
    }
    lines += failure.steps.map { "         \($0)" }
    return lines
  }
}

extension AttentionShape {
  /// `b2 h4/2 q130 kv257 d64 bf16 causal fwd`.
  package var summary: String {
    let heads = headsQ == headsKV ? "h\(headsQ)" : "h\(headsQ)/\(headsKV)"
    let dimension = headDim == headDimV ? "d\(headDim)" : "d\(headDim)/\(headDimV)"
    let lengths = lengths.map { " lengths:\($0)" } ?? ""
    let shared = sharedPrefix > 0 ? " shared:\(sharedPrefix)" : ""
    return
      "b\(batch) \(heads) q\(seqQ) kv\(seqKV)\(shared) \(dimension) \(dataType.rawValue) \(mask) \(pass.rawValue)"
      + lengths
  }
}

extension Double {
  /// Three significant digits.
  var short: String {
    guard isFinite, self != 0 else { return "\(self)" }
    var exponent = 0
    var value = magnitude
    while value >= 10 {
      value /= 10
      exponent += 1
    }
    while value < 1 {
      value *= 10
      exponent -= 1
    }
    let digits = (value * 100).rounded() / 100
    return (self < 0 ? "-" : "") + (exponent == 0 ? "\(digits)" : "\(digits)e\(exponent)")
  }
}
