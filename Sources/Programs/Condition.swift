public import Attention

/// A statement about a call and the parameters of its schedule, with its words.
public struct Condition: Sendable, CustomStringConvertible {
  /// As in `build=cpp and the forward pass`.
  public let description: String
  private let test: @Sendable (ScheduleCall) -> Bool

  public init(_ description: String, _ test: @escaping @Sendable (ScheduleCall) -> Bool) {
    self.description = description
    self.test = test
  }

  public func holds(for call: ScheduleCall) -> Bool { test(call) }

  public static func && (left: Condition, right: Condition) -> Condition {
    Condition("\(left) and \(right)") { left.test($0) && right.test($0) }
  }

  public static func || (left: Condition, right: Condition) -> Condition {
    Condition("\(left), or \(right)") { left.test($0) || right.test($0) }
  }
}

/// A call with its mask in the plainest form, and checked parameters.
public struct ScheduleCall: Sendable {
  public let shape: AttentionShape
  public let values: ParameterValues

  public init(_ shape: AttentionShape, _ values: ParameterValues) {
    self.shape = shape
    self.values = values
  }
}

extension Condition {
  public static let forward = Condition("the forward pass") { $0.shape.pass == .forward }
  public static let backward = Condition("the backward pass") { $0.shape.pass == .backward }
  public static let groupedHeads = Condition("fewer KV heads than query heads") { $0.shape.group > 1 }
  public static let oneMaskForAllHeads = Condition("one mask for all heads") {
    if case .perHead = $0.shape.mask { false } else { true }
  }
  /// Rules that dense kernels have built in.
  public static let bandMask = masks(.bands)
  public static let anyMask = Condition("a mask") { $0.shape.mask != .none }
  public static let sharedPrefix = Condition("a shared prefix") { $0.shape.sharedPrefix > 0 }
  public static let equalLengths = Condition("sequences of one length") { $0.shape.lengths == nil }

  public static func masks(_ masks: MaskSupport) -> Condition {
    Condition("\(masks)") { masks.admits($0.shape) }
  }
}
