public import Attention
import HWModels
import Programs
public import Results

/// A request in words and as the flags that ask for it again.
public enum RequestText {
  /// `batch 4, 32 heads, 4096 x 4096, head dim 128, causal, bf16`: what people call the shape.
  public static func shape(_ shape: AttentionShape) -> String {
    var parts = ["batch \(shape.batch)"]
    parts.append(
      shape.headsQ == shape.headsKV
        ? "\(shape.headsQ) heads" : "\(shape.headsQ) heads on \(shape.headsKV) KV heads")
    parts.append(
      shape.lengths != nil
        ? "\(queries(shape)), \(keys(shape)) keys"
        : shape.seqQ == shape.seqKV
          ? "\(shape.seqQ) \(shape.seqQ == 1 ? "token" : "tokens")"
          : "\(shape.seqQ) queries, \(shape.seqKV) keys")
    if shape.sharedPrefix > 0 { parts.append("the first \(shape.sharedPrefix) shared") }
    parts.append(
      shape.headDim == shape.headDimV
        ? "head dim \(shape.headDim)" : "head dims \(shape.headDim)/\(shape.headDimV)")
    parts.append(shape.mask == .none ? "no mask" : shortened(shape.mask.description))
    parts.append(shape.dataType.rawValue)
    parts.append(shape.pass == .forward ? "forward" : "backward")
    return parts.joined(separator: ", ")
  }

  private static func queries(_ shape: AttentionShape) -> String {
    guard shape.hasQueryLengths else { return "\(shape.seqQ) queries" }
    let least = shape.lengths?.queries?.min() ?? 0
    let mean = NumberText.significant(Double(shape.totalQueries) / Double(shape.batch), 3)
    return "\(least) to \(shape.seqQ) queries, on average \(mean)"
  }

  /// Least, mean and most keys of a batch.
  private static func keys(_ shape: AttentionShape) -> String {
    let lengths = shape.lengths?.keys ?? []
    let mean = Int((shape.totalKeys / Double(shape.batch)).rounded())
    return "\(lengths.min() ?? 0) to \(shape.seqKV), on average \(mean)"
  }

  /// Masks of many documents are longer than a page.
  private static func shortened(_ mask: String) -> String {
    let limit = 60
    return mask.count <= limit ? mask : mask.prefix(limit - 3) + "..."
  }

  /// The flags of `attnsim run` for this request, defaults left out, quoted for a shell.
  public static func flags(_ request: SimulationRequest) -> [String] {
    let shape = request.shape
    var flags = ["--device \(request.device.id)", "--schedule \(request.schedule)"]
    for (name, value) in request.parameters.values.sorted(by: { $0.key < $1.key }) {
      flags.append("--param " + quoted("\(name)=\(value)"))
    }
    flags += ["--batch \(shape.batch)", "--heads \(shape.headsQ)"]
    if shape.headsKV != shape.headsQ { flags.append("--kv-heads \(shape.headsKV)") }
    if shape.lengths?.queries == nil { flags.append("--seq \(shape.seqQ)") }
    if let lengths = shape.lengths {
      flags.append("--lengths " + quoted(lengths.description))
    } else if shape.seqKV != shape.seqQ {
      flags.append("--seq-kv \(shape.seqKV)")
    }
    if shape.sharedPrefix > 0 { flags.append("--shared-prefix \(shape.sharedPrefix)") }
    flags.append("--head-dim \(shape.headDim)")
    if shape.headDimV != shape.headDim { flags.append("--head-dim-v \(shape.headDimV)") }
    if shape.mask != .none { flags.append("--mask " + quoted(shape.mask.description)) }
    if shape.pass != .forward { flags.append("--pass \(shape.pass.rawValue)") }
    if shape.dataType != .bf16 { flags.append("--dtype \(shape.dataType.rawValue)") }
    switch request.mode {
    case .sustained: break
    case .burst: flags.append("--mode burst")
    case .locked(let clock): flags.append("--clock " + quoted(amount(clock.value, .hertz)))
    }
    for (path, value) in request.overrides { flags.append("--set " + quoted("\(path)=\(value)")) }
    return flags
  }

  /// `flags` as a command over several lines, each at most `width` wide.
  static func command(_ verb: String, _ flags: [String], width: Int, indent: Int) -> [String] {
    let blank = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = blank + "attnsim " + verb
    for flag in flags {
      if line.count + 1 + flag.count + 2 > width {
        lines.append(line + " \\")
        line = blank + "   "
      }
      line += " " + flag
    }
    return lines + [line]
  }

  /// A device number as a device file writes it, at a readable scale: `3.35 TB/s`, `16 op/clk`.
  static func amount(_ value: Double, _ unit: Unit) -> String {
    let decimal: [(Double, String)]
    switch unit {
    case .bytes where value >= 1024 && value.truncatingRemainder(dividingBy: 1024) == 0:
      decimal = [(1_073_741_824, "GiB"), (1_048_576, "MiB"), (1024, "KiB")]
    case .bytes: decimal = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1, "B")]
    case .bytesPerSecond: decimal = [(1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "KB/s"), (1, "B/s")]
    case .hertz: decimal = [(1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1, "Hz")]
    case .seconds: decimal = [(1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")]
    case .watts: decimal = [(1, "W")]
    case .joules: decimal = [(1, "J"), (1e-3, "mJ"), (1e-6, "uJ"), (1e-9, "nJ"), (1e-12, "pJ")]
    default: decimal = [(1, unit.spellings.first?.suffix ?? "")]
    }
    let (scale, suffix) = decimal.first { abs(value) >= $0.0 } ?? decimal[decimal.count - 1]
    let number = NumberText.significant(value / scale, 6)
    return suffix.isEmpty ? number : number + " " + suffix
  }

  private static func quoted(_ text: String) -> String {
    let plain = text.allSatisfy { $0.isLetter || $0.isNumber || "=._:/-,+%".contains($0) }
    return plain
      ? text
      : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
