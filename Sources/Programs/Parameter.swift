/// A parameter of a schedule: its name, its values, and the calls that it says something about.
public protocol AnyParameter: Sendable {
  var name: String { get }
  var summary: String { get }
  var kind: ParameterKind { get }
  /// As a user would write it.
  var defaultValue: String { get }
  /// Calls on which the parameter can have an effect; nil for all.
  var dependsOn: Condition? { get }
  /// What is wrong with a value; nil where it is one.
  func problem(_ text: String) -> String?
}

extension AnyParameter {
  /// The values, where they are few.
  public var choices: [String] { if case .choice(let words) = kind { words } else { [] } }
}

/// Which values a parameter has.
public enum ParameterKind: Sendable, Hashable {
  case choice([String])
  /// Whole numbers of a range, or one of some words.
  case integer(ClosedRange<Int>, multipleOf: Int, words: [String])
  /// Whole numbers joined by `x`, as in 128x64, or one of some words.
  case size(axes: ClosedRange<Int>, each: ClosedRange<Int>, words: [String])
  /// What a value looks like, where no list or range says it.
  case text(String)

  /// `choice`, `integer`, `size` or `text`.
  public var name: String {
    switch self {
    case .choice: "choice"
    case .integer: "integer"
    case .size: "size"
    case .text: "text"
    }
  }
}

extension ParameterKind: CustomStringConvertible {
  /// As in `one of on, off` or `auto or a whole number from 1 to 128`.
  public var description: String {
    switch self {
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .integer(let range, let multiple, let words):
      Self.or(
        words,
        (multiple > 1 ? "a multiple of \(multiple)" : "a whole number")
          + " from \(range.lowerBound) to \(range.upperBound)")
    case .size(let axes, let each, let words):
      Self.or(
        words,
        "a size of \(axes.lowerBound == axes.upperBound ? "\(axes.lowerBound)" : "\(axes.lowerBound) to \(axes.upperBound)")"
          + " numbers from \(each.lowerBound) to \(each.upperBound), as in "
          + (0..<axes.upperBound).map { _ in "16" }.joined(separator: "x"))
    case .text(let form): form
    }
  }

  private static func or(_ words: [String], _ rest: String) -> String {
    (words + [rest]).joined(separator: " or ")
  }

  /// Values that show what the parameter does: all choices and words, powers of two and multiples of them in a range.
  public var samples: [String] {
    switch self {
    case .choice(let words): return words
    case .integer(let range, let multiple, let words):
      let numbers = (0...8).map { multiple << $0 }.filter { range.contains($0) && $0 <= max(256, multiple) }
      return words + numbers.map(String.init)
    case .size(_, _, let words): return words
    case .text: return []
    }
  }
}

/// A parameter with values of a type.
public struct Parameter<Value: Sendable & Equatable>: AnyParameter {
  public let name: String
  public let summary: String
  public let kind: ParameterKind
  public let defaultValue: String
  public let dependsOn: Condition?
  package let read: @Sendable (String) -> Value?

  /// A parameter with a form of its own.
  ///
  /// - Parameter kind: says in words what `read` takes.
  public init(
    _ name: String, _ summary: String, _ kind: ParameterKind, default defaultValue: String,
    dependsOn: Condition? = nil, read: @escaping @Sendable (String) -> Value?
  ) {
    self.name = name
    self.summary = summary
    self.kind = kind
    self.defaultValue = defaultValue
    self.dependsOn = dependsOn
    self.read = read
  }

  public func problem(_ text: String) -> String? {
    read(text) == nil ? "'\(text)' is not \(kind)" : nil
  }

  /// Whether the parameter, given or not, has one of these values, as a user would write them.
  public func `is`(_ texts: String...) -> Condition {
    Condition("\(name)=\(texts.joined(separator: " or "))") {
      texts.compactMap(read).contains($0.values[self])
    }
  }

  /// Whether it has none of them.
  public func isNot(_ texts: String...) -> Condition {
    Condition("\(name) other than \(texts.joined(separator: " or "))") {
      !texts.compactMap(read).contains($0.values[self])
    }
  }
}

extension Parameter where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of the cases of an enumeration.
  public init(_ name: String, _ summary: String, default value: Value, dependsOn: Condition? = nil) {
    self.init(
      name, summary, .choice(Value.allCases.map(\.rawValue)), default: value.rawValue, dependsOn: dependsOn,
      read: { Value(rawValue: $0) })
  }
}

extension Parameter where Value == Bool {
  /// `off` or `on`.
  public init(flag name: String, _ summary: String, dependsOn: Condition? = nil) {
    self.init(
      name, summary, .choice(["off", "on"]), default: "off", dependsOn: dependsOn,
      read: { $0 == "on" ? true : $0 == "off" ? false : nil })
  }
}

extension Parameter where Value == Int {
  /// A whole number.
  public init(
    _ name: String, _ summary: String, in range: ClosedRange<Int>, default value: Int,
    dependsOn: Condition? = nil
  ) {
    self.init(
      name, summary, .integer(range, multipleOf: 1, words: []), default: "\(value)", dependsOn: dependsOn,
      read: { Int($0).flatMap { range.contains($0) ? $0 : nil } })
  }
}

/// A whole number, or a word that stands for one.
public enum NumberOr<Word: Sendable & Hashable>: Sendable, Hashable {
  case word(Word)
  case number(Int)

  /// nil for a word.
  public var number: Int? { if case .number(let number) = self { number } else { nil } }
}

/// The schedule decides.
public enum Auto: String, CaseIterable, Sendable { case auto }
/// There is none.
public enum Off: String, CaseIterable, Sendable { case off }

extension Parameter {
  /// A whole number, or one of some words, the default among them.
  public init<Word: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ summary: String, in range: ClosedRange<Int>, multipleOf multiple: Int = 1,
    default word: Word, dependsOn: Condition? = nil
  ) where Value == NumberOr<Word>, Word.RawValue == String {
    self.init(
      name, summary, .integer(range, multipleOf: multiple, words: Word.allCases.map(\.rawValue)),
      default: word.rawValue, dependsOn: dependsOn,
      read: { text in
        if let word = Word(rawValue: text) { return .word(word) }
        guard let number = Int(text), range.contains(number), number % multiple == 0 else { return nil }
        return .number(number)
      })
  }

  /// Whether a number is given.
  public func isNumber<Word>() -> Condition where Value == NumberOr<Word> {
    Condition("\(name) as a number") { $0.values[self].number != nil }
  }
}

/// Whole numbers joined by `x`, as in 128x64.
public struct Size: Sendable, Hashable {
  public let numbers: [Int]

  package init?(_ text: String, axes: ClosedRange<Int>, each: ClosedRange<Int>) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    numbers = parts.compactMap { $0 }
    guard numbers.count == parts.count, axes.contains(numbers.count), numbers.allSatisfy(each.contains)
    else { return nil }
  }
}

extension Parameter where Value == Size {
  public init(
    _ name: String, _ summary: String, axes: Int, each: ClosedRange<Int>, default value: String,
    dependsOn: Condition? = nil
  ) {
    self.init(
      name, summary, .size(axes: axes...axes, each: each, words: []), default: value, dependsOn: dependsOn,
      read: { Size($0, axes: axes...axes, each: each) })
  }
}

extension Parameter where Value == Size? {
  /// A size, or `auto`, which is nil.
  public init(
    auto name: String, _ summary: String, axes: ClosedRange<Int>, each: ClosedRange<Int>,
    dependsOn: Condition? = nil
  ) {
    self.init(
      name, summary, .size(axes: axes, each: each, words: ["auto"]), default: "auto", dependsOn: dependsOn,
      read: { text in
        if text == "auto" { return .some(nil) }
        return Size(text, axes: axes, each: each).map { .some($0) }
      })
  }
}
