/// A mask that cannot be read.
public struct MaskSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
  public let text: String
  /// Where in the text, in UTF-8 units from its start.
  public let position: Int
  /// The part of the mask to blame, as in `window`.
  public let field: String
  /// The number that the field must not pass, where there is one.
  public let limit: Int?
  public let reason: String

  public init(text: String, position: Int, field: String, limit: Int? = nil, reason: String) {
    self.text = text
    self.position = position
    self.field = field
    self.limit = limit
    self.reason = reason
  }

  public var description: String {
    "\(field) at character \(position + 1) of '\(excerpt)': \(reason)"
  }

  /// The text, or what is around the position in a long one.
  private var excerpt: String {
    let reach = 40
    let units = text.utf8
    guard units.count > 4 * reach else { return text }
    let start = max(position - reach, 0)
    let part = units.dropFirst(start).prefix(2 * reach)
    return (start > 0 ? "..." : "") + String(decoding: part, as: UTF8.self)
      + (start + part.count < units.count ? "..." : "")
  }
}
