import HWModels
import Programs

/// The parameters of all schedules for spatial machines.
struct SpatialOptions {
  let accounting: SpatialProgram.Accounting
  /// Width of the feed-forward layer where linear layers are part of the call.
  let feedForward: Int?

  private static let accountingParameter = Parameter(
    "accounting", "whose energies: as published (registers of one element only) or every access",
    default: SpatialProgram.Accounting.published)
  private static let feedForwardParameter = Parameter(
    "ffn",
    "adds the linear layers of an encoder with a feed-forward layer of this width; 0 for attention alone",
    in: 0...1 << 24, default: 0)
  static let parameters: [any AnyParameter] = [accountingParameter, feedForwardParameter]

  init(_ values: ParameterValues) {
    accounting = values[Self.accountingParameter]
    let width = values[Self.feedForwardParameter]
    feedForward = width == 0 ? nil : width
  }
}

extension DeviceNeed {
  static let spatial = part("spatial", "a 2-D and a 1-D array") { $0.spatial != nil }
  /// Elements of the 2-D array that do more than multiply and add.
  static let gridVector = part("spatial.gridVector", "a 2-D array whose elements do all operations") {
    $0.spatial?.gridVector.value == 1
  }
}

extension Support {
  /// Every key meets every query.
  static let spatial = Support(.init(masks: .none, dataTypes: DataType.allCases, heads: .any))
}
