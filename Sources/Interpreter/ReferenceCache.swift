package import Schedules
import Synchronization

/// Results in double precision, each computed once. May be shared between threads.
public final class ReferenceCache: Sendable {
  private struct Key: Hashable {
    var shape: AttentionShape
    var kind: AttentionData.Kind
    var seed: UInt64
  }
  private let known = Mutex<[Key: Reference]>([:])

  public init() {}

  package func reference(for shape: AttentionShape, kind: AttentionData.Kind, seed: UInt64) -> Reference {
    let key = Key(shape: shape, kind: kind, seed: seed)
    if let found = known.withLock({ $0[key] }) { return found }
    let made = Reference(AttentionData(shape: shape, kind: kind, seed: seed))
    known.withLock { $0[key] = made }
    return made
  }
}
