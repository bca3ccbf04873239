import InputFiles
import Testing

/// A text in which `‸` marks where diagnostics are expected, in order.
struct Marked {
  let text: String
  let places: [Place]

  struct Place: Hashable, CustomStringConvertible {
    var line: Int
    var column: Int
    var description: String { "\(line):\(column)" }
  }

  init(_ marked: String) {
    var text = String.UnicodeScalarView()
    var places: [Place] = []
    var line = 1
    var column = 1
    for scalar in marked.unicodeScalars {
      if scalar == "‸" {
        places.append(Place(line: line, column: column))
        continue
      }
      text.append(scalar)
      (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
    }
    self.text = String(text)
    self.places = places
  }
}

/// The diagnostics of `read`, or none where it succeeds.
func diagnostics<Value>(_ read: () throws(InputError) -> Value) -> [Diagnostic] {
  do {
    _ = try read()
    return []
  } catch {
    return error.diagnostics
  }
}

/// Checks that the diagnostics stand at the marks, in order, and that each says its part.
func check(
  _ found: [Diagnostic], at places: [Marked.Place], saying parts: [String],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let all = found.map(\.description).joined(separator: "\n")
  #expect(
    found.compactMap { $0.location.map { Marked.Place(line: $0.line, column: $0.column) } } == places,
    "\(all)",
    sourceLocation: sourceLocation)
  for (diagnostic, part) in zip(found, parts) {
    #expect(diagnostic.description.contains(part), "\(diagnostic)", sourceLocation: sourceLocation)
  }
  #expect(found.count == parts.count, "\(all)", sourceLocation: sourceLocation)
}

/// The checkout, found from this file.
let checkout: String = {
  var parts = #filePath.split(separator: "/")
  parts.removeLast(3)
  return "/" + parts.joined(separator: "/")
}()

let library = DeviceLibrary(directories: ["\(checkout)/hardware"])
