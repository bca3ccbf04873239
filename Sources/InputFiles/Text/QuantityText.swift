import HWModels

/// Reads and writes amounts with units: `3.35 TB/s`, `132`, `50 %`.
enum QuantityText {
  /// Why an amount cannot be read; `offset` is the code point in the text to point at.
  struct Problem: Error {
    var message: String
    var hint: String?
    var offset = 0
  }

  /// The amount in the base unit.
  ///
  /// - Throws: `Problem` for what is no number, a missing, unknown or foreign unit.
  static func parse(_ text: String, unit: Unit) throws(Problem) -> Double {
    let (number, rest) = splitNumber(text)
    guard !number.isEmpty, let value = Double(number), value.isFinite else {
      throw Problem(
        message: "'\(text)' is not a number\(unitWords(unit))", hint: "for example '\(example(unit))'")
    }
    let blanks = rest.prefix { $0 == " " }.count
    let suffix = String(rest.dropFirst(blanks))
    if let spelling = unit.spellings.first(where: { $0.suffix == suffix }) { return value * spelling.scale }
    let offset = text.unicodeScalars.count - suffix.unicodeScalars.count
    if suffix.isEmpty {
      let hint = "write '\(number) \(unit.spellings[0].suffix)' if that is what is meant"
      throw Problem(message: "'\(text)' has no unit; \(words(unit)) are due", hint: hint)
    }
    let spellings = unit.spellings.map(\.suffix).filter { !$0.isEmpty }
    let due = spellings.isEmpty ? "a bare number is due" : "units here: \(spellings.joined(separator: ", "))"
    if let near = nearest(suffix, spellings) {
      throw Problem(
        message: "unknown unit '\(suffix)' in '\(text)'", hint: "did you mean '\(near)'?", offset: offset)
    }
    if let foreign = Unit.allCases.first(where: { $0.spellings.contains { $0.suffix == suffix } }) {
      let message = "'\(text)' is given in \(words(foreign)); \(words(unit)) are due"
      throw Problem(message: message, hint: due, offset: offset)
    }
    throw Problem(message: "unknown unit '\(suffix)' in '\(text)'", hint: due, offset: offset)
  }

  /// The amount in the unit spelling `suffix` (or the base unit), to six significant digits.
  static func write(_ value: Double, unit: Unit, suffix: String?) -> String {
    let spelling = unit.spellings.first { $0.suffix == suffix } ?? unit.spellings[0]
    let number = rounded(value / spelling.scale)
    return spelling.suffix.isEmpty ? number : "\(number) \(spelling.suffix)"
  }

  /// The unit spelling at the end of an amount.
  static func suffix(of text: String) -> String {
    String(splitNumber(text).rest.drop { $0 == " " })
  }

  /// A decimal number to six significant digits, as short as it can be written.
  static func rounded(_ value: Double) -> String {
    guard value != 0, value.isFinite else { return "0" }
    var magnitude = value.magnitude
    var exponent = 0
    while magnitude >= 10 { (magnitude, exponent) = (magnitude / 10, exponent + 1) }
    while magnitude < 1 { (magnitude, exponent) = (magnitude * 10, exponent - 1) }
    var scaled = value
    let digits = 5 - exponent
    var power = 1.0
    for _ in 0..<min(digits.magnitude, 300) { power *= 10 }
    scaled = digits >= 0 ? (value * power).rounded() / power : (value / power).rounded() * power
    if scaled == scaled.rounded(), scaled.magnitude < 1e15 { return String(Int(scaled)) }
    return String(scaled)
  }

  private static func splitNumber(_ text: String) -> (number: String, rest: Substring) {
    var rest = Substring(text)
    var number = ""
    func isDigit(_ character: Character?) -> Bool { character.map { $0.isASCII && $0.isNumber } ?? false }
    func takeDigits() {
      while let next = rest.first, isDigit(next) || (next == "_" && isDigit(number.last)) {
        if next != "_" { number.append(next) }
        rest.removeFirst()
      }
    }
    if let sign = rest.first, sign == "-" || sign == "+" {
      number.append(sign)
      rest.removeFirst()
    }
    takeDigits()
    if rest.first == ".", isDigit(rest.dropFirst().first) {
      number.append(".")
      rest.removeFirst()
      takeDigits()
    }
    if let e = rest.first, e == "e" || e == "E" {
      var exponent = rest.dropFirst()
      var text = "e"
      if let sign = exponent.first, sign == "-" || sign == "+" {
        text.append(sign)
        exponent.removeFirst()
      }
      if isDigit(exponent.first) {
        number += text
        rest = exponent
        takeDigits()
      }
    }
    return (isDigit(number.last) ? number : "", rest)
  }

  /// The spelling meant by a slip such as `GBs`, `gb/s`, `GBps`, `Mhz`.
  private static func nearest(_ suffix: String, _ spellings: [String]) -> String? {
    func plain(_ text: String) -> String {
      var letters = text.lowercased().filter { $0 != "/" && $0 != " " }
      if letters.hasSuffix("ps"), letters.hasPrefix("g") || letters.hasPrefix("t") || letters.hasPrefix("m") {
        letters = String(letters.dropLast(2)) + "s"
      }
      return letters
    }
    let wanted = plain(suffix)
    if let equal = spellings.first(where: { plain($0) == wanted }) { return equal }
    let known = [
      "cycles": "clk", "cycle": "clk", "clks": "clk", "bytes": "B", "flops/clk": "flop/clk", "percent": "%",
    ]
    if let meant = known[suffix.lowercased()], spellings.contains(meant) { return meant }
    let isUnit = Unit.allCases.contains { $0.spellings.contains { $0.suffix == suffix } }
    return isUnit ? nil : NearestName.of(suffix, in: spellings)
  }

  /// What an amount of this unit is called in messages.
  static func words(_ unit: Unit) -> String {
    switch unit {
    case .count: "plain counts"
    case .bytes: "bytes"
    case .bytesPerSecond: "bytes per second"
    case .bytesPerCycle: "bytes per cycle"
    case .flopsPerCycle: "flops per cycle"
    case .operationsPerCycle: "operations per cycle"
    case .cycles: "cycles"
    case .hertz: "hertz"
    case .seconds: "seconds"
    case .watts: "watts"
    case .joules: "joules"
    case .fraction: "fractions"
    }
  }

  private static func unitWords(_ unit: Unit) -> String {
    unit == .count || unit == .fraction
      ? "" : " with a unit (\(unit.spellings.map(\.suffix).joined(separator: ", ")))"
  }

  /// A well-formed amount, for hints.
  static func example(_ unit: Unit) -> String {
    switch unit {
    case .count: "132"
    case .bytes: "228 KiB"
    case .bytesPerSecond: "3.35 TB/s"
    case .bytesPerCycle: "128 B/clk"
    case .flopsPerCycle: "4096 flop/clk"
    case .operationsPerCycle: "16 op/clk"
    case .cycles: "240 clk"
    case .hertz: "1980 MHz"
    case .seconds: "1.5 us"
    case .watts: "700 W"
    case .joules: "0.96 pJ"
    case .fraction: "0.5"
    }
  }
}
