public import Attention
public import HWModels
public import Programs
import Schedules

/// Executes programs on numbers and compares them with attention in double precision.
///
/// A program is right when its outputs stay within twice the error of plain attention in the same element type,
/// in the earliest order, in the simulated one where it is given, and in random orders that its declared dependencies
/// allow.
public enum Verification {
  /// Verifies what `schedule` makes of each shape. Shapes that it refuses are listed with the reason.
  ///
  /// - Parameters:
  ///   - orders: random orders for each shape, beside the earliest one.
  ///   - seed: decides inputs and orders.
  ///   - timeline: what the simulator makes of a program, to be followed step by step; empty for none.
  ///   - references: kept results in double precision, shared between schedules that run the same shapes.
  /// - Complexity: the first order of a shape computes all numbers; further ones cost bookkeeping per operation.
  public static func run(
    schedule: any Schedule, device: Device, shapes: [AttentionShape], orders: Int = 20, seed: UInt64 = 1,
    timeline: (Program) -> [TimedStep] = { _ in [] }, references: ReferenceCache = ReferenceCache()
  ) -> VerificationReport {
    run(
      calls: shapes.enumerated().map { VerificationCall(schedule: schedule, shape: $1, number: $0) },
      of: type(of: schedule), device: device, orders: orders, seed: seed, timeline: timeline,
      references: references)
  }

  /// The same for calls with parameters and numbers of their own. Calls do not depend on each other: reports of parts of a
  /// list make up that of the list (`VerificationReport.append`).
  public static func run(
    calls: [VerificationCall], of type: any Schedule.Type, device: Device, orders: Int, seed: UInt64,
    timeline: (Program) -> [TimedStep] = { _ in [] }, references: ReferenceCache
  ) -> VerificationReport {
    var report = VerificationReport(schedule: type.name, device: device.id, orders: orders, seed: seed)
    for call in calls {
      let program: Program
      do {
        program = try call.schedule.program(for: call.shape, on: device)
      } catch {
        report.skipped.append(.init(shape: call.shape, reason: error.description))
        continue
      }
      var result = check(
        program, kind: dataKind(call.number, call.shape.pass), orders: orders, seed: seed,
        timeline: timeline(program), references: references)
      result.drawn = call.drawn
      report.cases.append(result)
    }
    return report
  }

  /// Verifies one program on inputs of one kind.
  package static func check(
    _ program: Program, kind: AttentionData.Kind = .normal, orders: Int = 20, seed: UInt64 = 1,
    timeline: [TimedStep] = [], references: ReferenceCache = ReferenceCache()
  ) -> VerificationReport.Case {
    if let spatial = program.spatial {
      return check(
        spatial, shape: program.shape, kind: kind, orders: orders, seed: seed, references: references)
    }
    if let placement = program.placement {
      return check(
        placement, shape: program.shape, kind: Self.kind(kind, for: placement), orders: orders, seed: seed,
        references: references)
    }
    let reference = references.reference(for: program.shape, kind: kind, seed: seed)
    let trial = Trial(program: program, reference: reference)
    var result = VerificationReport.Case(shape: program.shape, data: kind.rawValue)
    let unread = program.operationsWithoutReading()
    if !unread.isEmpty {
      result.failure = .init(message: "no numerical reading: " + unread.joined(separator: ", "))
      return result
    }
    let (first, executed) = trial.counted(Order(.earliest, slots: 2))
    result.operations = executed.reduce(0) { $0 + $1.values.reduce(0, +) }
    result.outputs = first.errors.map { .init($0.tensor, $0.error, reference: reference) }
    result.ordersRun = 1
    var seen: Set<[Int32]> = [first.values]
    if !first.isRight {
      result.fail(first, order: 0, trial: trial, Order(.earliest, slots: 2))
      return result
    }
    for (kernel, counts) in zip(program.kernels, executed) where counts != kernel.operationCounts() {
      result.failure = .init(message: "\(kernel.name) executed other operations than its trip counts say")
      return result
    }
    var all: [(number: Int, order: Order)] = (0..<orders).map { ($0 + 1, .random(seed: seed, number: $0)) }
    if !timeline.isEmpty { all.insert((0, trial.order(following: timeline)), at: 0) }
    for (number, order) in all {
      let outcome = trial.run(order)
      result.ordersRun += 1
      if number == 0 { result.noteSimulated(outcome, order) }
      if outcome.fault == nil, seen.insert(outcome.values).inserted {
        for (index, found) in outcome.errors.enumerated()
        where found.error.maximum > result.outputs[index].maximum {
          result.outputs[index] = .init(found.tensor, found.error, reference: reference)
        }
      }
      if !outcome.isRight {
        result.fail(outcome, order: number, trial: trial, order)
        break
      }
    }
    result.distinctResults = seen.count
    return result
  }

  /// Half of the shapes get normal numbers, the others something nasty.
  private static func dataKind(_ number: Int, _ pass: AttentionShape.Pass) -> AttentionData.Kind {
    let nasty: [AttentionData.Kind] = [.rising, .huge, .falling, .dominant, .equalKeys, .minusInfinity]
    guard number % 2 == 1 else { return .normal }
    let kind = nasty[number / 2 % nasty.count]
    // Gradients through minus infinity are not defined: 0 times infinity.
    return kind == .minusInfinity && pass == .backward ? .rising : kind
  }
}

extension Program {
  /// Operations that multiply, exponentiate or touch device memory, and do not say what they compute.
  package func operationsWithoutReading() -> [String] {
    kernels.flatMap { kernel in
      kernel.actors.flatMap { actor in
        actor.blocks.flatMap(\.operations).filter { operation in
          let work = operation.work
          let movesData =
            work.matrixFlops + work.exp + work.bytesRead + work.globalWrite + work.atomics
            > 0
          return movesData && operation.action == .none
        }.map { "\(kernel.name), \(actor.name): \($0.name)" }
      }
    }
  }
}
