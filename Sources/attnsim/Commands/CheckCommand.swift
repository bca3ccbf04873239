import ArgumentParser
import InputFiles

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks device, scenario and measured files; reports everything wrong at once.")

  @Argument(help: "Files to check.") var files: [String]
  @OptionGroup var options: LibraryOptions

  func run() throws {
    try Failure.reporting {
      let library = options.library
      var errors = 0
      for file in files {
        let found = InputCheck.diagnostics(of: file, devices: library)
        for line in Diagnostic.list(found) { Console.error(line) }
        errors += found.count { $0.severity == .error }
      }
      guard errors == 0 else {
        Console.error("\(errors) \(errors == 1 ? "error" : "errors")")
        throw ExitCode(Failure.Kind.badInput.rawValue)
      }
      Console.print("\(files.count) \(files.count == 1 ? "file is" : "files are") right")
    }
  }
}
