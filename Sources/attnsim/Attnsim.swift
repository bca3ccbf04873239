import ArgumentParser

/// The command: reads arguments, prints, exits. What it prints comes from Reports, what it reads from InputFiles.
@main
struct Attnsim: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "attnsim",
    abstract:
      "Predicts how long an attention kernel takes on an accelerator, what holds it back, and what would change it.",
    discussion: """
      Start with `attnsim run scenarios/fa3-h100.yaml`.

      Exit codes: 0 success; 64 wrong usage; 65 wrong input file, or a question that the model cannot answer; \
      70 a bug of ours; 73 an output that cannot be written.
      """,
    version: version,
    subcommands: [
      RunCommand.self, SweepCommand.self, MergeCommand.self, CompareCommand.self, ExplainCommand.self,
      SearchCommand.self, ReportCommand.self, ValidateCommand.self, CalibrateCommand.self, VerifyCommand.self,
      MaskCommand.self, GNASearchCommand.self, PlanCommand.self, CascadeCommand.self, CheckCommand.self,
      DevicesCommand.self, SchedulesCommand.self, SchemaCommand.self,
    ])
}
