import ArgumentParser
import InputFiles

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints a JSON Schema for editors.",
    discussion: """
      For example in a file for the YAML language server: \
      `# yaml-language-server: $schema=device.schema.json`, after `attnsim schema device > device.schema.json`.
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case device, scenario }

  @Argument(help: "device or scenario.") var kind: Kind

  func run() throws {
    switch kind {
    case .device: Console.print(FileSchema.device)
    case .scenario: Console.print(FileSchema.scenario)
    }
  }
}
