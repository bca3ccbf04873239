import Foundation

/// A file of the house as text.
struct SourceFile: Sendable {
  /// Path below the checkout, `Sources/Programs/Work.swift`.
  let path: String
  let text: String
  /// The text without comments and string literals.
  let code: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
  var folders: [Substring] { path.split(separator: "/").dropLast() }
  /// The room: the first folder below `Sources`.
  var room: String { folders.count > 1 ? String(folders[1]) : "" }
  /// The folder of a kernel family below `Sources/Schedules`; nil elsewhere.
  var family: String? { room == "Schedules" && folders.count > 2 ? String(folders[2]) : nil }

  /// The checkout that the tests were built from.
  static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  static let sources = all(in: "Sources", ending: ".swift")

  static func all(in folder: String, ending: String) -> [SourceFile] {
    let names = FileManager.default.subpaths(atPath: "\(checkout)/\(folder)") ?? []
    return names.filter { $0.hasSuffix(ending) }.sorted().compactMap { name in
      (try? String(contentsOfFile: "\(checkout)/\(folder)/\(name)", encoding: .utf8)).map {
        SourceFile(path: "\(folder)/\(name)", text: $0)
      }
    }
  }

  init(path: String, text: String) {
    self.path = path
    self.text = text
    code =
      text
      .replacing(#/"""(?s:.*?)"""/#, with: #""""#)
      .replacing(#/"(?:\\.|[^"\\\n])*"/#, with: #""""#)
      .replacing(#/\/\/[^\n]*/#, with: "")
  }

  /// Types that the file declares at its top level, and others can name.
  var declared: Set<String> {
    Set(
      code.matches(
        of:
          #/(?m)^(?:(?:public|package|final|indirect) )*(?:struct|enum|class|protocol|actor|typealias) (\w+)/#
      ).map { String($0.output.1) })
  }

  /// Words that could name a type.
  var mentioned: Set<String> { Set(code.matches(of: #/\b[A-Z]\w*/#).map { String($0.output) }) }

  /// Functions, initialisers and computed properties with their lengths: from the first line to the closing brace in its
  /// column.
  var functions: [(line: Int, length: Int)] {
    let lines = code.split(separator: "\n", omittingEmptySubsequences: false)
    var found: [(line: Int, length: Int)] = []
    for (index, line) in lines.enumerated() where isFunction(line) {
      let indent = line.prefix { $0 == " " }
      let signature = lines[index...].prefix(14)
      guard let opening = signature.firstIndex(where: { $0.hasSuffix("{") || $0 == indent + "}" }),
        lines[opening].hasSuffix("{"), !lines[index..<opening].contains(where: { $0.isEmpty }),
        let end = lines[opening...].dropFirst().firstIndex(where: { $0 == indent + "}" })
      else { continue }
      found.append((index + 1, end - index + 1))
    }
    return found
  }

  private func isFunction(_ line: Substring) -> Bool {
    line.firstMatch(
      of:
        #/^ *(?:@\w+(?:\([^)]*\))? )*(?:(?:public|package|private|fileprivate|static|mutating|final|override) )*(?:func|init|subscript)\b/#
    ) != nil
  }
}
