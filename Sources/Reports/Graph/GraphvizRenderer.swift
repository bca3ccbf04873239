internal import CGraphviz
import Synchronization

/// Lays out and draws DOT text in this process.
///
/// Graphviz keeps global state and crashes when two threads use it, so every call takes one process-wide lock.
public enum GraphvizRenderer {
  /// What went wrong, with Graphviz's own words.
  public struct Failure: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  /// Formats that are text.
  public enum Format: String, Sendable { case svg, json, plain }

  /// The picture of `dot`; the same text gives the same picture. Complexity: about 10 ms for 100 nodes.
  public static func svg(_ dot: String) throws(Failure) -> String { try render(dot, .svg) }

  public static func render(_ dot: String, _ format: Format) throws(Failure) -> String {
    let outcome = lock.withLock { _ in draw(dot, format) }
    switch outcome {
    case .success(let text): return text
    case .failure(let failure): throw failure
    }
  }

  private static let lock = Mutex(())
  private static let messageBytes = 512

  private static func draw(_ dot: String, _ format: Format) -> Result<String, Failure> {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: messageBytes) { message in
      guard let text = attnsim_graph_draw(dot, format.rawValue, message.baseAddress, UInt(messageBytes))
      else {
        let reason = message.baseAddress.map { String(cString: $0) } ?? ""
        let line = reason.split(separator: "\n").joined(separator: " ")
        return .failure(Failure(description: "Graphviz cannot draw the graph: \(line)"))
      }
      defer { attnsim_graph_free(text) }
      return .success(String(cString: text))
    }
  }
}
