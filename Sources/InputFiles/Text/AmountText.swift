public import HWModels

/// Amounts as files write them.
public enum AmountText {
  /// `value` (in the base unit) at a readable scale: `3.35 TB/s`, `228 KiB`, `16 op/clk`.
  public static func write(_ value: Double, unit: Unit) -> String {
    let magnitude = value.magnitude
    // A power of two reads better in binary units, any other amount in decimal ones.
    let isBinary = unit == .bytes && magnitude >= 1024 && magnitude.truncatingRemainder(dividingBy: 1024) == 0
    let candidates = unit.spellings.filter { spelling in
      spelling.suffix.contains("i") == isBinary && !spelling.suffix.hasPrefix("µ") && spelling.suffix != "%"
        && spelling.scale <= magnitude
    }
    let best = candidates.max { $0.scale < $1.scale }
    return QuantityText.write(value, unit: unit, suffix: best?.suffix)
  }
}
