import ArgumentParser
import Reports
import Simulator

struct SearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Finds the sizes that a schedule leaves open: FIFO depths of a streaming graph.",
    discussion: """
      For each FIFO the smallest depth at full rate (as many cycles as with unbounded FIFOs) and the smallest that does not \
      deadlock.

      attnsim search --device streaming-abstract --schedule sdpa-naive --batch 1 --heads 1 --seq 512 --head-dim 16
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Scenario file.") var scenario: String?
  @OptionGroup var options: RequestOptions
  @Option(help: "text or json.") var format: Format = .text

  func run() throws {
    try Failure.reporting {
      let request = try options.request(file: scenario)
      let result = try DepthSearch.run(request)
      switch format {
      case .text: Console.print(DepthReport.text(result, style: .console))
      case .json: Console.print(DepthReport.json(result))
      }
    }
  }
}
