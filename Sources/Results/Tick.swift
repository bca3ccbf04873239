/// The clock of the core level: whole ticks, a fixed number to a core cycle.
///
/// Costs are real numbers until they are rounded up onto the timeline, once, when a program is lowered.
public enum Tick {
  /// Fine enough that rounding every operation up costs less than a thousandth of any loop.
  public static let perCycle = 16

  /// Ticks that hold `cycles`, rounded up. The slack forgives the last bits of a division.
  package static func roundedUp(cycles: Double) -> Int {
    Int((cycles * Double(perCycle) - 1e-6).rounded(.up))
  }

  package static func cycles(_ ticks: Int) -> Double { Double(ticks) / Double(perCycle) }
}
