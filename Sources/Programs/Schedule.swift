public import Attention
public import HWModels

/// A way of computing attention on a device.
///
/// What it takes is declared: parameters, what it needs of a device, and what calls its kernels take. Refusals, help, the lists
/// of `attnsim schedules` and the variants that `verify` draws come from the declaration.
public protocol Schedule: Sendable {
  /// The name used in scenario files, reports and the database.
  static var name: String { get }
  /// One line for `attnsim schedules`.
  static var summary: String { get }
  /// In the order in which they are listed.
  static var parameters: [any AnyParameter] { get }
  /// What a device must have.
  static var needs: [DeviceNeed] { get }
  /// What calls the kernels take.
  static var support: Support { get }
  /// Parameters that trade an FPGA's multipliers for cycles; empty for most.
  static var parallelism: [ParallelismAxis] { get }
  /// What the user chose.
  var values: ParameterValues { get }
  init(values: ParameterValues)
  /// The program of a call that the declaration admits; `program(for:on:)` alone asks for it.
  ///
  /// - Throws: `ScheduleError` where the program does not fit (the budget is part of the message), and where the call has more
  ///   work items, or another mask, than the kernels' lists can hold.
  func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program
}

extension Schedule {
  public static var parameters: [any AnyParameter] { [] }
  public static var parallelism: [ParallelismAxis] { [] }
  /// The only head dimensions that it takes; nil for most.
  public static var geometry: HeadGeometry? { support.geometry }

  /// - Throws: `ScheduleError.parameter` for a parameter it does not know or cannot read.
  public init(parameters: ScheduleParameters) throws(ScheduleError) {
    self.init(values: try ParameterValues(parameters, of: Self.self))
  }

  /// The call as the kernels see it: with its mask in the plainest form.
  public static func plain(_ asked: AttentionShape) -> AttentionShape {
    var shape = asked
    // Lengths of their own make a rule of the longest sequence no rule of the others.
    shape.mask =
      support.takesMasksAsWritten || asked.lengths != nil
      ? asked.mask.simplified : asked.mask.builtIn(seqQ: asked.seqQ, seqKV: asked.seqKV)
    return shape
  }

  /// The program for a call as asked: with its mask in the plainest form, and notes on what it asks for in vain.
  ///
  /// - Throws: `ScheduleError` where the device lacks a resource, a parameter has no effect on the call, the call is outside
  ///   what the kernels take, or as `admittedProgram(for:on:)`.
  public func program(for asked: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = ScheduleCall(Self.plain(asked), values)
    try Self.require(call, on: device)
    var program = try admittedProgram(for: call.shape, on: device)
    for note in asked.mask.notes(seqKV: asked.seqKV) {
      program.warnings.append(ModelLimit(code: "mask-past-keys", message: note))
    }
    return program
  }

  /// - Throws: `ScheduleError` where the declaration does not admit the call.
  static func require(_ call: ScheduleCall, on device: Device) throws(ScheduleError) {
    for need in needs where need.when?.holds(for: call) ?? true {
      if let problem = need.problem(on: device) {
        throw .missingResource(
          schedule: name, part: problem.part, device: device.id,
          detail: problem.found.map { "it has \($0)" } ?? "")
      }
    }
    try call.values.requireEffect(of: parameters, on: call)
    if let problem = support.problem(call) {
      throw .unsupported(schedule: name, field: problem.field, message: problem.message)
    }
  }

  /// Whether a device has what the schedule needs whatever its parameters.
  public static func runs(on device: Device) -> Bool {
    needs.allSatisfy { $0.when != nil || $0.isMet(by: device) }
  }

  /// Whether the declaration admits a call; a program may still not fit.
  public static func admits(
    _ asked: AttentionShape, _ parameters: ScheduleParameters, on device: Device
  ) -> Bool {
    admits(plain: plain(asked), parameters, on: device)
  }

  static func admits(
    plain shape: AttentionShape, _ parameters: ScheduleParameters, on device: Device
  ) -> Bool {
    do {
      try require(ScheduleCall(shape, ParameterValues(parameters, of: Self.self)), on: device)
      return true
    } catch {
      return false
    }
  }
}
