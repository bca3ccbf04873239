import Programs

/// One operation of a simulated run: what the interpreter needs of a trace to follow it.
public struct TimedStep: Sendable, Hashable {
  /// Place for a work item, counted from 0.
  public var slot: Int
  public var actor: String
  public var operation: String
  /// When it was issued, and when its result was there.
  public var start: Int
  public var end: Int

  public init(slot: Int, actor: String, operation: String, start: Int, end: Int) {
    self.slot = slot
    self.actor = actor
    self.operation = operation
    self.start = start
    self.end = end
  }
}

extension Trial {
  /// The order of a simulated run of the first kernel: issues when they started, asynchronous operations when they
  /// ended. What the run left out follows in the serial order.
  func order(following timeline: [TimedStep]) -> Order {
    guard let compiled = kernels.first else { return Order(.serial, slots: 1) }
    let perSlot = compiled.kernel.actors.count + compiled.queueCount
    var units: [OperationName: Int] = [:]
    for operation in compiled.operations {
      guard let queue = operation.queue else { continue }
      units[OperationName(actor: compiled.kernel.actors[operation.actor].name, operation: operation.name)] =
        queue
    }
    var picks: [(time: Int, isIssue: Bool, agent: Int)] = []
    for step in timeline {
      guard let actor = compiled.kernel.actors.firstIndex(where: { $0.name == step.actor }) else { continue }
      let first = step.slot * perSlot
      guard let queue = units[OperationName(actor: step.actor, operation: step.operation)] else {
        // A blocking operation takes effect, and signals, when it ends.
        picks.append((step.end, true, first + actor))
        continue
      }
      picks.append((step.start, true, first + actor))
      picks.append((step.end, false, first + compiled.kernel.actors.count + queue))
    }
    // What ends at a moment is there for what starts at it; equal moments keep the order of the trace.
    let sorted = picks.enumerated().sorted {
      ($0.element.time, $0.element.isIssue ? 1 : 0, $0.offset) < (
        $1.element.time, $1.element.isIssue ? 1 : 0, $1.offset
      )
    }
    let slots = (timeline.map(\.slot).max() ?? 0) + 1
    return Order(.listed(sorted.map { Int32($0.element.agent) }), slots: slots)
  }
}
