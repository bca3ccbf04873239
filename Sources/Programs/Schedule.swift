public import Attention
public import HWModels

/// A way of computing attention on a device.
public protocol Schedule: Sendable {
  /// The name used in scenario files, reports and the database.
  static var name: String { get }
  /// One line for `attnsim schedules`.
  static var summary: String { get }
  /// The parameters it takes, with their meaning, in the order in which they are listed.
  static var parameters: [ParameterDescription] { get }
  /// Parameters that trade an FPGA's multipliers for cycles; empty for most.
  static var parallelism: [ParallelismAxis] { get }
  /// The only head dimensions that it takes; nil for most.
  static var geometry: HeadGeometry? { get }
  /// Whether the sequences of a batch may have lengths of their own; false for most.
  static var takesLengths: Bool { get }
  /// Whether they may have different numbers of queries too, as prefill beside decode has; false for most.
  static var takesQueryLengths: Bool { get }
  /// Whether its kernel evaluates or lists whatever mask it is given, and so pays for the mask as it is written; false where it
  /// has rules built in.
  static var evaluatesMasks: Bool { get }
  /// Whether the sequences of a batch may have leading keys in common; false for most.
  static var takesSharedPrefix: Bool { get }
  /// - Throws: `ScheduleError` for a parameter it does not know or cannot read.
  init(parameters: ScheduleParameters) throws(ScheduleError)
  /// - Throws: `ScheduleError` where the device lacks a resource, the shape is outside what the kernel takes, or
  ///   the program does not fit (the budget is part of the message).
  func program(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program
}

extension Schedule {
  public static var parallelism: [ParallelismAxis] { [] }
  public static var geometry: HeadGeometry? { nil }
  public static var takesLengths: Bool { false }
  public static var evaluatesMasks: Bool { false }
  public static var takesSharedPrefix: Bool { false }

  /// The program for a call as asked: with its mask in the plainest form, and notes on what it asks for in vain.
  ///
  /// - Throws: as `program(for:on:)`.
  public func plainProgram(for asked: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    var shape = asked
    // Lengths of their own make a rule of the longest sequence no rule of the others.
    shape.mask =
      Self.evaluatesMasks || asked.lengths != nil
      ? asked.mask.simplified : asked.mask.builtIn(seqQ: asked.seqQ, seqKV: asked.seqKV)
    var program = try program(for: shape, on: device)
    for note in asked.mask.notes(seqKV: asked.seqKV) {
      program.warnings.append(ModelLimit(code: "mask-past-keys", message: note))
    }
    return program
  }
  public static var takesQueryLengths: Bool { false }
}

/// A parameter of a schedule.
public struct ParameterDescription: Sendable, Hashable {
  public let name: String
  public let summary: String
  /// The values it takes, where they are few.
  public let choices: [String]
  public let defaultValue: String
  public init(name: String, summary: String, choices: [String] = [], defaultValue: String) {
    self.name = name
    self.summary = summary
    self.choices = choices
    self.defaultValue = defaultValue
  }
}

/// Parameters by name, as written by the user.
public struct ScheduleParameters: Sendable, Hashable {
  public var values: [String: String]
  public init(_ values: [String: String] = [:]) { self.values = values }

  /// The value of `name`, which must be one of its choices where it has some.
  ///
  /// - Throws: `ScheduleError.parameter` otherwise.
  public func value(_ description: ParameterDescription) throws(ScheduleError) -> String {
    let value = values[description.name] ?? description.defaultValue
    if !description.choices.isEmpty, !description.choices.contains(value) {
      throw .parameter(
        name: description.name,
        message: "'\(value)' is not one of \(description.choices.joined(separator: ", "))")
    }
    return value
  }

  /// - Throws: `ScheduleError.parameter` for the first name (in alphabetical order) that is not described.
  public func requireKnown(_ known: [ParameterDescription]) throws(ScheduleError) {
    for name in values.keys.sorted() where !known.contains(where: { $0.name == name }) {
      let names = known.map(\.name).joined(separator: ", ")
      throw .parameter(
        name: name, message: "unknown parameter; this schedule takes: \(names.isEmpty ? "none" : names)")
    }
  }
}

/// Why a schedule cannot make a program.
public enum ScheduleError: Error, Sendable, CustomStringConvertible {
  case parameter(name: String, message: String)
  /// The device lacks a part.
  case missingResource(schedule: String, part: String, device: String)
  /// The kernel does not take this shape.
  case unsupported(schedule: String, field: String, message: String)
  /// The program needs more than a core has; `budget` lists each need and its limit.
  case doesNotFit(schedule: String, budget: Budget)

  public var description: String {
    switch self {
    case .parameter(let name, let message): "parameter '\(name)': \(message)"
    case .missingResource(let schedule, let part, let device):
      "\(schedule) needs '\(part)', which \(device) does not have"
    case .unsupported(let schedule, _, let message): "\(schedule) \(message)"
    case .doesNotFit(let schedule, let budget): "\(schedule) does not fit:\n\(budget)"
    }
  }
}
