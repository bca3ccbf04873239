/// How often a work item runs each loop of its kernel, by name.
///
/// A kernel declares a structure of whole numbers, or of such structures, and nothing else, each with a default. It names
/// the numbers in loops (`\.masked`) and carries them in classes of work items (`Steps(masked: 2)`).
/// ```swift
/// struct Steps: StepCounts { var first = 0, masked = 0, whole = 0 }
/// ```
public protocol StepCounts: Sendable, Hashable {
  init()
}

extension StepCounts {
  /// The numbers in the order of their declaration.
  public var numbers: [Int] {
    withUnsafeBytes(of: self) { bytes in
      (0..<Self.count).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Int>.stride, as: Int.self)
      }
    }
  }

  /// Names in the order of the numbers, as words: `firstWhole` is "first whole".
  public static var names: [String] {
    let names = Self.names(in: Self())
    guard names.count == count else { fatalError("\(Self.self) holds more than whole numbers") }
    return names
  }

  private static func names(in value: Any) -> [String] {
    Mirror(reflecting: value).children.flatMap { label, value in
      let words = (label ?? "").reduce(into: "") { $0 += $1.isUppercase ? " \($1.lowercased())" : String($1) }
      return value is Int ? [words] : names(in: value).map { "\(words) \($0)" }
    }
  }

  /// The place of a number among all.
  static func place(of path: KeyPath<Self, Int>) -> Int {
    guard let offset = MemoryLayout<Self>.offset(of: path) else { fatalError("\(path) is not stored") }
    return offset / MemoryLayout<Int>.stride
  }

  private static var count: Int { MemoryLayout<Self>.size / MemoryLayout<Int>.stride }
}

/// The counts of a kernel without loops of its own.
public struct NoSteps: StepCounts {
  public init() {}
}

extension TripCount {
  /// As often as the work item's number says, and `offset` more; not at all where that is below 0.
  public static func count<Counts: StepCounts>(_ path: KeyPath<Counts, Int>, offset: Int = 0) -> TripCount {
    .variable(Counts.place(of: path), offset: offset)
  }
}

extension ItemClass {
  public init(_ steps: some StepCounts = NoSteps(), walk: Walk = .ascending(0..<0)) {
    self.init(values: steps.numbers, walk: walk)
  }
}
