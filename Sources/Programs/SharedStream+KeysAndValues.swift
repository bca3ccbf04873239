package import Attention
import HWModels

extension Kernel.SharedStream {
  /// Keys and values of each key-value head, as forward kernels stream them.
  ///
  /// - Parameter bytesPerKey: keys and values of one token and head; as the call has them where nil.
  package static func keysAndValues(of shape: AttentionShape, bytesPerKey: Double? = nil) -> Self {
    let bytes = bytesPerKey ?? Double(shape.cachedColumns * shape.dataType.bytes)
    var stream = Self(
      sequences: shape.batch * shape.headsKV, bytesRead: shape.totalKeys / Double(shape.batch) * bytes,
      bytesAccumulated: 0)
    stream.bytesCommon = Double(shape.sharedPrefix) * bytes
    stream.commonTo = shape.batch
    return stream
  }
}
