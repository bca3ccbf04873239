import ArgumentParser
import Programs
import Reports
import Results
import Schedules
import Simulator

struct SearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract:
      "Finds the sizes that a schedule leaves open: FIFO depths, and the parallelism of FPGA kernels.",
    discussion: """
      Depths: for each FIFO the smallest depth at full rate (as many cycles as with unbounded FIFOs) and the smallest that \
      does not deadlock. Parallelism: the parameters with the fewest cycles an image that the board's multipliers and \
      memories hold, by a genetic search and a bisection after it.

      attnsim search --device streaming-abstract --schedule sdpa-naive --batch 1 --heads 1 --seq 512 --head-dim 16
      attnsim search --device zcu102 --schedule ubimoe-vit --batch 1 --heads 3 --seq 129 --head-dim 64 --dtype fp32
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Scenario file.") var scenario: String?
  @OptionGroup var options: RequestOptions
  @Option(help: "text or json.") var format: Format = .text
  enum Goal: String, ExpressibleByArgument, CaseIterable { case depths, parallelism }
  @Option(help: "depths or parallelism (default: parallelism where the schedule has some, else depths).")
  var goal: Goal?
  @Option(help: "Parallelism: part of each resource that the kernels may take.") var share = 1.0
  @Option(help: "Parallelism: decides the draws of the genetic search.") var seed: UInt64 = 1

  func run() throws {
    try Failure.reporting {
      let request = try options.request(file: scenario)
      guard share > 0, share <= 1 else { throw Failure(.usage, "error: --share lies above 0 and up to 1") }
      let hasParallelism = request.scheduleType.map { !$0.parallelism.isEmpty } ?? false
      if (goal ?? (hasParallelism ? .parallelism : .depths)) == .parallelism {
        let result = try ParallelismSearch.run(request, share: share, seed: seed)
        switch format {
        case .text: Console.print(ParallelismReport.text(result, request: request, style: .console))
        case .json: Console.print(ParallelismReport.json(result))
        }
        return
      }
      let result = try DepthSearch.run(request)
      switch format {
      case .text: Console.print(DepthReport.text(result, style: .console))
      case .json: Console.print(DepthReport.json(result))
      }
    }
  }
}
