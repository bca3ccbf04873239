import Programs

/// The parameters of all schedules for spatial machines.
struct SpatialOptions {
  let accounting: SpatialProgram.Accounting
  /// Width of the feed-forward layer where linear layers are part of the call.
  let feedForward: Int?

  private static let accountingParameter = ParameterDescription(
    name: "accounting",
    summary: "whose energies: as published (registers of one element only) or every access",
    choices: SpatialProgram.Accounting.allCases.map(\.rawValue), defaultValue: "published")
  private static let feedForwardParameter = ParameterDescription(
    name: "ffn",
    summary:
      "adds the linear layers of an encoder with a feed-forward layer of this width; 0 for attention alone",
    defaultValue: "0")
  static let parameters = [accountingParameter, feedForwardParameter]
  private static let widest = 1 << 24

  init(_ parameters: ScheduleParameters) throws(ScheduleError) {
    try parameters.requireKnown(Self.parameters)
    accounting = .init(rawValue: try parameters.value(Self.accountingParameter)) ?? .published
    let text = try parameters.value(Self.feedForwardParameter)
    guard let width = Int(text), (0...Self.widest).contains(width) else {
      throw .parameter(name: "ffn", message: "'\(text)' is not a whole number from 0 to 2^24")
    }
    feedForward = width == 0 ? nil : width
  }
}
