package import Attention
import Synchronization

/// Results in double precision, each computed once: who asks while another thread computes waits for it.
public final class ReferenceCache: Sendable {
  private struct Key: Hashable {
    var shape: AttentionShape
    var kind: AttentionData.Kind
    var seed: UInt64
  }
  private final class Entry: Sendable {
    let reference = Mutex<Reference?>(nil)
  }
  private let known = Mutex<[Key: Entry]>([:])

  public init() {}

  package func reference(for shape: AttentionShape, kind: AttentionData.Kind, seed: UInt64) -> Reference {
    let key = Key(shape: shape, kind: kind, seed: seed)
    let entry = known.withLock { known in
      if let there = known[key] { return there }
      let new = Entry()
      known[key] = new
      return new
    }
    return entry.reference.withLock { reference in
      if let reference { return reference }
      let made = Reference(AttentionData(shape: shape, kind: kind, seed: seed))
      reference = made
      return made
    }
  }
}
