/// A unit in which files state a number; the closed set that the loader accepts.
///
/// Every unit has a base spelling (the one values are stored in) and the scaled spellings a file may use.
/// `GB` is 10^9 bytes and `GiB` is 2^30 bytes; nothing guesses between them.
public enum Unit: String, CaseIterable, Sendable {
  case count
  case bytes
  case bytesPerSecond
  case bytesPerCycle
  case flopsPerCycle
  case operationsPerCycle
  case cycles
  case hertz
  case seconds
  case watts
  case joules
  case fraction

  /// One way to write an amount of this unit.
  public struct Spelling: Sendable {
    public let suffix: String
    public let scale: Double
  }

  /// All spellings, the base spelling first. `count` and `fraction` are the only units written as bare numbers.
  public var spellings: [Spelling] {
    func list(_ pairs: KeyValuePairs<String, Double>) -> [Spelling] {
      pairs.map { Spelling(suffix: $0.key, scale: $0.value) }
    }
    switch self {
    case .count: return list(["": 1])
    case .fraction: return list(["": 1, "%": 0.01])
    case .bytes:
      return list([
        "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
        "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
      ])
    case .bytesPerSecond:
      return list([
        "B/s": 1, "KB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9, "TB/s": 1e12,
        "GiB/s": 1_073_741_824, "TiB/s": 1_099_511_627_776,
      ])
    case .bytesPerCycle: return list(["B/clk": 1, "KB/clk": 1e3])
    case .flopsPerCycle: return list(["flop/clk": 1])
    case .operationsPerCycle: return list(["op/clk": 1])
    case .cycles: return list(["clk": 1])
    case .hertz: return list(["Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9])
    case .seconds: return list(["s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9])
    case .watts: return list(["W": 1, "mW": 1e-3, "kW": 1e3])
    case .joules: return list(["J": 1, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12])
    }
  }
}
