import Foundation
import Testing

/// Texts that must not change unnoticed. `ATTNSIM_RECORD=1 swift test --filter Reports` writes them anew.
enum Golden {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden")

  static func check(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    let file = folder.appending(path: name)
    if ProcessInfo.processInfo.environment["ATTNSIM_RECORD"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let expected = try String(contentsOf: file, encoding: .utf8)
    guard text != expected else { return }
    let line = zip(
      text.split(separator: "\n", omittingEmptySubsequences: false),
      expected.split(separator: "\n", omittingEmptySubsequences: false)
    )
    .enumerated().first { $0.element.0 != $0.element.1 }
    let place =
      line.map { "line \($0.offset + 1):\n  now  \($0.element.0)\n  then \($0.element.1)" } ?? "the lengths"
    Issue.record("\(name) differs in \(place)", sourceLocation: sourceLocation)
  }
}
