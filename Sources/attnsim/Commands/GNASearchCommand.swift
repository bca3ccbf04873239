import ArgumentParser
import Attention
import HWModels
import InputFiles
import Reports
import Results
import Schedules
import Simulator

/// `attnsim gna-search`: which stride and tiles a neighborhood mask should have.
struct GNASearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gna-search",
    abstract:
      "Ranks strides and tiles of a neighborhood mask by predicted time, and by how far each moves the mask.",
    discussion: """
      The grid is the length, and grid, window, dilation and causal axes are the mask: a neighborhood (gna). Times are those
      of schedule gna-hopper, with its parameters.

      attnsim gna-search 256x256 80x80 --device h100-sxm5 --heads 24 --head-dim 128
      attnsim gna-search 30x48x80 18x24x24 --device h100-sxm5 --heads 24 --head-dim 128 --param permute=off
      """)

  @Argument(help: "Token grid, AxBxC, slowest axis first.") var grid: String
  @Argument(help: "Window, AxBxC.") var window: String
  @Option(help: "Dilation, AxBxC (default: none).") var dilation: String?
  @Option(help: "Causal axes, 0 or 1 for each, AxBxC (default: none).") var causal: String?
  @Option(help: "Lines of the table.") var top = 16
  @Flag(help: "Prints JSON.") var json = false
  @OptionGroup var options: CallOptions

  func validate() throws {
    if top < 1 { throw ValidationError("--top is \(top); at least 1") }
  }

  func run() throws {
    try Failure.reporting {
      var text = "gna:\(grid):w\(window)"
      if let dilation { text += ":d\(dilation)" }
      if let causal { text += ":c\(causal)" }
      let mask: Mask
      do {
        mask = try Mask(parsing: text)
      } catch let error as MaskSyntaxError {
        throw Failure(.badInput, "error: \(error.field): \(error.reason)")
      }
      guard case .neighborhood(let neighborhood) = mask else {
        throw Failure(.badInput, "error: '\(grid)' is no token grid")
      }
      var flags = options.flags
      flags.schedule = flags.schedule ?? GNAHopper.name
      flags.shape["mask"] = text
      flags.shape["seq"] = "\(neighborhood.tokens)"
      for (field, usual) in [("batch", "1"), ("heads", "1"), ("head-dim", "128")]
      where flags.shape[field] == nil {
        flags.shape[field] = usual
      }
      let scenario = try flags.scenario(over: nil, devices: options.library.library)
      let request = try scenario.request(0)
      guard request.schedule == GNAHopper.name else {
        throw Failure(.usage, "error: --schedule: strides are searched for \(GNAHopper.name)")
      }
      let found = try NeighborhoodSearch(request).run()
      let title =
        "\(grid) tokens, window \(window), \(request.shape.headsQ) heads of \(request.shape.headDim), "
        + "on \(request.device.id)"
      Console.print(json ? SearchReport.json(found) : SearchReport.text(found, title: title, most: top))
    }
  }
}
