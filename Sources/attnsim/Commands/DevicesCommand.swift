import ArgumentParser
import HWModels
import InputFiles
import Programs
import Reports
import Schedules

struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices", abstract: "Lists the devices, or the numbers of one with their sources.")

  @Argument(help: "Device to show in full.") var id: String?
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Print a page of Markdown: all devices, and what runs on them.") var markdown = false
  @OptionGroup var options: LibraryOptions

  func run() throws {
    try Failure.reporting {
      let library = options.library
      if let id {
        let device = try library.device(id)
        Console.print(json ? DeviceList.json(device).text() : DeviceList.text(device))
        return
      }
      let ids = library.ids()
      if ids.isEmpty {
        throw Failure(
          .badInput,
          "error: no device files in \(library.directories.joined(separator: ", ")); give --hardware DIR")
      }
      var devices: [Device] = []
      var problems: [Diagnostic] = []
      for id in ids {
        do throws(InputError) { devices.append(try library.device(id)) } catch {
          problems += error.diagnostics
        }
      }
      Console.print(
        json
          ? JSONValue.array(devices.map { DeviceList.json($0) }).text()
          : markdown ? DeviceList.markdown(devices) : DeviceList.text(devices))
      if !problems.isEmpty { throw InputError(problems) }
    }
  }
}

/// Devices as text and JSON.
private enum DeviceList {
  static func text(_ devices: [Device]) -> String {
    let width = devices.map(\.id.count).max() ?? 0
    return devices.map { device in
      let pad = String(repeating: " ", count: width - device.id.count)
      return "\(device.id)\(pad)  \(device.name); numbers: \(kinds(device))"
    }.joined(separator: "\n")
  }

  /// A line a device.
  static func markdown(_ devices: [Device]) -> String {
    var lines = [
      "# Devices", "",
      "Written by `make docs` from `hardware/`. `attnsim devices ID` prints every number with its source.",
      "", "| device | name | kind | matrix instructions | numbers | schedules |",
      "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += devices.map { device in
      let families = DeviceWord.fields.filter { $0.name == "family" }.compactMap {
        device.words[$0.path]?.value
      }
      let cells = [
        "[\(device.id)](../hardware/\(device.id).yaml)", device.name, device.kind.rawValue,
        families.joined(separator: ", "), kinds(device),
        ScheduleRegistry.standard.all.filter { $0.runs(on: device) }.map { $0.name }.joined(separator: ", "),
      ]
      return "| " + cells.joined(separator: " | ") + " |"
    }
    return lines.joined(separator: "\n")
  }

  private static func kinds(_ device: Device) -> String {
    ProvenanceKind.allCases.compactMap { kind -> String? in
      let count = device.provenance.values.count { $0.kind == kind }
      return count > 0 ? "\(count) \(kind.rawValue)" : nil
    }.joined(separator: ", ")
  }

  static func text(_ device: Device) -> String {
    let fields = DeviceField.all.filter { $0.value(on: device) != nil }
    let width = fields.map(\.path.count).max() ?? 0
    var lines = ["\(device.id): \(device.name)", ""]
    for field in fields {
      guard let value = field.value(on: device), let provenance = device.provenance[field.path] else {
        continue
      }
      let pad = String(repeating: " ", count: width - field.path.count)
      let amount = AmountText.write(value, unit: field.unit)
      lines.append("\(field.path)\(pad)  \(amount)  \(provenance.kind.rawValue): \(provenance.source)")
    }
    for word in DeviceWord.fields {
      guard let found = device.words[word.path] else { continue }
      let pad = String(repeating: " ", count: max(width - word.path.count, 0))
      lines.append(
        "\(word.path)\(pad)  \(found.value)  \(found.provenance.kind.rawValue): \(found.provenance.source)")
    }
    return lines.joined(separator: "\n")
  }

  static func json(_ device: Device) -> JSONValue {
    let numbers = DeviceField.all.compactMap { field -> (key: String, value: JSONValue)? in
      guard let value = field.value(on: device), let provenance = device.provenance[field.path] else {
        return nil
      }
      return (
        field.path,
        .object([
          (key: "value", value: .number(value)),
          (key: "unit", value: .string(field.unit.spellings[0].suffix)),
          (key: "kind", value: .string(provenance.kind.rawValue)),
          (key: "source", value: .string(provenance.source)),
          (key: "note", value: provenance.note.map { .string($0) } ?? .null),
        ])
      )
    }
    return .object([
      (key: "id", value: .string(device.id)), (key: "name", value: .string(device.name)),
      (key: "kind", value: .string(device.kind.rawValue)), (key: "numbers", value: .object(numbers)),
      (
        key: "words",
        value: .object(
          DeviceWord.fields.compactMap { word in
            device.words[word.path].map { (key: word.path, value: .string($0.value)) }
          })
      ),
    ])
  }
}
