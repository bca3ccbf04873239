import ArgumentParser
import InputFiles
import Reports

struct SweepCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep", abstract: "Answers every point of a scenario's axes, in order, into a database.")

  enum Detail: String, ExpressibleByArgument, CaseIterable { case full, summary }

  @Argument(help: "Scenario file.") var scenario: String
  @Option(help: ArgumentHelp("Database that keeps the results.", valueName: "file")) var db: String
  @Option(help: ArgumentHelp("Points at a time (default: one a core).", valueName: "n")) var jobs: Int?
  @Option(help: ArgumentHelp("Only every N-th point, from the I-th (from 1).", valueName: "i/n")) var shard:
    String?
  @Flag(help: "Leave out the points that the database has already.") var resume = false
  @Option(help: "full, or summary: the row of each run alone (default: summary beyond 10000 points).")
  var keep: Detail?
  @OptionGroup var options: RequestOptions

  func run() async throws {
    try await Failure.reportingAsync {
      let plan = try SweepPlan(
        scenario: try options.scenario(file: scenario), file: scenario,
        shard: try shard.map { try SweepShard($0) })
      if let jobs, jobs < 1 { throw Failure(.usage, "error: --jobs \(jobs): at least one is needed") }
      let store = try ResultStore(path: db)
      let summary = keep.map { $0 == .summary } ?? (plan.scenario.count > 10_000)
      let outcome = try await plan.run(
        into: store, jobs: jobs ?? SweepPlan.cores, resume: resume, detail: summary ? .summary : .full,
        deviceFileHash: options.deviceFileHash)
      try store.close()
      Console.error(outcome.description(db: db))
    }
  }
}
