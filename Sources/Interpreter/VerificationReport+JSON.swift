import Attention
import HWModels
import Programs

extension VerificationReport {
  /// The report as one JSON object. Errors that are not finite are null.
  public var json: String {
    JSON.object([
      ("schedule", .string(schedule)), ("device", .string(device)),
      ("seed", .integer(Int(truncatingIfNeeded: seed))),
      ("orders", .integer(orders)), ("passed", .bool(passed)), ("cases", .array(cases.map(\.value))),
      (
        "skipped",
        .array(
          skipped.map { .object([("shape", .string($0.shape.summary)), ("reason", .string($0.reason))]) })
      ),
    ]).text
  }
}

extension VerificationReport.Case {
  fileprivate var value: JSON {
    var fields: [(String, JSON)] = [
      ("batch", .integer(shape.batch)), ("heads", .integer(shape.headsQ)),
      ("kv_heads", .integer(shape.headsKV)),
      ("seq", .integer(shape.seqQ)), ("seq_kv", .integer(shape.seqKV)), ("head_dim", .integer(shape.headDim)),
      ("head_dim_v", .integer(shape.headDimV)), ("dtype", .string(shape.dataType.rawValue)),
      ("mask", .string(shape.mask.description)), ("pass", .string(shape.pass.rawValue)),
      ("data", .string(data)),
      ("operations", .integer(operations)), ("orders_run", .integer(ordersRun)),
      ("simulated_steps", .integer(simulatedSteps)),
      ("simulated_steps_followed", .integer(simulatedStepsFollowed)),
      ("distinct_results", .integer(distinctResults)), ("passed", .bool(failure == nil)),
      ("outputs", .array(outputs.map(\.value))),
    ]
    if let lengths = shape.lengths { fields.append(("lengths", .string(lengths.description))) }
    if !drawn.values.isEmpty { fields.append(("parameters", .string(drawn.summary))) }
    if let failure { fields.append(("failure", failure.value)) }
    return .object(fields)
  }
}

extension VerificationReport.Output {
  fileprivate var value: JSON {
    .object([
      ("tensor", .string(tensor.rawValue)), ("max_error", .number(maximum)), ("mean_error", .number(mean)),
      ("plain_rounded_max_error", .number(roundedMaximum)),
      ("plain_rounded_mean_error", .number(roundedMean)),
      ("plain_fp32_max_error", .number(singleMaximum)), ("plain_fp32_mean_error", .number(singleMean)),
      ("allowed_max_error", .number(allowedMaximum)), ("allowed_mean_error", .number(allowedMean)),
    ])
  }
}

extension VerificationReport.Failure {
  fileprivate var value: JSON {
    .object([
      ("message", .string(message)), ("order", order.map { .integer($0) } ?? .null),
      ("slots", .integer(slots)),
      ("chosen_steps", .integer(choices)), ("operation", .string(operation)), ("buffer", .string(buffer)),
      ("finding", .string(finding)), ("steps", .array(steps.map { .string($0) })),
    ])
  }
}

/// A JSON value that keeps the order of its fields.
private indirect enum JSON {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([(String, JSON)])

  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.quoted(value)
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let fields):
      "{" + fields.map { Self.quoted($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
