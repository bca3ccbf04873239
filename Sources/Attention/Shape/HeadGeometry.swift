/// Head dimensions that a kernel is compiled for, where it takes no others.
public struct HeadGeometry: Sendable, Hashable {
  public var headDim: Int
  public var headDimV: Int
  public var headsKV: Int

  public init(headDim: Int, headDimV: Int, headsKV: Int) {
    self.headDim = headDim
    self.headDimV = headDimV
    self.headsKV = headsKV
  }

  /// The latent of multi-head latent attention as DeepSeek's models have it: 512 numbers that are keys and values, and 64
  /// of position; one for all query heads.
  public static let latent = HeadGeometry(headDim: 576, headDimV: 512, headsKV: 1)
}

extension AttentionShape {
  /// The call with a kernel's head dimensions in place of its own, all else alike: what tests and `verify` ask of kernels
  /// that take no others.
  public func fitted(to geometry: HeadGeometry?) -> AttentionShape {
    guard let geometry, headsQ % geometry.headsKV == 0 else { return self }
    var shape = self
    shape.headDim = geometry.headDim
    shape.headDimV = geometry.headDimV
    shape.headsKV = geometry.headsKV
    return shape
  }
}
