/// What is wrong with a mask: the field to blame and the limit it breaks.
public struct MaskProblem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The name of the field, as in `window`; axes of token grids are told in the message.
  public let field: String
  /// The value that the field must not pass, where it is one number.
  public let limit: Int?
  public let message: String

  public init(field: String, limit: Int? = nil, message: String) {
    self.field = field
    self.limit = limit
    self.message = message
  }
  public var description: String { message }
}
