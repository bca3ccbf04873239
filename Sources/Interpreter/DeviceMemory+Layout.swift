import Attention
import HWModels
import Programs

/// How tensors lie in device memory.
extension DeviceMemory {
  /// More rows than any padded tensor has: how many there are is the business of who writes it.
  private static let mostRows = 1 << 28

  /// Rows and columns of one head's part of a tensor.
  static func extent(_ tensor: Tensor, _ shape: AttentionShape) -> (rows: Int, columns: Int) {
    switch tensor {
    case .q, .gradQ, .gradQAccumulator: (shape.seqQ, shape.headDim)
    case .k, .gradK, .gradKAccumulator: (shape.seqKV, shape.headDim)
    case .v, .gradV, .gradVAccumulator: (shape.seqKV, shape.headDimV)
    case .o, .partialO, .gradO: (shape.seqQ, shape.headDimV)
    case .logSumExp, .partialLogSumExp, .partialMaximum, .partialSum, .delta: (shape.seqQ, 1)
    case .permutedQ, .permutedK: (mostRows, shape.headDim)
    case .permutedV, .permutedO: (mostRows, shape.headDimV)
    case .permutedLogSumExp: (mostRows, 1)
    }
  }

  /// Type of a tensor's elements.
  static func type(_ tensor: Tensor, _ shape: AttentionShape) -> DataType {
    switch tensor {
    case .q, .k, .v, .gradO, .permutedQ, .permutedK, .permutedV: shape.dataType
    case .permutedO, .o, .gradQ, .gradK, .gradV: shape.dataType.outputType
    case .logSumExp, .partialO, .partialLogSumExp, .partialMaximum, .partialSum, .gradQAccumulator,
      .gradKAccumulator, .gradVAccumulator, .delta, .permutedLogSumExp:
      .fp32
    }
  }
}

extension Tensor {
  /// Whether it has one part for each key-value head, and not for each query head.
  var isPerKeyValueHead: Bool {
    switch self {
    case .k, .v, .gradK, .gradV, .gradKAccumulator, .gradVAccumulator, .permutedK, .permutedV: true
    default: false
    }
  }

  /// Whether its rows are queries.
  var isPerQuery: Bool {
    switch self {
    case .q, .o, .partialO, .logSumExp, .partialLogSumExp, .partialMaximum, .partialSum: true
    default: false
    }
  }

  /// Its place among all tensors.
  var index: Int {
    switch self {
    case .q: 0
    case .k: 1
    case .v: 2
    case .o: 3
    case .logSumExp: 4
    case .partialO: 5
    case .partialLogSumExp: 6
    case .partialMaximum: 7
    case .partialSum: 8
    case .gradO: 9
    case .gradQ: 10
    case .gradK: 11
    case .gradV: 12
    case .gradQAccumulator: 13
    case .gradKAccumulator: 14
    case .gradVAccumulator: 15
    case .delta: 16
    case .permutedQ: 17
    case .permutedK: 18
    case .permutedV: 19
    case .permutedO: 20
    case .permutedLogSumExp: 21
    }
  }
}
