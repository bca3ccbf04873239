/// The kind of a quantity: what it is an amount of.
public protocol QuantityKind: Sendable {
  /// The unit in which a `Quantity` of this kind stores its value.
  static var unit: Unit { get }
}

/// A real-valued amount of one unit. Amounts of different kinds do not mix.
///
/// Stored as one `Double`: whole numbers are exact up to 2^53.
public struct Quantity<Kind: QuantityKind>: Comparable, Hashable, Sendable {
  public var value: Double
  @inlinable public init(_ value: Double) { self.value = value }
  @inlinable public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
  @inlinable public static func + (a: Self, b: Self) -> Self { Self(a.value + b.value) }
  @inlinable public static func - (a: Self, b: Self) -> Self { Self(a.value - b.value) }
  @inlinable public static func * (a: Self, factor: Double) -> Self { Self(a.value * factor) }
  @inlinable public static func / (a: Self, b: Self) -> Double { a.value / b.value }
  public static var zero: Self { Self(0) }
}

/// A number of things.
public enum CountKind: QuantityKind { public static let unit = Unit.count }
/// Bytes.
public enum ByteKind: QuantityKind { public static let unit = Unit.bytes }
/// Bytes a second.
public enum ByteRateKind: QuantityKind { public static let unit = Unit.bytesPerSecond }
/// Bytes a cycle.
public enum BytesPerCycleKind: QuantityKind { public static let unit = Unit.bytesPerCycle }
/// Floating-point operations a cycle.
public enum FlopsPerCycleKind: QuantityKind { public static let unit = Unit.flopsPerCycle }
/// Operations a cycle.
public enum OperationsPerCycleKind: QuantityKind { public static let unit = Unit.operationsPerCycle }
/// Cycles of a clock.
public enum CycleKind: QuantityKind { public static let unit = Unit.cycles }
/// Cycles a second.
public enum FrequencyKind: QuantityKind { public static let unit = Unit.hertz }
/// Seconds.
public enum DurationKind: QuantityKind { public static let unit = Unit.seconds }
/// Watts.
public enum PowerKind: QuantityKind { public static let unit = Unit.watts }
/// Joules.
public enum EnergyKind: QuantityKind { public static let unit = Unit.joules }
/// A share of one.
public enum FractionKind: QuantityKind { public static let unit = Unit.fraction }

public typealias Count = Quantity<CountKind>
public typealias Bytes = Quantity<ByteKind>
public typealias BytesPerSecond = Quantity<ByteRateKind>
public typealias BytesPerCycle = Quantity<BytesPerCycleKind>
public typealias FlopsPerCycle = Quantity<FlopsPerCycleKind>
public typealias OperationsPerCycle = Quantity<OperationsPerCycleKind>
public typealias Cycles = Quantity<CycleKind>
public typealias Frequency = Quantity<FrequencyKind>
public typealias Duration = Quantity<DurationKind>
public typealias Power = Quantity<PowerKind>
public typealias Energy = Quantity<EnergyKind>
public typealias Fraction = Quantity<FractionKind>

@inlinable public func / (bytes: Bytes, rate: BytesPerCycle) -> Cycles { Cycles(bytes.value / rate.value) }
@inlinable public func / (bytes: Bytes, rate: BytesPerSecond) -> Duration {
  Duration(bytes.value / rate.value)
}
@inlinable public func / (cycles: Cycles, clock: Frequency) -> Duration {
  Duration(cycles.value / clock.value)
}
@inlinable public func * (time: Duration, clock: Frequency) -> Cycles { Cycles(time.value * clock.value) }
@inlinable public func * (power: Power, time: Duration) -> Energy { Energy(power.value * time.value) }

/// Bytes that one cycle of `clock` carries at `rate`.
@inlinable public func / (rate: BytesPerSecond, clock: Frequency) -> BytesPerCycle {
  BytesPerCycle(rate.value / clock.value)
}
