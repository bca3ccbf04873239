import HWModels

/// The nested mappings of a device file, built from the dotted paths of the fields.
struct DeviceFieldTree: Sendable {
  let name: String
  let field: DeviceField?
  /// Where this is a part that only some devices have: its name.
  let optionalPart: String?
  private(set) var children: [DeviceFieldTree]

  /// Every field below, in file order.
  var fields: [DeviceField] { field.map { [$0] } ?? children.flatMap(\.fields) }

  /// Whether every kind of device that has the section around it has this number.
  var isInEveryKind: Bool { field.map { field in DeviceKind.allCases.allSatisfy { $0.has(field) } } ?? false }
  /// Whether all numbers below belong to the same single kind.
  var isInOneKind: Bool {
    DeviceKind.allCases.count { kind in fields.contains { kind.has($0) } } == 1
  }

  static let all = DeviceFieldTree(name: "", prefix: [], fields: DeviceField.all)

  private init(name: String, prefix: [Substring], fields: [DeviceField]) {
    self.name = name
    let depth = prefix.count
    field = fields.first { $0.path.split(separator: ".").count == depth }
    let path = prefix.joined(separator: ".")
    optionalPart = !path.isEmpty && fields.allSatisfy { $0.optionalPart == path } ? path : nil
    var groups: [(name: Substring, fields: [DeviceField])] = []
    for field in fields {
      let parts = field.path.split(separator: ".")
      guard parts.count > depth else { continue }
      if let index = groups.firstIndex(where: { $0.name == parts[depth] }) {
        groups[index].fields.append(field)
      } else {
        groups.append((parts[depth], [field]))
      }
    }
    children = groups.map {
      DeviceFieldTree(name: String($0.name), prefix: prefix + [$0.name], fields: $0.fields)
    }
  }
}
