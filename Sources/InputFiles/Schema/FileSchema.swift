import Attention
import HWModels
import Programs
import Schedules

/// JSON Schemas (draft 2020-12) of the files that people write, for editors. Made from the tables that read the files.
public enum FileSchema {
  private static let draft = "https://json-schema.org/draft/2020-12/schema"

  /// Schema of `hardware/*.yaml`.
  public static var device: String {
    let tree = DeviceFieldTree.all
    var properties: [(key: String, value: SchemaNode)] = [
      (
        "id",
        .map([
          "type": .string("string"), "pattern": .string("^[a-z0-9._-]+$"),
          "description": .string("the name of the file without .yaml"),
        ])
      ),
      ("name", .map(["type": .string("string"), "description": .string("the name people use")])),
      ("kind", .map(["enum": .strings(DeviceKind.allCases.map(\.rawValue))])),
    ]
    properties += tree.children.map { ($0.name, section($0)) }
    // What a kind must have beyond this is the reader's to say.
    let required = ["id", "name", "kind", "clock"]
    return SchemaNode.object([
      ("$schema", .string(draft)), ("title", .string("attnsim device")), ("type", .string("object")),
      ("properties", .object(properties)), ("required", .strings(required)),
      ("additionalProperties", .boolean(false)),
    ]).text
  }

  private static func section(_ tree: DeviceFieldTree) -> SchemaNode {
    if let field = tree.field { return leaf(field) }
    let words = DeviceWord.fields.filter { $0.section == tree.name }
    return .map([
      "type": .string("object"),
      "properties": .object(
        tree.children.map { ($0.name, section($0)) } + words.map { ($0.name, word($0)) }),
      "required": .strings(
        tree.children.filter { $0.isInEveryKind || tree.isInOneKind }.map(\.name) + words.map(\.name)),
      "additionalProperties": .boolean(false),
    ])
  }

  private static let text = SchemaNode.map(["type": .string("string"), "minLength": .integer(1)])

  private static func word(_ field: DeviceWord.Field) -> SchemaNode {
    .map([
      "type": .string("object"), "description": .string(field.summary),
      "properties": .map([
        "value": text, "kind": .map(["enum": .strings(ProvenanceKind.allCases.map(\.rawValue))]),
        "source": text, "note": text,
      ]),
      "required": .strings(["value", "kind", "source"]), "additionalProperties": .boolean(false),
    ])
  }

  private static func leaf(_ field: DeviceField) -> SchemaNode {
    let fit = SchemaNode.map([
      "type": .string("object"),
      "properties": .map([
        "data": text, "residual": .map(["type": .string("number"), "minimum": .integer(0)]),
        "date": .map(["type": .string("string"), "pattern": .string("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]),
      ]),
      "required": .strings(["data", "residual", "date"]), "additionalProperties": .boolean(false),
    ])
    return .map([
      "type": .string("object"), "description": .string(field.summary),
      "properties": .map([
        "value": amount(field), "kind": .map(["enum": .strings(ProvenanceKind.allCases.map(\.rawValue))]),
        "source": text, "note": text, "fit": fit,
      ]),
      "required": .strings(["value", "kind", "source"]), "additionalProperties": .boolean(false),
    ])
  }

  /// An amount: a string of number and unit, or a bare number where the unit is none.
  private static func amount(_ field: DeviceField) -> SchemaNode {
    var bare: [(key: String, value: SchemaNode)] = []
    switch field.rule {
    case .positive: bare = [("type", .string("number")), ("exclusiveMinimum", .integer(0))]
    case .nonNegative: bare = [("type", .string("number")), ("minimum", .integer(0))]
    case .fraction: bare = [("type", .string("number")), ("minimum", .integer(0)), ("maximum", .integer(1))]
    case .positiveInteger: bare = [("type", .string("integer")), ("minimum", .integer(1))]
    case .wholeNumber: bare = [("type", .string("integer")), ("minimum", .integer(0))]
    case .flag: bare = [("enum", .array([.integer(0), .integer(1)]))]
    }
    let suffixes = field.unit.spellings.map(\.suffix)
    guard !suffixes.contains("") else { return .object(bare) }
    let pattern = "^[0-9.eE+_-]+ ?(\(suffixes.joined(separator: "|")))$"
    return .map([
      "type": .string("string"), "pattern": .string(pattern),
      "examples": .strings([QuantityText.example(field.unit)]),
    ])
  }

  /// Schema of `scenarios/*.yaml`.
  public static var scenario: String {
    let text = SchemaNode.map(["type": .string("string")])
    let properties: [(key: String, value: SchemaNode)] = [
      ("name", text), ("description", text), ("device", oneOrMore(text)), ("schedule", schedule),
      ("shape", shape), ("mode", mode), ("set", overrides), ("axes", axes),
    ]
    return SchemaNode.object([
      ("$schema", .string(draft)), ("title", .string("attnsim scenario")), ("type", .string("object")),
      ("properties", .object(properties)), ("additionalProperties", .boolean(false)),
    ]).text
  }

  private static func oneOrMore(_ node: SchemaNode) -> SchemaNode {
    .map(["anyOf": .array([node, .map(["type": .string("array"), "items": node, "minItems": .integer(1)])])])
  }

  private static var schedule: SchemaNode {
    let name = SchemaNode.map(["enum": .strings(ScheduleRegistry.standard.names)])
    let full = SchemaNode.map([
      "type": .string("object"),
      "properties": .map(["name": name, "parameters": .map(["type": .string("object")])]),
      "required": .strings(["name"]), "additionalProperties": .boolean(false),
    ])
    return .map(["anyOf": .array([name, full])])
  }

  /// A length: digits, or digits with `k` or `M`.
  private static let extent = SchemaNode.map([
    "anyOf": .array([
      .map(["type": .string("integer"), "minimum": .integer(1)]),
      .map(["type": .string("string"), "pattern": .string("^[0-9][0-9_]*[kM]?$")]),
    ])
  ])

  private static func shapeField(_ name: String) -> SchemaNode {
    switch name {
    case "dtype": .map(["enum": .strings(DataType.allCases.map(\.rawValue))])
    case "pass": .map(["enum": .strings(AttentionShape.Pass.allCases.map(\.rawValue))])
    case ShapeField.sharedPrefix.rawValue:
      .map([
        "anyOf": .array([
          .map(["type": .string("integer"), "minimum": .integer(0)]),
          .map(["type": .string("string"), "pattern": .string("^[0-9][0-9_]*[kM]?$")]),
        ])
      ])
    case "lengths":
      .map([
        "type": .strings(["string", "array", "integer"]),
        "description": .string(
          "keys, or queries over keys, of each sequence of the batch: a list, or a distribution with a seed"),
        "examples": .strings(["8k,4096,6x1024", "32x1/4k,2048/2048", "lognormal:4k:sigma=0.8:n=64:seed=1"]),
      ])
    case "mask":
      .map(["type": .string("string"), "examples": .strings(["none", "causal", "causal-tl", "swa:1024"])])
    default: extent
    }
  }

  private static var shape: SchemaNode {
    .map([
      "type": .string("object"),
      "properties": .object(
        ScenarioValues.shapeNames.map { name in
          guard let field = ShapeField(rawValue: name) else { return (name, shapeField(name)) }
          return (name, .map(["allOf": .array([extent]), "description": .string(field.summary)]))
        }),
      "additionalProperties": .boolean(false),
    ])
  }

  private static let mode = SchemaNode.map([
    "anyOf": .array([
      .map(["type": .string("string"), "pattern": .string("^(sustained|burst|locked:.+)$")]),
      .map([
        "type": .string("object"), "properties": .map(["locked": .map(["type": .string("string")])]),
        "required": .strings(["locked"]), "additionalProperties": .boolean(false),
      ]),
    ])
  ])

  private static func change(_ field: DeviceField) -> SchemaNode {
    .map([
      "type": .strings(["string", "number"]),
      "description": .string(
        "\(field.summary): an amount such as \(QuantityText.example(field.unit)), or a factor such as x1.5"),
    ])
  }

  private static var overrides: SchemaNode {
    .map([
      "type": .string("object"), "properties": .object(DeviceField.all.map { ($0.path, change($0)) }),
      "additionalProperties": .boolean(false),
    ])
  }

  private static var axes: SchemaNode {
    let range = SchemaNode.map([
      "type": .string("object"),
      "properties": .map(["from": .map([:]), "to": .map([:]), "step": .map([:]), "factor": .map([:])]),
      "required": .strings(["from", "to"]), "additionalProperties": .boolean(false),
    ])
    func axis(_ node: SchemaNode) -> SchemaNode {
      .map([
        "anyOf": .array([
          node, .map(["type": .string("array"), "items": node, "minItems": .integer(1)]), range,
        ])
      ])
    }
    var properties: [(key: String, value: SchemaNode)] = ScenarioValues.shapeNames.map {
      ($0, axis(shapeField($0)))
    }
    properties += [("schedule", oneOrMore(schedule)), ("mode", oneOrMore(mode))]
    properties.append(("device", oneOrMore(.map(["type": .string("string")]))))
    properties += DeviceField.all.map { ("device.\($0.path)", axis(change($0))) }
    return .map([
      "type": .string("object"), "properties": .object(properties),
      "patternProperties": .map([
        "^schedule\\.": oneOrMore(.map(["type": .strings(["string", "number", "boolean"])])),
        ",": .map(["type": .string("array")]),
      ]),
      "additionalProperties": .boolean(false),
    ])
  }
}
