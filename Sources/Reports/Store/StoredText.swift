import Foundation
import HWModels
import Programs
import Results

/// Devices, parameters and lists as the text kept in a row, and back.
enum StoredText {
  /// Every number of the device by path, in base units.
  static func values(of device: Device) -> String {
    let pairs = DeviceField.all.compactMap { field in
      field.value(on: device).map { (key: field.path, value: JSONValue.number($0)) }
    }
    return JSONValue.object(pairs).text(indented: false)
  }

  static func provenance(of device: Device) -> String {
    let sources = device.provenance.merging(device.words.mapValues(\.provenance)) { number, _ in number }
    let pairs = sources.sorted { $0.key < $1.key }.map {
      path, provenance -> (key: String, value: JSONValue) in
      var fields: [(key: String, value: JSONValue)] = [
        ("kind", .string(provenance.kind.rawValue)), ("source", .string(provenance.source)),
      ]
      if let word = device.words[path] { fields.append(("word", .string(word.value))) }
      if let note = provenance.note { fields.append(("note", .string(note))) }
      if let fit = provenance.fit {
        fields.append(
          (
            "fit",
            .object(["data": .string(fit.data), "residual": .number(fit.residual), "date": .string(fit.date)])
          ))
      }
      return (key: path, value: .object(fields))
    }
    return JSONValue.object(pairs).text(indented: false)
  }

  /// A device from its stored texts, or nil where they cannot be read.
  static func device(id: String, name: String, kind: String, values: String, provenance: String) -> Device? {
    guard let kind = DeviceKind(rawValue: kind), let numbers: [String: Double] = decoded(values),
      let sources: [String: ProvenanceText] = decoded(provenance)
    else { return nil }
    var device = Device(id: id, name: name, kind: kind)
    for (path, value) in numbers { DeviceField.at(path)?.set(value, on: &device) }
    device.provenance = sources.filter { $0.value.word == nil }.compactMapValues(\.value)
    device.words = sources.compactMapValues { text in
      text.word.flatMap { word in text.value.map { DeviceWord(word, provenance: $0) } }
    }
    return device
  }

  static func list(_ values: [String]) -> String {
    JSONValue.array(values.map { .string($0) }).text(indented: false)
  }

  static func strings(_ text: String) -> [String]? { decoded(text) }
  static func parameters(_ text: String) -> ScheduleParameters? {
    let values: [String: String]? = decoded(text)
    return values.map { ScheduleParameters($0) }
  }

  static func overrides(_ text: String) -> [(path: String, value: String)]? {
    let list: [OverrideText]? = decoded(text)
    return list?.map { (path: $0.path, value: $0.value) }
  }

  static func work(_ work: Work) -> String {
    JSONValue.object(work.named.map { (key: $0.name, value: .number($0.value)) }).text(indented: false)
  }

  /// Busy share of every unit that does something, by name.
  static func utilisation(_ resources: [SimulationResult.ResourceUse]) -> String {
    let pairs = resources.filter { $0.busyCycles > 0 }.map {
      (key: $0.resource.name, value: JSONValue.number($0.utilisation))
    }
    return JSONValue.object(pairs).text(indented: false)
  }

  /// Counted work from its text; a kind that the text lacks is zero.
  static func work(_ text: String) -> Work? {
    let values: [String: Double]? = decoded(text)
    guard let values else { return nil }
    func count(_ name: String) -> Double { values[name] ?? 0 }
    return Work.of {
      $0.matrixFlops = count("matrix_flops")
      $0.matrixInstructions = count("matrix_instructions")
      $0.exp = count("exp")
      $0.fma = count("fma")
      $0.max = count("max")
      $0.alu = count("alu")
      $0.convert = count("convert")
      $0.shuffle = count("shuffle")
      $0.otherInstructions = count("other_instructions")
      $0.sharedRead = count("shared_read_bytes")
      $0.sharedWrite = count("shared_write_bytes")
      $0.globalRead = count("global_read_bytes")
      $0.streamRead = count("stream_read_bytes")
      $0.tableRead = count("table_read_bytes")
      $0.globalWrite = count("global_write_bytes")
      $0.tensorMemoryRead = count("tensor_memory_read_bytes")
      $0.tensorMemoryWrite = count("tensor_memory_write_bytes")
      $0.atomics = count("atomics")
    }
  }

  private static func decoded<Value: Decodable>(_ text: String) -> Value? {
    try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  private struct OverrideText: Decodable {
    let path: String
    let value: String
  }

  private struct ProvenanceText: Decodable {
    let kind: String
    let source: String
    let note: String?
    /// The name itself, where the device says no number.
    let word: String?
    let fit: FitText?
    struct FitText: Decodable {
      let data: String
      let residual: Double
      let date: String
    }

    var value: Provenance? {
      ProvenanceKind(rawValue: kind).map { kind in
        Provenance(
          kind: kind, source: source, note: note,
          fit: fit.map { .init(data: $0.data, residual: $0.residual, date: $0.date) })
      }
    }
  }
}
