import Foundation

/// What the built command did.
struct Run {
  var status: Int32
  var output: String
  var errors: String
}

/// The checkout, found from this file.
let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// The command that was built beside these tests.
let command: URL = {
  var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  while folder.path != "/" {
    let candidate = folder.appendingPathComponent("attnsim")
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isDirectory),
      !isDirectory.boolValue,
      FileManager.default.isExecutableFile(atPath: candidate.path)
    {
      return candidate
    }
    folder.deleteLastPathComponent()
  }
  return checkout.appendingPathComponent(".build/debug/attnsim")
}()

func attnsim(_ arguments: String..., in folder: URL = checkout) throws -> Run {
  try attnsim(arguments, in: folder)
}

func attnsim(_ arguments: [String], in folder: URL = checkout) throws -> Run {
  let process = Process()
  process.executableURL = command
  process.arguments = arguments
  process.currentDirectoryURL = folder
  process.environment = ["SWIFT_BACKTRACE": "enable=no"]
  // Files and not pipes: nothing has to be read while the command runs.
  let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: scratch) }
  let (output, errors) = (scratch.appendingPathComponent("out"), scratch.appendingPathComponent("err"))
  for file in [output, errors] { try Data().write(to: file) }
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: errors)
  try process.run()
  process.waitUntilExit()
  return Run(
    status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
    output: try String(contentsOf: output, encoding: .utf8),
    errors: try String(contentsOf: errors, encoding: .utf8))
}

/// A folder that goes when the body ends.
func withFolder(_ body: (URL) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try body(folder)
}
