import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Checks a picture, and keeps it in the folder `ATTNSIM_PICTURES` names, to be looked at.
enum Picture {
  static func check(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    if name.hasSuffix(".svg") { expectXML(text, sourceLocation) }
    guard let folder = ProcessInfo.processInfo.environment["ATTNSIM_PICTURES"] else { return }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
  }

  static func expectXML(_ text: String, _ sourceLocation: SourceLocation = #_sourceLocation) {
    let parser = XMLParser(data: Data(text.utf8))
    parser.shouldResolveExternalEntities = false
    #expect(
      parser.parse(),
      "not well-formed in line \(parser.lineNumber): \(String(describing: parser.parserError))",
      sourceLocation: sourceLocation)
    #expect(!text.contains("nan") && !text.contains("inf\""), sourceLocation: sourceLocation)
  }
}
