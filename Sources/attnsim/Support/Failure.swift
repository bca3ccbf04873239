import ArgumentParser
import InputFiles
import Reports
import Results
import Validation

/// Why a command ends without an answer: what is printed, and the exit code.
struct Failure: Error {
  /// Exit codes by whose fault it is; numbers above 1 are those of sysexits.h.
  enum Kind: Int32 {
    case gotWorse = 1
    case usage = 64
    case badInput = 65
    case bug = 70
    case cannotWrite = 73
  }

  var kind: Kind
  var message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The failure behind an error of any module.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as InputError:
      let named = error.diagnostics.map { ($0.location?.file ?? $0.file ?? "--").hasPrefix("--") }
      self.init(named.allSatisfy { $0 } ? .usage : .badInput, error.description)
    case let error as StoreError:
      switch error {
      case .unavailable: self.init(.cannotWrite, "error: \(error)")
      default: self.init(.badInput, "error: \(error)")
      }
    case let error as UnusableInput: self.init(.badInput, error.description)
    case let error as GraphvizRenderer.Failure: self.init(.bug, "error: the graph cannot be drawn: \(error)")
    case let error as Scenario.PointError: self.init(.badInput, "error: \(error)")
    case SimulationError.deadlock:
      self.init(.bug, "error: \(error)\nThis is a bug; please report it with the command.")
    case let error as SimulationError: self.init(.badInput, "error: \(error)")
    default: self.init(.bug, "error: \(error)\nThis is a bug; please report it with the command.")
    }
  }

  /// Runs the body of a command; prints what goes wrong and exits with its code.
  static func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch { throw report(error) }
  }

  /// The same for a body that waits.
  static func reportingAsync(_ body: () async throws -> Void) async throws {
    do { try await body() } catch { throw report(error) }
  }

  /// Prints an error; what remains to be thrown is its exit code.
  private static func report(_ error: any Error) -> any Error {
    if error is ExitCode || error is ValidationError { return error }
    let failure = Failure(error)
    Console.error(failure.message)
    return ExitCode(failure.kind.rawValue)
  }
}
