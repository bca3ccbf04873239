import HWModels
public import Results

extension ClockMode {
  /// Reads `sustained`, `burst` or `locked:1755 MHz`.
  ///
  /// - Throws: `InputError` that points into the argument.
  public init(argument: String, option: String = "--mode") throws(InputError) {
    let source = SourceText(name: option, text: argument)
    do {
      self = try ClockMode.parse(argument)
    } catch {
      throw InputError(source.diagnostic(line: 1, column: 1 + error.offset, error.message, hint: error.hint))
    }
  }

  static let names = ["sustained", "burst", "locked"]

  static func parse(_ text: String) throws(QuantityText.Problem) -> ClockMode {
    switch text {
    case "sustained": return .sustained
    case "burst": return .burst
    default:
      let prefix = "locked:"
      guard text.hasPrefix(prefix) else {
        let hint = NearestName.of(text, in: names).map { "did you mean '\($0)'?" }
        throw QuantityText.Problem(
          message: "unknown mode '\(text)'", hint: hint ?? "modes are sustained, burst and locked:CLOCK")
      }
      let amount = String(text.dropFirst(prefix.count)).trimmed()
      do {
        return .locked(try lockedClock(amount))
      } catch {
        throw QuantityText.Problem(
          message: error.message, hint: error.hint, offset: error.offset + prefix.count)
      }
    }
  }

  static func lockedClock(_ text: String) throws(QuantityText.Problem) -> Frequency {
    let value = try QuantityText.parse(text, unit: .hertz)
    guard Unit.hertz.range.contains(value) else {
      throw QuantityText.Problem(message: "a clock of \(text) is not possible", hint: "for example 1755 MHz")
    }
    return Frequency(value)
  }
}
