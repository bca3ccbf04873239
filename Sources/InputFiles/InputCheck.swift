import Programs
import Results
import Simulator

/// Checks a file of any of our kinds.
public enum InputCheck {
  /// What is wrong with the file at `path`; empty where it is right.
  ///
  /// A `.csv` file is a measured table, a `.cascade` file a cascade of einsums; a mapping with `gpus` and `kernels` the map of kernels; one with `id` a device;
  /// anything else a scenario.
  public static func diagnostics(of path: String, devices library: DeviceLibrary) -> [Diagnostic] {
    do throws(InputError) {
      if path.hasSuffix(".csv") { return try table(path) }
      let source = try SourceText.load(path)
      if path.hasSuffix(".cascade") {
        _ = try CascadeFile.read(source)
        return []
      }
      let keys = topLevelKeys(source)
      if keys.contains("kernels") {
        _ = try KernelMap(source)
      } else if keys.contains("id") || keys.contains("dram") || keys.contains("cores") {
        _ = try DeviceFile.read(source)
      } else {
        return refusals(of: try ScenarioFile.read(source, devices: library), in: source)
      }
      return []
    } catch {
      return error.diagnostics
    }
  }

  /// What the schedule of a single question refuses; points of axes may well be refused.
  private static func refusals(of scenario: Scenario, in source: SourceText) -> [Diagnostic] {
    guard scenario.count == 1, let request = try? scenario.request(0) else { return [] }
    do throws(SimulationError) {
      _ = try Simulation.program(request)
      return []
    } catch {
      guard case .schedule(let refusal) = error else { return [] }
      return [
        ScenarioFile.diagnostic(of: refusal, in: source)
          ?? source.diagnostic(line: 1, column: 1, refusal.description)
      ]
    }
  }

  private static func table(_ path: String) throws(InputError) -> [Diagnostic] {
    let source = try SourceText.load(path, limit: SourceText.largestTableBytes)
    if CounterTable.matches(source) {
      _ = try CounterTable(source)
      return []
    }
    if PublishedTable.matches(source) { return try PublishedTable(source).warnings }
    return try MeasuredTable(source).warnings
  }

  /// Words before a colon at the start of a line: enough to tell the kinds of file apart, even broken ones.
  private static func topLevelKeys(_ source: SourceText) -> Set<Substring> {
    Set(
      source.text.split(whereSeparator: \.isNewline).compactMap { line in
        line.firstIndex(of: ":").map { line[..<$0] }
      })
  }
}
