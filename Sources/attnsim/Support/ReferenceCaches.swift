import Interpreter
import Synchronization

/// References in double precision for each family of shapes, kept until the last part of the family is done.
final class ReferenceCaches: Sendable {
  private struct State {
    var caches: [Int: ReferenceCache] = [:]
    /// Parts that are not done, by family.
    var left: [Int: Int]
  }
  private let state: Mutex<State>

  /// - Parameter parts: the family of each part.
  init(parts: [Int]) {
    state = Mutex(State(left: parts.reduce(into: [:]) { $0[$1, default: 0] += 1 }))
  }

  func cache(of family: Int) -> ReferenceCache {
    state.withLock { state in
      if let there = state.caches[family] { return there }
      let new = ReferenceCache()
      state.caches[family] = new
      return new
    }
  }

  /// A part of a family is done.
  func finish(_ family: Int) {
    state.withLock { state in
      state.left[family, default: 1] -= 1
      if state.left[family] == 0 { state.caches[family] = nil }
    }
  }
}
