import ArgumentParser
import Reports

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Joins result databases, such as the shards of a sweep; the same row once.",
    discussion: """
      attnsim sweep scenarios/sweep-seq.yaml --shard 1/2 --db a.sqlite     # on one machine
      attnsim sweep scenarios/sweep-seq.yaml --shard 2/2 --db b.sqlite     # on another
      attnsim merge all.sqlite a.sqlite b.sqlite
      """)

  @Argument(help: "Database to write: a new one, or one to add to.") var output: String
  @Argument(help: "Databases to read; they stay as they are.") var inputs: [String]

  func run() throws {
    try Failure.reporting {
      // Every input is looked at before anything is written.
      for input in inputs { try ResultStore(path: input, mode: .readOnly).close() }
      let store = try ResultStore(path: output)
      for input in inputs {
        let count = try store.merge(from: input)
        Console.print(
          "\(input): \(runs(count.added)) added, \(count.known) there already"
            + (count.points > 0 ? ", \(count.points) points of sweeps" : ""))
      }
      try store.close()
    }
  }

  private func runs(_ count: Int) -> String { count == 1 ? "1 run" : "\(count) runs" }
}
