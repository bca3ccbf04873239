/// A parameter that trades an FPGA's multipliers for cycles.
public struct ParallelismAxis: Sendable, Hashable {
  public var parameter: String
  /// Values to try, from the least parallel to the most.
  public var values: [String]
  public init(parameter: String, values: [String]) {
    self.parameter = parameter
    self.values = values
  }
}
