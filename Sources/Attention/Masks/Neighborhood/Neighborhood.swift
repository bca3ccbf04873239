/// Generalized neighborhood attention: tokens on a grid of one to three axes, a window on each.
///
/// A query attends to a key when it does on every axis; `NeighborhoodAxis` has the rule of one axis.
///
/// - Source: Hassani et al. 2025, "Generalized Neighborhood Attention"; SHI-Labs/NATTEN
///   csrc/include/natten/cuda/reference/mask.hpp and src/natten/utils/checks.py.
public struct Neighborhood: Sendable, Hashable {
  /// Slowest first: tokens are in row-major order, the last axis fastest.
  public let axes: [NeighborhoodAxis]
  /// The tile in whose order the tokens are permuted: dilation group, then tile, then place in the tile, each in
  /// row-major order. nil for plain row-major order.
  public let order: [Int]?

  /// - Parameters:
  ///   - stride, dilation, isCausal: one entry per axis; nil is 1, 1 and false on every axis.
  /// - Throws: `MaskProblem` for the first field that breaks its limit.
  public init(
    shape: [Int], window: [Int], stride: [Int]? = nil, dilation: [Int]? = nil, isCausal: [Bool]? = nil,
    order: [Int]? = nil
  ) throws(MaskProblem) {
    guard (1...3).contains(shape.count) else {
      throw MaskProblem(field: "shape", limit: 3, message: "a token grid has 1 to 3 axes, not \(shape.count)")
    }
    let tuples: [(String, Int?)] = [
      ("window", window.count), ("stride", stride?.count), ("dilation", dilation?.count),
      ("causal", isCausal?.count), ("order", order?.count),
    ]
    for case (let field, let count?) in tuples where count != shape.count {
      throw MaskProblem(
        field: field, limit: shape.count,
        message: "\(field) has \(count) entries for a token grid of \(shape.count) axes")
    }
    var axes: [NeighborhoodAxis] = []
    for index in shape.indices {
      let axis = NeighborhoodAxis(
        length: shape[index], window: window[index], stride: stride?[index] ?? 1,
        dilation: dilation?[index] ?? 1, isCausal: isCausal?[index] ?? false)
      if let problem = axis.problem(axis: index) { throw problem }
      if let tile = order?[index], let problem = axis.problem(orderTile: tile, axis: index) { throw problem }
      axes.append(axis)
    }
    let tokens = shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).overflow ? Int.max : $0 * $1 }
    guard tokens <= AttentionShape.largestExtent else {
      throw MaskProblem(
        field: "shape", limit: AttentionShape.largestExtent,
        message: "the token grid has more than \(AttentionShape.largestExtent) tokens")
    }
    self.axes = axes
    self.order = order
  }

  public var shape: [Int] { axes.map(\.length) }
  public var dilation: [Int] { axes.map(\.dilation) }
  public var tokens: Int { axes.reduce(1) { $0 * $1.length } }

  /// Pairs that may attend. Complexity: O(sum of axis lengths / strides).
  public var attendedPairs: Int { axes.reduce(1) { $0 * $1.attendedPairs } }
}
