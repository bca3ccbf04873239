import Attention
import HWModels
import Results

/// The lengths and counts of an attention shape, by their names in scenario files and on the command line.
public enum ShapeField: String, CaseIterable, Sendable {
  case batch, heads
  case kvHeads = "kv-heads"
  case seq
  case seqKV = "seq-kv"
  case headDim = "head-dim"
  case headDimV = "head-dim-v"
  case sharedPrefix = "shared-prefix"

  /// For the schema and for hints.
  public var summary: String {
    switch self {
    case .batch: "independent sequences"
    case .heads: "query heads"
    case .kvHeads: "key-value heads; must divide heads (default: heads)"
    case .seq: "queries of a sequence"
    case .seqKV: "keys of a sequence (default: seq)"
    case .headDim: "elements of a query or key of one head"
    case .headDimV: "elements of a value of one head (default: head-dim)"
    case .sharedPrefix: "leading keys that all sequences of the batch share (default: 0)"
    }
  }

  /// Whether a scenario can leave it out.
  var hasDefault: Bool {
    switch self {
    case .kvHeads, .seqKV, .headDimV, .sharedPrefix: true
    default: false
    }
  }

  /// Why `value` can be no such length, whatever the others are; nil where it can.
  func problem(_ value: Int) -> String? {
    var choice = ScenarioChoice()
    for field in [ShapeField.batch, .heads, .seq, .headDim] { choice.extents[field] = 1 }
    choice.extents[self] = value
    if self == .kvHeads { choice.extents[.heads] = value }
    if self == .sharedPrefix { choice.extents[.seqKV] = min(max(value, 1), AttentionShape.largestExtent) }
    do {
      _ = try choice.shape()
      return nil
    } catch {
      return error.problems.first { $0.field == rawValue || $0.field == "heads" }?.message
    }
  }
}

/// One thing a scenario fixes or an axis varies.
enum ScenarioSetting: Sendable {
  case extent(ShapeField, Int)
  case dataType(DataType)
  case mask(Mask)
  case pass(AttentionShape.Pass)
  case lengths(BatchLengths)
  case schedule(String, [String: String])
  case parameter(String, String)
  /// Index into the scenario's devices.
  case device(Int)
  case mode(ClockMode)
  case override(DeviceOverride)

  var isSchedule: Bool { if case .schedule = self { true } else { false } }
}

/// What one point of a scenario asks, before it is judged.
struct ScenarioChoice: Sendable {
  var extents: [ShapeField: Int] = [:]
  var dataType = DataType.bf16
  var mask = Mask.none
  var pass = AttentionShape.Pass.forward
  var lengths: BatchLengths?
  var schedule = ""
  var parameters: [String: String] = [:]
  var device = 0
  var mode = ClockMode.sustained
  var overrides: [DeviceOverride] = []

  mutating func set(_ setting: ScenarioSetting) {
    switch setting {
    case .extent(let field, let value): extents[field] = value
    case .dataType(let value): dataType = value
    case .mask(let value): mask = value
    case .pass(let value): pass = value
    case .lengths(let value): lengths = value
    case .schedule(let name, let values): (schedule, parameters) = (name, values)
    case .parameter(let name, let value): parameters[name] = value
    case .device(let index): device = index
    case .mode(let value): mode = value
    case .override(let change): overrides.append(change)
    }
  }

  /// - Throws: `ShapeError` where the lengths are no attention call; missing ones count as zero.
  func shape() throws(ShapeError) -> AttentionShape {
    try AttentionShape(
      batch: extents[.batch] ?? lengths?.keys.count ?? 0, headsQ: extents[.heads] ?? 0,
      headsKV: extents[.kvHeads],
      seqQ: extents[.seq] ?? lengths?.mostQueries ?? 0, seqKV: extents[.seqKV],
      headDim: extents[.headDim] ?? 0,
      headDimV: extents[.headDimV], dataType: dataType, mask: mask, pass: pass,
      lengths: lengths, sharedPrefix: extents[.sharedPrefix] ?? 0)
  }
}
