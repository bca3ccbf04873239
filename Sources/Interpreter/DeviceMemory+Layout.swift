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
    case .logSumExp, .partialLogSumExp, .delta: (shape.seqQ, 1)
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
    case .logSumExp, .partialO, .partialLogSumExp, .gradQAccumulator,
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
    case .q, .o, .partialO, .logSumExp, .partialLogSumExp: true
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
    case .gradO: 7
    case .gradQ: 8
    case .gradK: 9
    case .gradV: 10
    case .gradQAccumulator: 11
    case .gradKAccumulator: 12
    case .gradVAccumulator: 13
    case .delta: 14
    case .permutedQ: 15
    case .permutedK: 16
    case .permutedV: 17
    case .permutedO: 18
    case .permutedLogSumExp: 19
    }
  }
}
