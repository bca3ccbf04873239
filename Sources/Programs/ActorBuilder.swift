/// Puts the blocks of an actor together, in the order in which its warps run them for a work item.
public struct ActorBuilder<Counts: StepCounts> {
  private(set) var blocks: [Block] = []

  /// Operations that every work item runs `trips` times.
  public mutating func once(trips: Int = 1, @OperationList _ operations: () -> [Operation]) {
    blocks.append(Block(trips: .fixed(trips), stepsPerTrip: 0, operations: operations()))
  }

  /// Operations that run as often as `count` says and leave the step where it is.
  public mutating func when(_ count: KeyPath<Counts, Int>, @OperationList _ operations: () -> [Operation]) {
    blocks.append(Block(trips: .count(count), stepsPerTrip: 0, operations: operations()))
  }

  /// A loop whose every trip moves on by `steps`.
  public mutating func each(
    _ count: KeyPath<Counts, Int>, offset: Int = 0, steps: Int = 1,
    @OperationList _ operations: () -> [Operation]
  ) {
    blocks.append(Block(trips: .count(count, offset: offset), stepsPerTrip: steps, operations: operations()))
  }
}

/// Operations one after the other, with conditions and loops between them.
@resultBuilder
public enum OperationList {
  public static func buildExpression(_ operation: Operation) -> [Operation] { [operation] }
  public static func buildExpression(_ operation: Operation?) -> [Operation] { operation.map { [$0] } ?? [] }
  public static func buildExpression(_ operations: [Operation]) -> [Operation] { operations }
  public static func buildBlock(_ parts: [Operation]...) -> [Operation] { parts.flatMap(\.self) }
  public static func buildOptional(_ part: [Operation]?) -> [Operation] { part ?? [] }
  public static func buildEither(first: [Operation]) -> [Operation] { first }
  public static func buildEither(second: [Operation]) -> [Operation] { second }
  public static func buildArray(_ parts: [[Operation]]) -> [Operation] { parts.flatMap(\.self) }
}
