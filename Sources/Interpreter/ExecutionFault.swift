/// Why a run cannot go on.
package enum ExecutionFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// Every unfinished actor waits.
  case deadlock(kernel: String, waiting: [String])
  /// Tiles that do not fit each other or lie outside of what they are part of.
  case mismatch(operation: String, message: String)

  package var description: String {
    switch self {
    case .deadlock(let kernel, let waiting): "deadlock in \(kernel): " + waiting.joined(separator: "; ")
    case .mismatch(let operation, let message): "\(operation): \(message)"
    }
  }
}
