import ArgumentParser
import Reports
import Results
import Simulator

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "As run, with what the time is spent on and what would change it.")

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Scenario file.") var scenario: String?
  @OptionGroup var options: RequestOptions
  @Option(help: "text or json.") var format: Format = .text

  func run() async throws {
    try await Failure.reportingAsync {
      let request = try options.request(file: scenario)
      let (result, attribution, elasticities): Simulation.Explained
      do throws(SimulationError) {
        (result, attribution, elasticities) = try await Simulation.explainInParallel(request)
      } catch {
        throw options.located(error, in: scenario)
      }
      switch format {
      case .text:
        Console.print(
          ExplainReport.text(result, attribution: attribution, elasticities: elasticities, style: .console))
      case .json:
        Console.print(ExplainReport.json(result, attribution: attribution, elasticities: elasticities))
      }
    }
  }
}
