import Foundation

/// Numbers as text: deterministic, without locale, the same on every machine.
public enum NumberText {
  /// `value` with `digits` digits after the point: `fixed(3.14159, 2)` is `3.14`.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    let scale = powersOfTen[digits]
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let whole = Int(scaled)
    let sign = value < 0 && whole != 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let fraction = String(whole % Int(scale))
    return sign + String(whole / Int(scale)) + "." + String(repeating: "0", count: digits - fraction.count)
      + fraction
  }

  /// `value` with at least `digits` significant digits, without trailing zeros: `1.5`, `0.0123`, `1830`.
  public static func significant(_ value: Double, _ digits: Int = 3) -> String {
    guard value != 0, value.isFinite else { return fixed(value, 0) }
    let magnitude = magnitude(value, digits)
    if magnitude < -6 || magnitude > 14 { return scientific(value, digits, magnitude) }
    return trimmed(fixed(value, min(max(digits - 1 - magnitude, 0), 12)))
  }

  /// `value` with a prefixed unit: `3.35 TB/s`, `512 MiB` is never guessed (prefixes are powers of 1000).
  public static func prefixed(_ value: Double, _ unit: String, digits: Int = 3) -> String {
    let (scaled, prefix) = scaledToPrefix(value, digits)
    return significantPadded(scaled, digits) + " " + prefix + unit
  }

  /// A duration: `1.234 ms`, `56.7 µs`.
  public static func time(_ seconds: Double) -> String { prefixed(seconds, "s", digits: 4) }

  /// Whole part with thousands separated: `1,313,367`.
  public static func grouped(_ value: Double) -> String {
    let text = fixed(abs(value), 0)
    guard text.allSatisfy(\.isNumber) else { return text }
    var grouped = ""
    for (place, digit) in text.enumerated() {
      if place > 0, (text.count - place) % 3 == 0 { grouped += "," }
      grouped.append(digit)
    }
    return (value < 0 ? "-" : "") + grouped
  }

  /// A share as per cent: `78.1 %`.
  public static func percent(_ share: Double, digits: Int = 1) -> String { fixed(share * 100, digits) + " %" }

  /// A relative change as signed per cent: `+3.2 %`.
  public static func change(_ share: Double, digits: Int = 1) -> String {
    (share >= 0 ? "+" : "") + percent(share, digits: digits)
  }

  /// `digits` significant digits with trailing zeros kept, so that columns of numbers line up.
  static func significantPadded(_ value: Double, _ digits: Int) -> String {
    guard value != 0, value.isFinite else { return fixed(value, 0) }
    return fixed(value, min(max(digits - 1 - magnitude(value, digits), 0), 12))
  }

  /// The power of ten of the first digit once `value` is rounded to `digits` digits: 9.996 has 1 of three digits.
  private static func magnitude(_ value: Double, _ digits: Int) -> Int {
    let magnitude = Int(log10(abs(value)).rounded(.down))
    let rounded = (abs(value) / pow(10, Double(magnitude - digits + 1))).rounded()
    return rounded >= powersOfTen[digits] ? magnitude + 1 : magnitude
  }

  private static let powersOfTen: [Double] = (0...15).map { Double("1e\($0)") ?? 1 }

  private static func scaledToPrefix(_ value: Double, _ digits: Int) -> (Double, String) {
    let prefixes: [(String, Double)] = [
      ("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1), ("m", 1e-3),
      ("µ", 1e-6),
      ("n", 1e-9), ("p", 1e-12), ("f", 1e-15),
    ]
    guard value != 0, value.isFinite else { return (value, "") }
    // What would round up to 1000 of a prefix takes the next one.
    let chosen =
      prefixes.first { abs(value) >= $0.1 * (1 - 0.5 / powersOfTen[digits]) } ?? prefixes[prefixes.count - 1]
    return (value / chosen.1, chosen.0)
  }

  private static func scientific(_ value: Double, _ digits: Int, _ magnitude: Int) -> String {
    trimmed(fixed(value / pow(10, Double(magnitude)), digits - 1)) + "e\(magnitude)"
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var kept = text[...]
    while kept.last == "0" { kept = kept.dropLast() }
    if kept.last == "." { kept = kept.dropLast() }
    return String(kept)
  }
}
