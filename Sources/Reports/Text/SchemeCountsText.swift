public import Attention

/// What attention schemes compute and read for each layer and step, as a table or as JSON.
public enum SchemeCountsText {
  /// One scheme at one batch and context.
  public struct Row: Sendable {
    public var scheme: AttentionScheme
    public var step: AttentionScheme.Step
    public var counts: AttentionScheme.Counts
    /// Of weights and cache as they are stored.
    public var bytes: Double
    public init(
      scheme: AttentionScheme, step: AttentionScheme.Step, counts: AttentionScheme.Counts, bytes: Double
    ) {
      (self.scheme, self.step, self.counts, self.bytes) = (scheme, step, counts, bytes)
    }

    /// Two operations to a multiply-add.
    var operationsPerByte: Double { 2 * counts.macs / max(bytes, 1) }
  }

  /// Where one scheme overtakes another as machines get more arithmetic for each byte.
  public struct Crossover: Sendable {
    public var from: AttentionScheme
    public var to: AttentionScheme
    public var operationsPerByte: Double
    public var step: AttentionScheme.Step
    public init(
      from: AttentionScheme, to: AttentionScheme, operationsPerByte: Double, step: AttentionScheme.Step
    ) {
      (self.from, self.to, self.operationsPerByte, self.step) = (from, to, operationsPerByte, step)
    }
  }

  public static func csv(_ rows: [Row]) -> String {
    let lines = rows.map { row in
      let counts = row.counts
      return [
        row.scheme.rawValue, "\(row.step.batch)", "\(row.step.tokens)", "\(row.step.context)",
        NumberText.significant(counts.macs, 7), NumberText.significant(counts.weights, 7),
        NumberText.significant(counts.cache, 7), NumberText.significant(counts.macsPerElement, 4),
        NumberText.significant(row.operationsPerByte, 4),
      ].joined(separator: ",")
    }
    let head = "scheme,batch,tokens,context,macs,weight_elements,kv_elements,mac_per_element,op_per_byte"
    return ([head] + lines).joined(separator: "\n")
  }

  public static func sentence(_ crossover: Crossover) -> String {
    "\(crossover.to.rawValue) is faster than \(crossover.from.rawValue) from \(NumberText.fixed(crossover.operationsPerByte, 1)) operations a byte on (batch \(crossover.step.batch), context \(crossover.step.context))"
  }

  public static func json(_ rows: [Row], crossover: Crossover?) -> String {
    JSONValue.object([
      "counts": .array(
        rows.map { row in
          .object([
            "scheme": .string(row.scheme.rawValue), "batch": .integer(row.step.batch),
            "tokens": .integer(row.step.tokens), "context": .integer(row.step.context),
            "macs": .number(row.counts.macs), "weight_elements": .number(row.counts.weights),
            "kv_elements": .number(row.counts.cache), "mac_per_element": .number(row.counts.macsPerElement),
            "op_per_byte": .number(row.operationsPerByte),
          ])
        }),
      "crossover": crossover.map {
        .object([
          "from": .string($0.from.rawValue), "to": .string($0.to.rawValue),
          "op_per_byte": .number($0.operationsPerByte), "batch": .integer($0.step.batch),
          "context": .integer($0.step.context),
        ])
      } ?? .null,
    ]).text()
  }
}
